#!/usr/bin/env bash
# Who may include whom. A room is a folder of src; what it may take from
# others stands in the table below, and nowhere else.
. "$(dirname "$0")/lib.sh"

allowed='
agent
base
model	base
symbol	base
inject	base
source	base model wire
export	base model
viewer	base model symbol source
cmd	base model symbol inject source export viewer wire
gen	base model viewer cmd export wire
'

# The one file that may have what is too much for its whole room.
exceptions='
src/viewer/screen.c curses
src/agent/unwind_libunwind.c libunwind
src/agent/unwind.c libunwind
'

may_include()
{
	local from=$1 to=$2 room

	[ "$from" != "$to" ] || return 0
	[ "$from $to" != 'agent wire' ] || return 0
	for room in $(awk -v r="$from" '$1 == r { $1 = ""; print }' \
		<<<"$allowed"); do
		[ "$room" != "$to" ] || return 0
	done
	return 1
}

# Lines FILE:LINE:ROOM, for each include of another room.
room_includes()
{
	present_files src | grep '\.[ch]$' | xargs grep -nE \
		'^[ \t]*#[ \t]*include[ \t]+["<]' /dev/null |
		sed -nE '
			s/^([^:]*:[0-9]+):.*["<]heaptop\/wire\.h[">].*/\1:wire/p
			s/^([^:]*:[0-9]+):.*"([a-z]+)\/[^"]*".*/\1:\2/p'
}

is_exception()
{
	grep -qxF "$1 $2" <<<"$exceptions"
}

# Files of src that include what matches.
includers()
{
	present_files src | grep '\.[ch]$' | xargs grep -lE \
		"^[ \t]*#[ \t]*include[ \t]+[<\"]($1)" /dev/null
}

room_includes | while IFS=: read -r file line to; do
	from=$(cut -d/ -f2 <<<"$file")
	case $to in
	heaptop | py | arch) continue ;;
	esac
	may_include "$from" "$to" ||
		echo "$file:$line: $from may not include $to"
done | holds 'rooms include only the rooms that they may'

for room in src/*/; do
	room=${room#src/}
	room=${room%/}
	[ -n "$(present_files "src/$room")" ] || continue
	awk -v r="$room" '$1 == r { found = 1 } END { exit !found }' \
		<<<"$allowed" || echo "src/$room is in no line of the table"
done | holds 'every room has a line in the table'

includers '(ncursesw/)?(n?curses|term)\.h' | while read -r file; do
	is_exception "$file" curses || echo "$file"
done | holds 'only screen.c knows curses'

includers 'libunwind' | while read -r file; do
	is_exception "$file" libunwind || echo "$file"
done | holds 'libunwind stays behind unwind.h'

includers 'Python\.h' | holds 'no header of Python is used'

present_files src | grep '\.[ch]$' | xargs grep -nE \
	'^[ \t]*#[ \t]*include[ \t]+"[^"]*\.c"' /dev/null |
	holds 'no .c file includes another'

done_holding
