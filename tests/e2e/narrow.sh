#!/usr/bin/env bash
# How much more stack the allocator's functions take with the agent than bare,
# at the first sight of everything and later: at most 2 KiB. And they run on a
# signal stack that is no larger than that.
set -u

build=${top_builddir:-.}
agent=$build/heaptop-agent.so
narrow=$build/tests/programs/narrow
limit=2048
count=0
failed=0
HEAPTOP_DIR=$(mktemp -d /dev/shm/heaptop-test.XXXXXX) || exit 1
trap 'rm -rf "$HEAPTOP_DIR"' EXIT
export HEAPTOP_DIR

point()
{
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
	fi
}

with_agent()
{
	(LD_PRELOAD=$agent timeout 60 "$narrow" "$@") 2>/dev/null
}

bare=$("$narrow") && with=$(with_agent)
point $? 'it runs bare and with the agent'
while read -r name bytes _ more; do
	[ "$name" != "done" ] || continue
	extra=$((more - bytes))
	[ $extra -le $limit ]
	point $? "$name: $extra bytes more"
done < <(paste -d ' ' <(echo "$bare") <(echo "$with"))

# The kernel's own part depends on the CPU.
for ((size = 2048; size < 32768; size += 256)); do
	(timeout 20 "$narrow" $size >/dev/null) 2>/dev/null && break
done 2>/dev/null
with_agent $((size + limit)) | grep -q "done"
point $? "a signal stack of $size bytes and $limit more is enough"
echo "1..$count"
[ $failed = 0 ]
