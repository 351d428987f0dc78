#!/usr/bin/env bash
# Runs races, which ThreadSanitizer watches, with each kind of live map.
set -u
races=${top_builddir:-.}/tests/agent/races
[ -x "$races" ] || { echo "1..0 # SKIP the compiler has no ThreadSanitizer"; exit 0; }
export TSAN_OPTIONS=exitcode=66:report_signal_unsafe=0
# Addresses at random may come to lie where its shadow is.
fixed=(setarch "$(uname -m)" -R)
"${fixed[@]}" true 2>/dev/null || fixed=()

why=$("${fixed[@]}" "$races" nothing 2>&1) ||
	{ echo "1..0 # SKIP ThreadSanitizer cannot run here: ${why//$'\n'/ }"; exit 0; }

echo 1..3
bad=0 number=0
for kind in shadow small hash; do
	number=$((number + 1))
	said=$(timeout 300 "${fixed[@]}" "$races" "$kind" 2>&1)
	status=$?
	if [ $status = 0 ]; then
		echo "ok $number - $kind: no race, and the totals are those of the threads"
	else
		bad=1
		echo "not ok $number - $kind: status $status"
		head -200 <<<"$said" | sed 's/^/# /'
	fi
done
exit $bad
