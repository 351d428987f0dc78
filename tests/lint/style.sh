#!/usr/bin/env bash
# What a look at the text tells about it.
. "$(dirname "$0")/lib.sh"

texts()
{
	present_files "$@" | grep -vE '\.(png|json|bin|segment)$'
}

c_files()
{
	present_files "$@" | grep '\.c$'
}

texts | xargs grep -nIwE '[T]ODO|[F]IXME|[X]XX' /dev/null |
	holds 'nothing is left for later in a comment'

texts | xargs grep -nIE \
	'(^|[^A-Za-z0-9_.>$}])/(home|root|work|farm|Users)/[A-Za-z0-9.]' \
	/dev/null | grep -v '^tests/lint/' |
	holds 'no path of a machine of ours'

texts src include | grep '\.[ch]$' | xargs grep -nE \
	'(@(param|return|brief)|\\(param|brief|return)\b)' /dev/null |
	holds 'contracts are sentences, not tags'

for file in $(c_files src); do
	grep -m1 -E '^[ \t]*#[ \t]*include' "$file" |
		grep -qE '"config\.h"|^$' || echo "$file"
done | holds 'config.h comes first in every .c'

present_files src include | grep '\.h$' | xargs grep -n '"config\.h"' \
	/dev/null | holds 'and in no header'

present_files src | grep '\.c$' | xargs grep -nE '^[^*]*[^:]//( |$)' /dev/null |
	holds 'comments are of the /* */ kind'

for header in $(present_files src include | grep '\.h$'); do
	guard=$(grep -cE '^#(ifndef|define) HEAPTOP_[A-Z0-9_]+_H$' "$header")
	[ "$guard" = 2 ] || echo "$header"
done | holds 'every header is guarded by a name of its own'

texts tests | grep -v '/programs/' | xargs grep -nE \
	'^[ \t]*(sleep|usleep|time\.sleep|nanosleep)\b' /dev/null |
	holds 'no test sleeps; it waits on a condition, with a deadline'

present_files | grep -E '\.(c|h|sh|py|am|ac|md|def)$|^bootstrap$' |
	xargs grep -nE '[ 	]+$' /dev/null | grep -v '\.md:' |
	holds 'no blanks at the end of a line'

# What a file sets that another reads is no unused variable.
if command -v shellcheck >/dev/null; then
	{
		present_files tests share | grep '\.sh$'
		present_files bootstrap .ci share/examples tests/bench |
			while read -r file; do
				head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh$' &&
					echo "$file"
			done
	} | sort -u | xargs shellcheck -x -s bash -S warning -e SC2034,SC2154 -f gcc |
		holds 'shellcheck finds nothing in the shell scripts'
else
	points=$((points + 1))
	echo "ok $points - shellcheck # SKIP shellcheck is not installed"
fi

done_holding
