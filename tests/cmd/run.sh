#!/bin/bash
# run.sh - `heaptop run` is transparent: status, input, output, environment.
# shellcheck source=tests/cmd/lib.sh
. "$top_srcdir/tests/cmd/lib.sh"

status_of() {
	"$heaptop" run "$@" >/dev/null 2>&1
	echo $?
}

is 'success' 0 "$(status_of true)"
is 'a status' 3 "$(status_of sh -c 'exit 3')"
is 'a status with --' 3 "$(status_of -- sh -c 'exit 3')"
is 'options of the program are its own' 0 "$(status_of test -n --headless)"
is 'killed by 9' 137 "$(status_of sh -c 'kill -9 $$')"
is 'killed by 15' 143 "$(status_of sh -c 'kill -15 $$')"
is 'killed by 11' 139 "$(status_of sh -c 'kill -11 $$')"
is 'not found' 127 "$(status_of no-such-program)"
is 'not found, with a path' 127 "$(status_of ./no-such-program)"
: >plain
is 'not executable' 126 "$(status_of ./plain)"
is 'a directory' 126 "$(status_of /)"
is 'an empty name' 127 "$(status_of '')"
printf 'exit 6\n' >script && chmod +x script
is 'a script without a first line' 6 "$(status_of ./script)"
printf '#!/no/such/shell\n' >broken && chmod +x broken
is 'a script of a missing shell' 127 "$(status_of ./broken)"
is 'SIGCHLD ignored by our parent' 4 \
    "$(trap '' CHLD; status_of sh -c 'exit 4')"
is 'closed descriptors' 3 \
    "$("$heaptop" run sh -c 'exit 3' <&- 2>&- >&-; echo $?)"

try "$heaptop" run no-such-program
is 'one line for a missing program' \
    "heaptop: cannot start 'no-such-program': No such file or directory; \
a program outside of PATH needs its folder, as ./" \
    "$err"

head -c 300000 /dev/urandom >random
"$heaptop" run cat <random >copy 2>err
is 'input and output are the same bytes' '' "$(cmp random copy 2>&1)"
is 'nothing is added' '' "$(cat err)"
try "$heaptop" run sh -c 'echo one; echo two >&2'
is 'standard output' one "$out"
is 'standard error' two "$err"

# The environment.
agent=$(realpath "$top_builddir/heaptop-agent.so")
value() { # NAME [OPTION]...
	"$heaptop" run "${@:2}" sh -c "echo \$$1" 2>&1
}
is 'the agent is loaded' "$agent" "$(value LD_PRELOAD)"
library=$(ldd "$(command -v sh)" | sed -n 's/.*=> \(.*libc[^ ]*\).*/\1/p')
is "the user's libraries stay, after it" "$agent:$library" \
    "$(LD_PRELOAD=$library value LD_PRELOAD)"
is 'the agent is not loaded twice' "$agent:$library" \
    "$(LD_PRELOAD="$library $agent" value LD_PRELOAD)"
is 'exact by default' exact "$(value HEAPTOP_MODE)"
is 'sampled' sample:65536 "$(value HEAPTOP_MODE --sample 64K)"
is 'sampled, with =' sample:1000 "$(value HEAPTOP_MODE --sample=1000)"
is 'sampled, no number' sample:524288 "$(value HEAPTOP_MODE --sample)"
is 'the last mode counts' exact "$(value HEAPTOP_MODE --sample 64K --exact)"
is 'the unwinder' check "$(value HEAPTOP_UNWINDER --unwinder check)"
is 'native frames' full "$(value HEAPTOP_NATIVE --native full)"
like 'the run has a number' \
    '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]????????' \
    "$(value HEAPTOP_RUN)"
is 'nothing is kept' '' "$(HEAPTOP_KEEP=1 value HEAPTOP_KEEP)"
is 'the segment is kept' 1 "$(value HEAPTOP_KEEP --keep)"
mkdir relative && chmod 700 relative
is 'a relative directory' "$work/relative" \
    "$(HEAPTOP_DIR=relative value HEAPTOP_DIR)"

# Output.
try "$heaptop" run --output null sh -c 'echo one; echo two >&2; exit 5'
is '--output null' '5  ' "$status $out $err"
try "$heaptop" run --output file sh -c 'echo one; echo two >&2'
is '--output FILE' 'one two' "$(paste -sd ' ' file)"
try "$heaptop" run --output /no/such/file true
is '--output that cannot be written' 125 "$status"

# Signals reach the program.
for name in TERM INT HUP QUIT USR1 USR2; do
	rm -f ready
	# Background jobs of a script have INT and QUIT ignored.
	/usr/bin/env --default-signal=INT,QUIT "$heaptop" run sh -c "
		trap 'echo got; kill \$!; exit 9' $name
		tail -f /dev/null & echo >ready; wait" >got &
	pid=$!
	tap_children="$tap_children $pid"
	wait_for test -e ready
	kill -s "$name" "$pid"
	wait "$pid"
	is "SIG$name is forwarded" '9 got' "$? $(cat got)"
done
plan
