/*
 * live.c - the map from an address to the block that lives there.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live.h"

#include "agent/safe.h"

#define CHUNK_SIZE (LIVE_CHUNK_UNITS * sizeof(uint64_t))

struct live live;

bool
live_init(void)
{
	live.chunks = safe_reserve(LIVE_CHUNKS * sizeof(*live.chunks));
	return live.chunks != NULL;
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
	if (__atomic_compare_exchange_n(&live.chunks[index], &expected, fresh,
					false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return fresh;
	safe_unmap(fresh, CHUNK_SIZE);
	return expected;
}
