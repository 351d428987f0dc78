# lib.sh - TAP for the shell tests of this folder. A test is `ok TEXT COMMAND`
# or `is TEXT WANTED GOT`; `plan` comes last.

heaptop=$top_builddir/heaptop
tap_count=0
work=$(mktemp -d "${TMPDIR:-/tmp}/heaptop-test.XXXXXX") || exit 1
export HEAPTOP_DIR=$work/segments XDG_STATE_HOME=$work/state
export XDG_CONFIG_HOME=$work/config
unset HEAPTOP_AGENT HEAPTOP_KEEP HEAPTOP_MODE HEAPTOP_RUN LD_PRELOAD
mkdir -m 700 "$HEAPTOP_DIR"
tap_children=
trap 'for pid in $tap_children; do kill -9 "$pid" 2>/dev/null; done
      rm -rf "$work"' EXIT
cd "$work" || exit 1

is() {
	tap_count=$((tap_count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $tap_count - $1"
	else
		echo "not ok $tap_count - $1"
		printf 'wanted: %s\ngot:    %s\n' "$2" "$3" | sed 's/^/# /'
	fi
}

# A pattern as `case` has it.
like() {
	tap_count=$((tap_count + 1))
	# shellcheck disable=SC2254
	case $3 in
	$2) echo "ok $tap_count - $1" ;;
	*)
		echo "not ok $tap_count - $1"
		printf 'wanted: %s\ngot:    %s\n' "$2" "$3" | sed 's/^/# /'
		;;
	esac
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# Runs a command: its status in $status, output in $out, errors in $err.
try() {
	"$@" >"$work/out" 2>"$work/err"
	status=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

# Waits at most 20 seconds for a command to succeed.
wait_for() {
	local end=$((SECONDS + 20))

	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		read -rt 0.05 <> <(:)
	done
}

plan() {
	echo "1..$tap_count"
}
