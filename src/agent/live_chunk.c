/*
 * live_chunk.c - the memory of the shadow.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live_chunk.h"

#include <stddef.h>

#include "agent/live.h"
#include "agent/live_trim.h"
#include "agent/safe.h"

#define SMALL_BITS  20 /* 1 MiB of addresses, 256 KiB of shadow */
#define BRANCH_BITS 35 /* addresses of one branch of the tree */
#define BRANCHES    (1u << (LIVE_ADDRESS_BITS - BRANCH_BITS))
#define BRANCH_SIZE (2 * sizeof(uint32_t *) << (BRANCH_BITS - SMALL_BITS))

static struct {
	bool small;
	unsigned bits; /* of the addresses of one chunk */
	uint32_t **branches[BRANCHES];
	struct live_chunk *first;
} shadow = {.bits = LIVE_CHUNK_BITS};

bool
live_chunk_init(bool small)
{
	shadow.small = small;
	shadow.bits = small ? SMALL_BITS : LIVE_CHUNK_BITS;
	if (small)
		return true;
	live.chunks = safe_reserve(2 * LIVE_CHUNKS * sizeof(*live.chunks));
	if (live.chunks)
		live.limit = LIVE_CHUNKS;
	return live.chunks != NULL;
}

struct live_chunk *
live_chunk_first(void)
{
	return __atomic_load_n(&shadow.first, __ATOMIC_ACQUIRE);
}

/* A block that begins in the last units goes on after them. */
uint64_t
live_chunk_size(void)
{
	return (sizeof(uint32_t) << (shadow.bits - 4)) + LIVE_PAGE;
}

uint64_t
live_chunk_unit(uint64_t address)
{
	return address >> 4 & ((UINT64_C(1) << (shadow.bits - 4)) - 1);
}

/* Where the chunk of an address is looked up; NULL: nowhere, and with make no
 * memory for it. */
static uint32_t **
place_of(uint64_t address, bool make)
{
	uint64_t odd = address >> 3 & 1;
	uint32_t ***branch;
	uint32_t **known;

	if (address >> LIVE_ADDRESS_BITS || address & 7)
		return NULL;
	if (!shadow.small)
		return &live.chunks[(address >> LIVE_CHUNK_BITS) +
				    odd * LIVE_CHUNKS];
	branch = &shadow.branches[address >> BRANCH_BITS];
	known = __atomic_load_n(branch, __ATOMIC_ACQUIRE);
	if (!known && make) {
		uint32_t **fresh = safe_reserve(BRANCH_SIZE);

		if (!fresh)
			return NULL;
		if (__atomic_compare_exchange_n(branch, &known, fresh, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			known = fresh;
		else
			safe_unreserve(fresh, BRANCH_SIZE);
	}
	address &= (UINT64_C(1) << BRANCH_BITS) - 1;
	return known ? &known[(address >> SMALL_BITS) * 2 + odd] : NULL;
}

/* So that the ticker sees it; a chunk that cannot be noted is just not seen. */
static void
note(uint32_t **place, uint32_t *start, uint64_t address)
{
	struct live_chunk *chunk = safe_alloc(sizeof(*chunk));

	if (!chunk)
		return;
	chunk->start = start;
	chunk->place = place;
	chunk->address = address;
	chunk->next = live_chunk_first();
	while (!__atomic_compare_exchange_n(&shadow.first, &chunk->next, chunk,
					    true, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
}

static uint32_t *
chunk_make(uint32_t **place, uint64_t address)
{
	uint32_t *fresh = safe_reserve(live_chunk_size());
	uint32_t *known = NULL;

	if (!fresh)
		return NULL;
	/* Before anybody can have heard of a block in it. */
	__atomic_store_n(&live.has_chunks, true, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(place, &known, fresh, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		note(place, fresh, address);
		return fresh;
	}
	safe_unreserve(fresh, live_chunk_size());
	return known;
}

static uint32_t *
chunk_at(uint32_t **place)
{
	uint32_t *chunk = __atomic_load_n(place, __ATOMIC_ACQUIRE);

	return chunk ? chunk : live_trim_closed(place);
}

uint32_t *
live_chunk_entry(uint64_t address)
{
	uint32_t **place = place_of(address, false);
	uint32_t *chunk = place ? chunk_at(place) : NULL;

	return chunk ? &chunk[live_chunk_unit(address)] : NULL;
}

uint32_t *
live_chunk_entry_make(uint64_t address)
{
	uint32_t **place = place_of(address, true);
	uint64_t unit = live_chunk_unit(address);
	uint32_t *chunk;

	if (!place)
		return NULL;
	chunk = __atomic_load_n(place, __ATOMIC_ACQUIRE);
	if (chunk)
		return &chunk[unit];
	chunk = live_trim_closed(place);
	if (chunk)
		return live_trim_keep(unit) ? &chunk[unit] : NULL;
	chunk = chunk_make(place, address - 16 * unit);
	return chunk ? &chunk[unit] : NULL;
}
