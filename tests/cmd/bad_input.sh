#!/bin/bash
# bad_input.sh - one line on standard error and the right status.
# shellcheck source=tests/cmd/lib.sh
. "$top_srcdir/tests/cmd/lib.sh"

# STATUS PATTERN ARGUMENT...
refused() {
	try "$heaptop" "${@:3}" </dev/null
	like "heaptop ${*:3}" "$1 1 heaptop: $2" \
	    "$status $(grep -c '' err) $err$out"
}

# Usage.
refused 2 "unknown option '--frob'; see heaptop help" --frob
refused 2 "unknown option '-x'; see heaptop help list" list -x
refused 2 "PROGRAM is missing; *" run
refused 2 "PROGRAM is missing; *" run --headless
refused 2 "unknown option '--frob'; *" run --frob true
refused 2 "option '--save' needs a value; *" run --save
refused 2 "--sample: *" run --sample=x true
refused 2 "--budget: 'x' is not a share of CPU time; *" run --budget x true
refused 2 "--budget: '0%' is not *" run --budget 0% true
refused 2 "RATE is missing; *" rate 1
for rate in 0 1 x '' 512Q 0% 200% exactly; do
	refused 2 "'$rate' is *; *" rate 1 "$rate"
done
refused 2 "--unwinder: *rules, libunwind, check; *" run --unwinder x true
refused 2 "--native: *none, leaf, full; *" run --native all true
refused 2 "PID|NAME|FILE is missing; *" report
refused 2 "'2' is one operand too many; *" report 1 2
refused 2 "NEW is missing; *" diff 1
refused 2 "--sort: *size_diff*" report --sort x 1
refused 2 "--group-by: *traceback*" report --group-by x 1
refused 2 "--columns: *" report --columns size,x 1
refused 2 "--top: 'x' is not a number; *" report --top x 1
refused 2 "--top: '-1' is not a number; *" report --top -1 1
refused 2 "--fail-above: *is not a size*" report --fail-above 1x 1
refused 2 "--delay: *" top -b -d 0 1
refused 2 "--iterations: *" top -b -n 0 1
refused 2 "no file to write to; *" snapshot 1
refused 2 "no format; *" export 1
refused 2 "*unknown format*" export --format x 1
refused 2 "'x' is no command; *" help x
refused 2 "'x' is one operand too many; *" list x
refused 2 "option '--json=1': it takes no value; *" list --json=1
refused 2 "--mark-after: 'x' is neither seconds*" run --mark-after x true
refused 127 "cannot start './none': *; check its path" run ./none
refused 126 "cannot start '$work': *; chmod +x *" run "$work"

# What is not there, or not ours.
refused 1 "*99999999*" report 99999999
refused 1 "*$$*" report $$
refused 1 "*99999999*" rate 99999999 exact
refused 1 "*no-such-name*" rate no-such-name 64K
refused 1 "*no-such-name*" report no-such-name
refused 1 "*no-such-file*" report ./no-such-file
refused 1 "*terminal*heaptop top -b*"
refused 1 "*$$*" $$
: >empty
refused 1 "*'./empty'*" report ./empty
head -c 100000 /dev/urandom >random
refused 1 "*'./random'*" report ./random
printf '{"a":' >torn.json
refused 1 "*torn.json*" report ./torn.json
printf '{"format":"heaptop-snapshot","version":1,"process":{"pid":7}}' >old.json
refused 1 "*process 7: it is a saved snapshot; *" rate ./old.json exact
mkfifo pipe
refused 1 "*pipe*" report ./pipe
refused 1 "*" report /dev/zero
refused 1 "*" report "$work"
refused 1 "*" snapshot no-such-name -o x
name=$(printf 'x\033[31m\n')
try "$heaptop" report "$name"
is 'a name with control characters' '1 1 0' \
    "$status $(grep -c '' err) $(grep -c $'\033' err)"

# Segments that lie: a real one, cut and scribbled over.
"$heaptop" run --keep "$top_builddir/tests/cmd/holder" <<<'10 10' >/dev/null
good=$(echo "$HEAPTOP_DIR"/*.heaptop)
head -c 100 "$good" >cut1
head -c 20000 "$good" >cut2
refused 1 "*has ended; *" rate "$good" 64K
refused 1 "*cut1*" report ./cut1
refused 1 "*cut2*" report ./cut2
cp "$good" version && printf '\377\377' |
    dd of=version bs=1 seek=8 conv=notrunc 2>/dev/null
refused 1 "*version*" report ./version
cp random "$HEAPTOP_DIR/1-1.heaptop"
try "$heaptop" list
like 'list goes on past a broken one' '0*unreadable*holder*clean --force*' \
    "$status $out"
try "$heaptop" clean
like 'clean says that it leaves some' '0 1 heaptop: left 1 *--force*' \
    "$status $(grep -c '' err) $err"
is 'clean leaves what it cannot read' 1-1.heaptop "$(ls "$HEAPTOP_DIR")"
cp random "$HEAPTOP_DIR/4026531836.1-1.heaptop.new" # cut short as it began
try "$heaptop" clean --force
is 'clean --force does not' '' "$(ls "$HEAPTOP_DIR")"
refused 1 "*no process 99999999;*" attach --sample 99999999
refused 125 "*cannot read script*" run --script none -- touch started
is 'and starts nothing' '' "$(ls started 2>/dev/null)"

# The agent and the directory: the program runs all the same.
runs() { # PATTERN, with the environment of the caller
	try "$heaptop" run sh -c 'echo ran; exit 5'
	like "run: $1" "5 ran 1 heaptop: $1" \
	    "$status $out $(grep -c '' err) $err"
}
HEAPTOP_AGENT=/no/such/agent.so runs "*'/no/such/agent.so'*"
HEAPTOP_AGENT=$work runs "*is not a regular file*"
HEAPTOP_AGENT=/etc/passwd runs "*is not a library of this machine*"
mkdir 'with space'
cp "$top_builddir/heaptop-agent.so" 'with space'
HEAPTOP_AGENT="$work/with space/heaptop-agent.so" runs "*has a space*"
HEAPTOP_DIR=/proc/nowhere runs "*'/proc/nowhere'*HEAPTOP_DIR*"
HEAPTOP_DIR=$work/random runs "*is not a directory of yours*"

static=/sbin/ldconfig
if [ -x $static ] && ! ldd $static >/dev/null 2>&1; then
	try "$heaptop" run $static --version
	like 'a static program' "0 heaptop: *is statically linked*" \
	    "$status $err"
else
	skip 'a static program' "$static is none"
fi
plan
