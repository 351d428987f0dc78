/*
 * live.c - the map from an address to the block that lives there: its chunks,
 * and the forms of blocks that are rare.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live.h"

#include <sys/syscall.h>

#include "agent/safe.h"

#define PAGE	     4096
#define CHUNK_SIZE   (LIVE_CHUNK_UNITS * sizeof(uint32_t) + PAGE)
#define MEASURED_MAX 4096 /* 256 GiB of heap; later chunks are not measured */

struct live live;

/* For live_measure only. */
static struct {
	uint32_t count;
	uint32_t next;
	uint32_t calls;
	uint64_t total;
	struct measured {
		uint32_t *chunk;
		uint64_t bytes;
	} chunks[MEASURED_MAX];
} measure;

bool
live_init(void)
{
	live.chunks = safe_reserve(2 * LIVE_CHUNKS * sizeof(*live.chunks));
	if (!live.chunks)
		return false;
	live.limit = LIVE_CHUNKS;
	return true;
}

void
live_forked(void)
{
	live_filter_forked();
}

static void
measure_add(uint32_t *chunk)
{
	uint32_t at = __atomic_fetch_add(&measure.count, 1, __ATOMIC_RELAXED);

	if (at < MEASURED_MAX)
		__atomic_store_n(&measure.chunks[at].chunk, chunk,
				 __ATOMIC_RELEASE);
}

/* The entry of an address, with a chunk made for it; NULL: no memory. */
static uint32_t *
entry_make(uint64_t address)
{
	uint64_t index = address >> LIVE_CHUNK_BITS;
	uint32_t **place = &live.chunks[index * 2 + (address >> 3 & 1)];
	uint32_t *expected = NULL;
	uint32_t *fresh;

	if (live_entry(address) || index >= live.limit || address & 7)
		return live_entry(address);
	fresh = safe_reserve(CHUNK_SIZE);
	if (!fresh)
		return NULL;
	if (__atomic_compare_exchange_n(place, &expected, fresh, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		measure_add(fresh);
	else
		safe_unreserve(fresh, CHUNK_SIZE);
	return live_entry(address);
}

static bool
is_tail(uint32_t entry)
{
	return entry >= LIVE_TAIL;
}

static bool
is_wide(uint32_t entry)
{
	return entry >> LIVE_SITE_BITS >= LIVE_WIDE && !is_tail(entry);
}

/* Entries of the block whose first one this is. */
static unsigned
entries_of(const uint32_t *entry)
{
	if (!is_wide(*entry))
		return 1;
	return entry[1] == (LIVE_TAIL | LIVE_TAIL_MAX) ? 4 : 2;
}

static void
store(uint32_t *entry, struct block block)
{
	uint32_t code = LIVE_WIDE + block.level;
	uint64_t size = block.size;

	if (size <= LIVE_TINY_MAX)
		code = (uint32_t)size + block.level * LIVE_TINY_SIZES;
	else
		entry[1] =
		    LIVE_TAIL |
		    (uint32_t)(size < LIVE_TAIL_MAX ? size : LIVE_TAIL_MAX);
	if (size >= LIVE_TAIL_MAX) {
		entry[2] = LIVE_TAIL | (uint32_t)(size & LIVE_TAIL_MAX);
		entry[3] = LIVE_TAIL | (uint32_t)(size >> LIVE_TAIL_BITS);
	}
	__atomic_store_n(entry, code << LIVE_SITE_BITS | block.site,
			 __ATOMIC_RELAXED);
}

/* The block whose first entry this is. */
static struct block
load(const uint32_t *entry)
{
	uint32_t code = *entry >> LIVE_SITE_BITS;
	struct block block = {0};

	block.site = *entry & LIVE_SITE_MASK;
	if (!is_wide(*entry)) {
		block.size = code % LIVE_TINY_SIZES;
		block.level = code / LIVE_TINY_SIZES;
		return block;
	}
	block.level = code - LIVE_WIDE;
	block.size = entry[1] & LIVE_TAIL_MAX;
	if (entries_of(entry) == 4)
		block.size = (uint64_t)(entry[3] & LIVE_TAIL_MAX)
				 << LIVE_TAIL_BITS |
			     (entry[2] & LIVE_TAIL_MAX);
	return block;
}

static struct block
remove_at(uint32_t *entry, uint64_t address)
{
	struct block block = load(entry);
	unsigned count = entries_of(entry);

	for (unsigned i = 0; i < count; i++)
		__atomic_store_n(&entry[i], 0, __ATOMIC_RELAXED);
	if (block.level)
		live_filter_remove(address);
	return block;
}

bool
live_put_slow(uint64_t address, struct block block)
{
	uint32_t *entry = entry_make(address);

	if (!entry || block.size > LIVE_SIZE_MAX)
		return false;
	if (block.level)
		live_filter_add(address);
	store(entry, block);
	return true;
}

struct block
live_take_slow(uint64_t address)
{
	uint32_t *entry = live_entry(address);

	if (!entry || !*entry || is_tail(*entry))
		return (struct block){0};
	return remove_at(entry, address);
}

/* The first entry of the block that this one belongs to; NULL: of none. */
static uint32_t *
first_of(uint32_t *entry, uint64_t unit)
{
	if (!is_tail(*entry))
		return *entry ? entry : NULL;
	for (unsigned back = 1; back < 4 && back <= unit; back++)
		if (!is_tail(entry[-(int)back]))
			return entries_of(entry - back) > back ? entry - back
							       : NULL;
	return NULL;
}

struct block
live_evict_slow(uint64_t address, uint64_t size, uint64_t *where)
{
	unsigned count = size >= LIVE_TAIL_MAX ? 4 : 1 + (size > LIVE_TINY_MAX);
	uint64_t unit = address >> 4 & (LIVE_CHUNK_UNITS - 1);
	uint32_t *entry = live_entry(address);

	for (unsigned i = 0; entry && i < count; i++) {
		uint32_t *first = first_of(&entry[i], unit + i);

		if (!first) {
			entry[i] = 0;
			continue;
		}
		*where = address - 16 * (uint64_t)(entry - first);
		return remove_at(first, *where);
	}
	return (struct block){0};
}

static uint64_t
resident(uint32_t *chunk)
{
	static unsigned char pages[CHUNK_SIZE / PAGE];
	uint64_t bytes = 0;

	if (safe_syscall(SYS_mincore, (long)chunk, CHUNK_SIZE, (long)pages, 0,
			 0, 0))
		return 0;
	for (size_t i = 0; i < sizeof(pages); i++)
		bytes += pages[i] & 1 ? PAGE : 0;
	return bytes;
}

uint64_t
live_measure(void)
{
	uint32_t count = __atomic_load_n(&measure.count, __ATOMIC_RELAXED);
	struct measured *next;
	uint64_t bytes;

	if (count > MEASURED_MAX)
		count = MEASURED_MAX;
	if (!count || (measure.calls++ % 10 && measure.next >= count))
		return measure.total;
	next = &measure.chunks[measure.next++ % count];
	if (!__atomic_load_n(&next->chunk, __ATOMIC_ACQUIRE))
		return measure.total;
	bytes = resident(next->chunk);
	measure.total += bytes - next->bytes;
	next->bytes = bytes;
	return measure.total;
}
