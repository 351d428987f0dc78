#!/bin/bash
# segments.sh - what a run leaves, and the commands that read it.
# shellcheck source=tests/cmd/lib.sh
. "$top_srcdir/tests/cmd/lib.sh"

holder=$top_builddir/tests/cmd/holder
number() { # MEMBER DOCUMENT: a number of the first object that has it
	grep -o "\"$1\":[0-9-]*" <<<"$2" | head -1 | cut -d: -f2
}
# Starts holder under heaptop, with $in and $from open to it.
start() {
	mkfifo in from
	"$heaptop" run "$@" "$holder" "${ending:-0}" <in >from 2>run.err &
	runner=$!
	tap_children="$tap_children $runner"
	exec 8>in 9<from
	rm in from
}
alive() {
	pid=$("$heaptop" list --json | grep '"alive":true' |
	    grep -o '"pid":[0-9]*' | cut -d: -f2)
	[ -n "$pid" ]
}
hold() {
	echo "$1 $2" >&8
	read -r -t 20 -u 9 reply
	wait_for alive
}
finish() {
	exec 8>&-
	wait "$runner"
	status=$?
	exec 9<&-
}

# A live process.
start --headless --keep
hold 1000 100
is 'it answers' held "$reply"
try "$heaptop" list
like 'list shows it' "*$pid running * exact *holder 0*" "$out"
try "$heaptop" report "$pid" --json --filter holder.c:19 --top 0
is 'report has every block' '1000 100000' \
    "$(number count "$out") $(number size "$out")"
try "$heaptop" report holder --filter holder.c:19
like 'by name, as text' '*holder.c:19: size=97.7 KiB, count=1000, *' "$out"
try "$heaptop" report "$pid" --fail-above 1K
is 'a threshold that is exceeded' 3 "$status"
try "$heaptop" report "$pid" --fail-above 1G
is 'a threshold that is not' 0 "$status"
try "$heaptop" report "$pid" --columns count,site --filter holder.c
like 'chosen columns' '*COUNT CALL SITE
*1000 *holder.c:19
*' "$out"
try "$heaptop" snapshot "$pid" -o before.json
is 'a snapshot' '0 ' "$status $err"
cp before.json kept.json
try "$heaptop" snapshot "$pid" -o kept.json
like 'never over another' "1 *'kept.json': it is there already; *--replace*" \
    "$status $err"
is 'which stays as it was' '' "$(cmp before.json kept.json 2>&1)"
hold 500 100
try "$heaptop" snapshot "$pid" -o kept.json --replace
is 'unless asked to' '0  600' "$status $err $(stat -c %a kept.json)"
try "$heaptop" diff --ledger before.json "$pid"
like 'ledgers are compared' 'ledger: RSS * (*); *live in call sites*' "$out"
try "$heaptop" diff --ledger --json before.json "$pid"
like 'in JSON too' '*"ledger":{*"since":{"time":*"rss":*"live":*}*"verdict":*' "$out"
try "$heaptop" diff --json before.json "$pid"
is 'when asked for' '0' "$(grep -c '"since":{"time"' "$work/out")"
try "$heaptop" diff before.json kept.json --filter holder.c
like 'and it is the new one' '*count=1500 (+500), *' "$out"
is 'nothing is left beside' 'before.json kept.json' "$(echo ./*.json* | sed 's|\./||g')"
try "$heaptop" diff before.json "$pid" --filter holder.c
like 'growth since the snapshot' \
    '*holder.c:19: size=146 KiB (+48.8 KiB), count=1500 (+500), *' "$out"
try "$heaptop" diff "$pid" before.json --filter holder.c
like 'and the other way round' \
    '*holder.c:19: size=97.7 KiB (-48.8 KiB), count=1000 (-500), *' "$out"
try "$heaptop" diff before.json "./before.json" --json --top 0
is 'nothing between the same' '0' "$(number size_diff "$out")"
try "$heaptop" top -b -n 2 -d 0.1 "$pid" --filter holder.c
is 'top -b prints twice' 2 "$(grep -c 'holder.c:19: ' <<<"$out")"
is 'and the second time growth' 1 "$(grep -c 'count=1500 (+0)' <<<"$out")"
try "$heaptop" top -b -n 2 -d 0.1 --mark-after 1K --columns trend,age,site "$pid"
like 'growth since a size, and how it went' "*growth since 'at 1024 B', *TREND*" "$out"
try "$heaptop" top -b -n 3 -d 0.05 --json "$pid"
is 'top --json: a document a line' 3 "$(grep -c '^{"group_by".*}$' <<<"$out")"
try "$heaptop" export "$pid" --format folded
like 'export' '*hold*;*' "$out"
try "$heaptop" clean
is 'clean leaves the living' '' "$out"
finish
is 'its status' '0 ' "$status $(cat run.err)"

# The same, dead.
try "$heaptop" list
like 'list shows it as exited' "*$pid exited *" "$out"
try "$heaptop" report "$HEAPTOP_DIR/$pid"-*.heaptop --filter holder.c
like 'its segment can be read' '*holder.c:19: * count=1500, *' "$out"
try "$heaptop" report "$pid" --filter holder.c
like 'by its PID as well' '*holder.c:19: * count=1500, *' "$out"
file=$(echo "$HEAPTOP_DIR"/*.heaptop)
try "$heaptop" clean
is 'clean removes it' "$file" "$out"
is 'nothing is left' '' "$(ls "$HEAPTOP_DIR")"
try "$heaptop" list --json
is 'an empty list' '[ ]' "$(paste -sd ' ' out)"

# What run keeps.
start --save saved.json
hold 10 1000
finish
try "$heaptop" report saved.json --filter holder.c
like '--save' '*holder.c:19: size=10000 B, count=10, *' "$out"
is 'the segment is gone' '' "$(ls "$HEAPTOP_DIR")"
start
hold 1 1
finish
is 'nothing is kept after a clean end' '' "$(ls "$HEAPTOP_DIR")"
ending=-9 start
hold 10 1000
finish
is 'killed' 137 "$status"
try "$heaptop" report "$pid" --filter holder.c
like 'killed: its last totals are there' '*holder.c:19: * count=*' "$out"
"$heaptop" clean >/dev/null
ending=-15 start
hold 1 1
finish
is 'ended by SIGTERM' '143 ' "$status $(ls "$HEAPTOP_DIR")"

# A reader that has seen enough.
start
hold 100 100
try bash -c "'$heaptop' report $pid --top 0 -g traceback 2>&1 | head -1 | wc -l"
is 'a closed pipe is quiet' 1 "$out"
try bash -c "'$heaptop' report $pid --top 0 >/dev/full"
is 'a full disk is not' '1 heaptop: cannot write the output; is the disk full?' \
    "$status $err"
finish
plan
