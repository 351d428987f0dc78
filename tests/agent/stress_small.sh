#!/usr/bin/env bash
# The same with address space that is limited, so that the live map is of
# another kind.
set -u
ulimit -v 4000000 || { echo "1..0 # SKIP address space cannot be limited here"; exit 0; }
exec "$(dirname "$0")/stress.sh" "${1:-6}" "${2:-3}"
