#!/bin/sh
# snapshots.sh - the fuzz target of saved snapshots on the files that are kept
# beside it: those that once broke something, and one of each kind of damage.
folder=${srcdir:-.}/tests/fuzz/snapshots
echo 1..2
fuzz=${top_builddir:-.}/tests/fuzz/fuzz_snapshot
count=$(find "$folder" -type f | wc -l)
got=$("$fuzz" "$folder" 2>&1)
if [ "$got" = "$((count)) inputs" ]; then
	echo "ok 1 - $got"
else
	echo "not ok 1 - $got"
fi
# Only what is meant to be read is.
wrong=
for file in "$folder"/*; do
	name=${file##*/}
	line=$("${top_builddir:-.}/heaptop" report "$file" 2>&1 >/dev/null)
	case $name in
	good* | plain* | huge.json | changes-that-wrap* | user-mark-of-none* | found-* | not-utf8*)
		[ -z "$line" ] || wrong="$wrong $name" ;;
	*)
		case $line in
		"heaptop: cannot read '"*"; save the snapshot again") ;;
		*) wrong="$wrong $name" ;;
		esac ;;
	esac
done
if [ -z "$wrong" ]; then
	echo "ok 2 - each damaged file has one line"
else
	echo "not ok 2 -$wrong"
fi
