/*
 * maps.c - the anonymous mappings the program made itself.
 *
 * Sorted by start, no overlaps. `block` ties the parts of a mapping that was
 * cut in two together: it ends when no part is left.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/maps.h"

#include <string.h>

#include "agent/safe.h"

#define FIRST_ROOM 256

struct range {
	uint64_t start;
	uint64_t end;
	uint32_t site;
	uint32_t block;
	bool parted; /* it was cut in two: other parts may live */
};

static struct {
	struct safe_lock lock;
	struct range *ranges;
	uint64_t count;
	uint64_t room;
	uint32_t blocks; /* numbers given so far */
} maps;

/* With the lock. Room for `more` ranges. */
static bool
make_room(uint64_t more)
{
	uint64_t room = maps.room ? maps.room * 2 : FIRST_ROOM;
	struct range *fresh, *old = maps.ranges;
	uint64_t old_room = maps.room;

	if (maps.count + more <= maps.room)
		return true;
	fresh = safe_map(room * sizeof(*fresh));
	if (!fresh)
		return false;
	if (old)
		memcpy(fresh, old, maps.count * sizeof(*fresh));
	maps.room = room;
	__atomic_store_n(&maps.ranges, fresh, __ATOMIC_RELEASE);
	if (old)
		safe_unmap(old, old_room * sizeof(*fresh));
	return true;
}

/* The first range that ends after `start`. */
static uint64_t
first_after(uint64_t start)
{
	uint64_t low = 0;
	uint64_t high = maps.count;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (maps.ranges[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
insert(uint64_t at, struct range range)
{
	memmove(&maps.ranges[at + 1], &maps.ranges[at],
		(maps.count - at) * sizeof(range));
	maps.ranges[at] = range;
	maps.count++;
}

bool
maps_add(uint64_t start, uint64_t size, uint32_t site)
{
	bool done;

	safe_lock(&maps.lock);
	done = make_room(1);
	if (done)
		insert(first_after(start),
		       (struct range){start, start + size, site, ++maps.blocks,
				      false});
	safe_unlock(&maps.lock);
	return done;
}

static bool
block_lives(uint32_t block)
{
	for (uint64_t i = 0; i < maps.count; i++)
		if (maps.ranges[i].block == block)
			return true;
	return false;
}

/* Cuts [start, end) out of range `at`; returns the bytes it lost. */
static uint64_t
cut(uint64_t at, uint64_t start, uint64_t end)
{
	struct range *range = &maps.ranges[at];
	struct range tail = *range;
	uint64_t low = start > range->start ? start : range->start;
	uint64_t high = end < range->end ? end : range->end;

	tail.start = high;
	if (low > range->start) {
		range->end = low;
		if (high < tail.end) {
			range->parted = tail.parted = true;
			insert(at + 1, tail);
		}
	} else if (high < range->end) {
		range->start = high;
	} else {
		memmove(range, range + 1,
			(maps.count - at - 1) * sizeof(*range));
		maps.count--;
	}
	return high - low;
}

uint64_t
maps_remove(uint64_t start, uint64_t size, uint32_t *site,
	    struct thread *thread,
	    void (*gone)(struct thread *, uint32_t, uint64_t, bool))
{
	uint64_t end = start + size;
	uint64_t total = 0;

	safe_lock(&maps.lock);
	/* A cut can add a range; without room the whole range is forgotten. */
	make_room(1);
	for (;;) {
		uint64_t at = first_after(start);
		struct range was;
		uint64_t bytes;

		if (at == maps.count || maps.ranges[at].start >= end)
			break;
		was = maps.ranges[at];
		bytes = maps.count < maps.room ? cut(at, start, end)
					       : cut(at, was.start, was.end);
		if (site && !total)
			*site = was.site;
		total += bytes;
		gone(thread, was.site, bytes,
		     bytes == was.end - was.start &&
			 !(was.parted && block_lives(was.block)));
	}
	safe_unlock(&maps.lock);
	return total;
}

void
maps_clear(void)
{
	safe_lock(&maps.lock);
	maps.count = 0;
	safe_unlock(&maps.lock);
}

void
maps_forked(void)
{
	memset(&maps.lock, 0, sizeof(maps.lock));
}
