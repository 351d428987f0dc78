/*
 * live.c - the map from an address to the block that lives there.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live.h"

#include <sys/syscall.h>

#include "agent/safe.h"

#define CHUNK_SIZE   (LIVE_CHUNK_UNITS * sizeof(uint64_t))
#define PAGE	     4096
#define MEASURED_MAX 4096 /* 256 GiB of heap; later chunks are not measured */

struct live live;

/* For live_measure only. */
static struct {
	uint32_t count;
	uint32_t next;
	uint32_t calls;
	uint64_t total;
	struct measured {
		uint64_t *chunk;
		uint64_t bytes;
	} chunks[MEASURED_MAX];
} measure;

bool
live_init(void)
{
	live.chunks = safe_reserve(LIVE_CHUNKS * sizeof(*live.chunks));
	return live.chunks != NULL;
}

static void
measure_add(uint64_t *chunk)
{
	uint32_t at = __atomic_fetch_add(&measure.count, 1, __ATOMIC_RELAXED);

	if (at < MEASURED_MAX)
		__atomic_store_n(&measure.chunks[at].chunk, chunk,
				 __ATOMIC_RELEASE);
}

uint64_t *
live_chunk_make(uint64_t address)
{
	uint64_t index = address >> LIVE_CHUNK_BITS;
	uint64_t *expected = NULL;
	uint64_t *fresh;

	if (index >= LIVE_CHUNKS)
		return NULL;
	fresh = safe_reserve(CHUNK_SIZE);
	if (!fresh)
		return NULL;
	if (!__atomic_compare_exchange_n(&live.chunks[index], &expected, fresh,
					 false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		safe_unreserve(fresh, CHUNK_SIZE);
		return expected;
	}
	measure_add(fresh);
	return fresh;
}

static uint64_t
resident(uint64_t *chunk)
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
