#!/usr/bin/env bash
# The same, built with AddressSanitizer, whose malloc then stands behind the
# agent.
set -u
program=${top_builddir:-.}/tests/agent/stress_asan
[ -x "$program" ] ||
	{ echo "1..0 # SKIP the compiler has no AddressSanitizer"; exit 0; }
export ASAN_OPTIONS=verify_asan_link_order=0:allocator_may_return_null=1:detect_leaks=0
# It asks for what cannot be had, which is said each time.
exec "$(dirname "$0")/stress.sh" "${1:-18}" "${2:-2}" stress_asan \
	2> >(grep -v 'WARNING: AddressSanitizer failed to allocate' >&2)
