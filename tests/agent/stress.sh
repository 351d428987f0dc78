#!/usr/bin/env bash
# Runs stress under the agent: seconds, seed and the program may be given. It
# takes all the time that others leave.
set -u
build=${top_builddir:-.}
seconds=${1:-36}
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
HEAPTOP_DIR=$directory LD_PRELOAD=$build/heaptop-agent.so \
	timeout $((seconds + 300)) nice -n 19 "$build/tests/agent/${3:-stress}" \
	"$seconds" "${2:-1}"
