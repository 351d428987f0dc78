#!/usr/bin/env bash
# fuzz.sh - every fuzz target on its corpus, and on mutations of that for
# FUZZ_SECONDS, 30 by default.
#
#	fuzz.sh				the programs of this build
#	fuzz.sh --long TARGETS		with libFuzzer, ASan and UBSan, built by
#					clang in ./fuzz; new inputs stay there
set -u
source=$(cd "${top_srcdir:-.}" && pwd) || exit 1
seconds=${FUZZ_SECONDS:-30}
corpus=$source/tests/fuzz/corpus
names=$(cd "$corpus" && ls)

fuzz_short()
{
	local name got status count=0

	for name in $names; do
		count=$((count + 1))
		got=$("${top_builddir:-.}/tests/fuzz/fuzz_$name" \
			"-seconds=$seconds" "$corpus/$name" 2>&1)
		status=$?
		[ $status = 0 ] || printf 'not '
		echo "ok $count - $name: ${got##*$'\n'}"
		[ $status = 0 ] || echo "$got" | tail -40 | sed 's/^/# /'
	done
	echo "1..$count"
}

fuzz_build()
{
	mkdir -p fuzz && cd fuzz || exit 1
	# clang does not define what gcc does where ASan is on. That nothing may
	# be added to NULL, not even 0, is no finding.
	[ -e Makefile ] || "$source/configure" -q CC=clang \
		CPPFLAGS=-D__SANITIZE_ADDRESS__=1 \
		CFLAGS='-g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=undefined' ||
		exit 1
	# shellcheck disable=SC2086 # the targets are words
	make -s LDFLAGS=-fsanitize=fuzzer $1 || exit 1
}

fuzz_one()
{
	local name=$1 log=found/$1.log

	mkdir -p "found/$name"
	UBSAN_OPTIONS=print_stacktrace=1 \
		"tests/fuzz/fuzz_$name" "found/$name" "$corpus/$name" \
		"-max_total_time=$seconds" -timeout=20 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		"-artifact_prefix=found/$name-" >"$log" 2>&1
	local status=$?
	local runs
	runs=$(awk '/number_of_executed_units/ { print $2 }' "$log")
	printf '%-10s %12s executions %s\n' "$name" "${runs:-?}" \
		"$([ $status = 0 ] || echo "FAILED: see $PWD/$log")"
	return $status
}

fuzz_long()
{
	local name bad=0

	command -v clang >/dev/null || {
		echo "fuzz: clang is missing; install clang" >&2
		exit 1
	}
	fuzz_build "$1"
	for name in $names; do
		fuzz_one "$name" || bad=1
	done
	exit $bad
}

case ${1-} in
--long) fuzz_long "$2" ;;
*) fuzz_short ;;
esac
