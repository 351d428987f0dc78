#!/usr/bin/env bash
# What is in the tree, and where.
. "$(dirname "$0")/lib.sh"

git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -vE \
	'^(src|include|tests|share|configure\.ac|Makefile\.am|README\.md|LICENSE|bootstrap|\..*)$' |
	holds 'the top level holds what it should and no more'

git ls-files -ci --exclude-standard 2>/dev/null |
	holds 'nothing generated is in the repository'

git ls-files 2>/dev/null | grep -E \
	'(\.(o|a|so|pyc|trs|log|orig|rej|swp)|~|/(configure|config\.status|Makefile(\.in)?))$' |
	holds 'no file that a build or an editor left'

present_files src include tests | grep '\.[ch]$' | xargs -r wc -l |
	awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }' |
	holds 'no C file is longer than 600 lines'

present_files bootstrap .ci share tests | while read -r file; do
	head -n 1 "$file" | grep -q '^#!' && [ ! -x "$file" ] &&
		case $file in *.py | *.sh) ;; *) echo "$file" ;; esac
done | holds 'what starts with #! can be run'

for am in $(present_files src share tests | grep '\.am$'); do
	grep -rqsE "^include ${am//./\\.}\$" Makefile.am src share tests \
		--include='*.am' || echo "$am"
done | holds 'every fragment is included by somebody'

done_holding
