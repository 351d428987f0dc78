#!/usr/bin/env bash
# The viewer driven by a script, without a terminal.
set -u
viewer=${top_builddir:-.}/tests/screen/made_viewer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HEAPTOP_DIR=$work/none LC_ALL=C.UTF-8
unset NO_COLOR
count=0

# verdict STATUS NAME
verdict()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		sed 's/^/# /' "$work/out" "$work/err"
	fi
}

# play ARGUMENT...: the script comes on standard input
play()
{
	cat >"$work/script"
	"$viewer" --script "$work/script" "$@" >"$work/out" 2>"$work/err" \
		</dev/null
}

echo 1..6

play --grow --delay 0.1 <<-END
	# figures grow
	wait-for lines.py:345
	key m
	wait-for mark, 0:01 ago
	type /axis
	key Enter
	wait-for search: axis
	dump $work/screen
END
verdict $? 'keys, text and waits'

grep -q '^ LIVE\|+/-▼' "$work/screen" && grep -q 'axis.py:1530' "$work/screen"
verdict $? 'a dump is the screen as text'

play --theme light <<-END
	resize 100x30
	click 7 5
	wheel down
	key Enter
	wait-for Traceback
	dump-color -
	quit
	key Nokey
END
rc=$?
[ $rc -eq 0 ] && [ "$(wc -l <"$work/out")" -eq 30 ] &&
	grep -q $'\033\[0;1m' "$work/out"
verdict $? 'mouse, sizes and dumps in colour; quit ends it'

play <<-END
	key Down Nokey
END
rc=$?
[ $rc -eq 1 ] && grep -q "script:1: 'key Down Nokey': no such key" "$work/err"
verdict $? 'a key that is none fails with its line'

play --ascii <<-END
	key ?
	dump -
END
rc=$?
[ $rc -eq 0 ] && ! LC_ALL=C grep -q '[^ -~]' "$work/out"
verdict $? 'ASCII is nothing else'

"$viewer" --script "$work/missing" >"$work/out" 2>"$work/err"
rc=$?
[ $rc -eq 1 ] && grep -q 'missing' "$work/err"
verdict $? 'a script that is not there'
