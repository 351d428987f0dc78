/*
 * live.h - the map from an address to the block that lives there.
 *
 * A shadow of the heap: one 64-bit entry for each unit of 16 bytes, in chunks
 * that are reserved when some address of theirs is first used and touched only
 * where there are blocks. An entry belongs to whoever owns the block, so there
 * is no lock and no hashing.
 *
 *	full  1 | half | size, 38 bits | site, 24 bits
 *	tiny  two of: 0 | 1 | 0 | size, 5 bits | site, 24 bits
 *
 * A unit can hold two blocks only when they have 8 bytes or less; those are
 * always stored as tiny, each in its own half of the entry (bit 3 of the
 * address says which), so that neither owner writes the other's half.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_LIVE_H
#define HEAPTOP_AGENT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVE_SITE_BITS 24
#define LIVE_SIZE_BITS 38
#define LIVE_SIZE_MAX  ((UINT64_C(1) << LIVE_SIZE_BITS) - 1)
#define LIVE_TINY_MAX  8
#define LIVE_FULL      (UINT64_C(1) << 63)
#define LIVE_HALF      (UINT64_C(1) << 62)
#define LIVE_TINY      (UINT32_C(1) << 30)

#define LIVE_ADDRESS_BITS 47
#define LIVE_CHUNK_BITS	  26 /* 64 MiB of addresses, 32 MiB of shadow */
#define LIVE_CHUNKS	  (UINT64_C(1) << (LIVE_ADDRESS_BITS - LIVE_CHUNK_BITS))
#define LIVE_UNIT_BITS	  4
#define LIVE_CHUNK_UNITS  (UINT64_C(1) << (LIVE_CHUNK_BITS - LIVE_UNIT_BITS))

struct live {
	uint64_t **chunks; /* LIVE_CHUNKS of them */
};
extern struct live live;

/* Reserves the table of chunks. False: no memory. */
bool live_init(void);
/* The chunk of an address that has none yet; NULL: no memory. */
uint64_t *live_chunk_make(uint64_t address);
/* Bytes of shadow that are in memory. Looks at one chunk anew at every tenth
 * call, so that a tick's cost does not follow the heap. Context: ticker. */
uint64_t live_measure(void);

static inline uint64_t *
live_entry(uint64_t address)
{
	uint64_t index = address >> LIVE_CHUNK_BITS;
	uint64_t *chunk;

	if (index >= LIVE_CHUNKS)
		return NULL;
	chunk = __atomic_load_n(&live.chunks[index], __ATOMIC_RELAXED);
	if (!chunk)
		return NULL;
	return &chunk[address >> LIVE_UNIT_BITS & (LIVE_CHUNK_UNITS - 1)];
}

/* Stores a block; what was known of the address before is replaced. False:
 * no room, or too large: nothing is stored. */
static inline bool
live_put(uint64_t address, uint32_t site, uint64_t size)
{
	uint64_t *entry = live_entry(address);

	if (!entry) {
		uint64_t *chunk = live_chunk_make(address);

		if (!chunk)
			return false;
		entry = live_entry(address);
	}
	if (size <= LIVE_TINY_MAX) {
		uint32_t *half = (uint32_t *)entry + (address >> 3 & 1);

		/* A full entry left by a block that vanished unseen. */
		if (*entry & LIVE_FULL)
			__atomic_store_n(entry, 0, __ATOMIC_RELAXED);
		__atomic_store_n(
		    half, LIVE_TINY | (uint32_t)size << LIVE_SITE_BITS | site,
		    __ATOMIC_RELAXED);
		return true;
	}
	if (size > LIVE_SIZE_MAX)
		return false;
	__atomic_store_n(entry,
			 LIVE_FULL | (address & 8 ? LIVE_HALF : 0) |
			     size << LIVE_SITE_BITS | site,
			 __ATOMIC_RELAXED);
	return true;
}

/* Removes the block at an address. Returns its site, 0: none is known. */
static inline uint32_t
live_take(uint64_t address, uint64_t *size)
{
	uint64_t *entry = live_entry(address);
	uint64_t full;
	uint32_t *half;
	uint32_t tiny;

	if (!entry)
		return 0;
	full = __atomic_load_n(entry, __ATOMIC_RELAXED);
	if (full & LIVE_FULL) {
		if (!(full & LIVE_HALF) != !(address & 8))
			return 0;
		__atomic_store_n(entry, 0, __ATOMIC_RELAXED);
		*size = full >> LIVE_SITE_BITS & LIVE_SIZE_MAX;
		return full & ((1u << LIVE_SITE_BITS) - 1);
	}
	half = (uint32_t *)entry + (address >> 3 & 1);
	tiny = __atomic_load_n(half, __ATOMIC_RELAXED);
	if (!(tiny & LIVE_TINY))
		return 0;
	__atomic_store_n(half, 0, __ATOMIC_RELAXED);
	*size = tiny >> LIVE_SITE_BITS & 31;
	return tiny & ((1u << LIVE_SITE_BITS) - 1);
}

#endif
