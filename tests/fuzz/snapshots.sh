#!/bin/sh
# snapshots.sh - heaptop on saved snapshots that once broke something, and on
# one of each kind of damage.
folder=${srcdir:-.}/tests/fuzz/corpus/snapshot
echo 1..1
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
	echo "ok 1 - each damaged file has one line"
else
	echo "not ok 1 -$wrong"
fi
