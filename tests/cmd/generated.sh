#!/bin/bash
# generated.sh - help, manual and completions know every command and option.
# shellcheck source=tests/cmd/lib.sh
. "$top_srcdir/tests/cmd/lib.sh"

share=$top_builddir/share
try "$heaptop" --help
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' out)
is 'help is a success' '0 ' "$status $err"
like 'help knows run' '*run*report*' "$commands"
is 'help fits a terminal' 'yes' \
    "$([ "$(wc -l <out)" -le 34 ] && ! grep -q '.\{80\}' out && echo yes)"
try "$heaptop" --version
like '--version' 'heaptop [0-9]*' "$out"
try "$heaptop" help
is 'help and --help are the same' "$("$heaptop" --help)" "$out"

missing() { # FILE: words of the commands' help that it lacks
	local command word

	for command in $commands viewer; do
		[ "$command" = viewer ] || grep -q -- "$command" "$1" ||
		    echo "$command"
		for word in $("$heaptop" help "$command" |
		    sed -n 's/^  .*--\([a-z-]*\).*/\1/p'); do
			sed 's/\\-/-/g' "$1" | grep -q -- "$word" ||
			    echo "--$word"
		done
	done | sort -u
}
for file in man/heaptop.1 completions/heaptop completions/_heaptop \
    completions/heaptop.fish; do
	is "$file has all" '' "$(missing "$share/$file")"
done
is 'no template is left' '' "$(grep -l '^@.*@$' "$share"/man/*.1 \
    "$share"/completions/* 2>/dev/null | grep -v '\.in$')"
for shell in bash zsh fish; do
	file=$share/completions/heaptop
	case $shell in
	zsh) file=$share/completions/_heaptop ;;
	fish) file=$share/completions/heaptop.fish ;;
	esac
	if command -v $shell >/dev/null; then
		is "$shell takes its completion" '' "$($shell -n "$file" 2>&1)"
	else
		skip "$shell takes its completion" "there is no $shell"
	fi
done

offers() { # LINE: what bash offers for its last word
	# shellcheck source=/dev/null
	. "$share/completions/heaptop"
	read -ra COMP_WORDS <<<"$1"
	[[ $1 != *' ' ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_heaptop
	echo "${COMPREPLY[*]}"
}
heaptop() { :; }
is 'commands complete' report "$(offers 'heaptop repo')"
is 'options complete' --group-by "$(offers 'heaptop report --gro')"
is 'values complete' 'traceback' "$(offers 'heaptop report -g tr')"
is 'a value as the next word' 'rules libunwind check' \
    "$(offers 'heaptop run --unwinder ')"
like 'programs complete' '*bash*' "$(offers 'heaptop run --headless ba')"
like 'also after --sample' '*bash*' "$(offers 'heaptop run --sample ba')"
like 'and its number' '*bash*' "$(offers 'heaptop run --sample 64K ba')"

minor=$(sed -n 's/^#define WIRE_MINOR[^0-9]*\([0-9]*\)$/\1/p' \
    "$top_srcdir/include/heaptop/wire.h")
is 'heaptop-wire(5) has the version' "The version, 1.$minor." \
    "$(grep '^The version' "$top_srcdir/share/man/heaptop-wire.5")"
for page in "$share/man/heaptop.1" "$top_srcdir"/share/man/*.5; do
	if command -v man >/dev/null; then
		is "${page##*/} is sound" '' \
		    "$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" \
		    2>&1 >/dev/null)"
	else
		skip "${page##*/} is sound" 'there is no man'
	fi
done
plan
