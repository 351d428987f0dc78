#!/usr/bin/env bash
# heaptop's own tests with AddressSanitizer and UndefinedBehaviorSanitizer.
#
#	sanitizers.sh
#
# Builds in ./sanitize of the build directory. What the terminal library keeps is
# no leak of ours (leaks.supp). Left out are two scripts in which heaptop itself
# gets the agent: a sanitizer wants to be the first to be loaded.
set -u
source=$(cd "${top_srcdir:-.}" && pwd) || exit 1
rooms='base|cmd|export|fuzz|model|screen|source|symbol|viewer|wire'
export ASAN_OPTIONS=detect_stack_use_after_return=1
export LSAN_OPTIONS=suppressions=$source/tests/faults/leaks.supp:print_suppressions=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

cd "${top_builddir:-.}" && mkdir -p sanitize && cd sanitize || exit 1
[ -e Makefile ] ||
	"$source/configure" -q --enable-sanitize CFLAGS='-g -O1' || exit 1
tests=$(make -s --eval='show:; @echo $(TESTS)' show | tr ' ' '\n' |
	grep -E "^tests/($rooms)/" | grep -vE 'cmd/(furniture|run)\.sh' | sort -u)
make -s check TESTS="$(echo $tests)" >check.log 2>&1
status=$?
passed=$(awk '/^# PASS:/ { print $3 }' check.log)
failed=$(awk '/^# (FAIL|ERROR):/ { bad += $3 } END { print bad + 0 }' check.log)
reports=$(echo "$tests" | while read -r name; do
	cat "${name%.sh}.log" "${name%.py}.log" 2>/dev/null
done | grep -cE 'ERROR: (Address|Leak)Sanitizer|runtime error:')
if [ $status = 0 ] && [ "$reports" = 0 ] && [ "${passed:-0}" -gt 0 ]; then
	echo "ok 1 - $passed checks pass under the sanitizers"
else
	echo "not ok 1 - the sanitizers report: see $PWD/check.log"
	grep -E '^(FAIL|ERROR):|error:' check.log | head -20 | sed 's/^/# /'
fi
echo "# reached: ${passed:-0} checks, $failed failed, $reports reports"
echo 1..1
[ $status = 0 ]
