#!/usr/bin/env bash
# Runs stress under the agent: seconds and seed may be given.
set -u
build=${top_builddir:-.}
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
HEAPTOP_DIR=$directory LD_PRELOAD=$build/heaptop-agent.so \
	timeout $((${1:-4} + 200)) "$build/tests/agent/stress" "${1:-4}" "${2:-1}"
