#!/usr/bin/env bash
# What is around the commands: the demonstration, the doctor, units, settings.
. "$(dirname "$0")/lib.sh"

"$heaptop" demo >demo.out 2>demo.err </dev/null
is 'the demonstration ends well' 0 $?
like 'it has a leak, and its line' '*demo_session_open*struct session*' \
	"$(cat demo.out)"
is 'and says nothing else' '' "$(cat demo.err)"

"$heaptop" doctor >doctor.out </dev/null
is 'nothing is wrong here' 0 $?
is 'a line for each thing' \
	'agent segments space terminal locale ptrace libdw debug config' \
	"$(awk '{ print $1 }' doctor.out | xargs)"
mkdir -p "$XDG_CONFIG_HOME/heaptop"
echo 'shrub = 1' >"$XDG_CONFIG_HOME/heaptop/config"
"$heaptop" doctor >doctor.out </dev/null
is 'a setting that is none is found' 1 $?
like 'and named' "*config *bad *'shrub' is no setting*" "$(cat doctor.out)"

"$heaptop" run --headless --save saved.json -- "$heaptop" demo program 50
like 'sizes in powers of 1024' '*size=*KiB*' \
	"$("$heaptop" report --top 1 saved.json)"
like 'in powers of 1000' '*size=* kB*' \
	"$("$heaptop" report --si --top 1 saved.json)"
like 'as bytes' '*size=*[0-9][0-9][0-9][0-9][0-9] B,*' \
	"$("$heaptop" report --bytes --top 1 saved.json)"

# The viewer on a saved snapshot, as the settings have it.
cat >"$XDG_CONFIG_HOME/heaptop/config" <<'END'
columns = count, peak
units = si
END
printf 'wait-for demo_\ndump -\n' >script
screen() {
	"$heaptop" --script script "$@" saved.json
}
like 'columns and units of the settings' '* COUNT  PEAK *' "$(screen)"
like 'an option counts more' '* LIVE* AVG *' "$(screen --columns size,average)"
like 'nor need they be read' '* LIVE*+/-*' "$(screen --no-config)"
like 'sizes by the settings' '* MB *' "$(screen)"
like 'or by an option' '* MiB *' "$(screen --iec)"

# A script on a file sees a clock that stands still unless told to go on.
cat >script <<'END'
wait-for demo_
key W
dump -
pass 6
dump -
END
screen --no-config >first
screen --no-config >second
is 'a script shows the same each time' "$(cat first)" "$(cat second)"
is 'and time passes as it says' 1 "$(grep -c 'no file of settings' first)"

# What is the user's own code is theirs to say.
mine() {
	"$heaptop" report --mine --top 1 --group-by function "$@" saved.json |
		head -n 1
}
like 'a program of its own is own code' '*demo_session_open*' "$(mine)"
like 'unless the user says that it is none' '*: cmd_demo:*' \
	"$(mine --libraries 'nothing/, demo_program.c')"
like 'the first that fits counts' '*demo_session_open*' \
	"$(mine --libraries '!demo_program.c, demo_program.c')"
"$heaptop" report --libraries 'a*b' saved.json >/dev/null 2>libraries.err
is 'a list that is none is refused' 1 "$(grep -c 'at the ends only' libraries.err)"

plan
