/*
 * live_filter.h - which addresses may hold a sampled block.
 *
 * A bit for each of 32,768 hash values: 4 KiB, read at every free of a process
 * that is sampled, and written only for the few blocks that are recorded. How
 * many blocks there are of a hash value is counted apart from it, in bytes that
 * stay at 255.
 *
 * Words of the filter belong to the shards of the table of sampled blocks, by
 * the upper bits of the hash: whoever changes them has the lock of the shard.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_LIVE_FILTER_H
#define HEAPTOP_AGENT_LIVE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"

#define LIVE_FILTER_BITS 15
#define LIVE_FILTER_MOST 255
#define LIVE_SHARD_BITS	 6 /* at most LIVE_FILTER_BITS - 6 */

extern HIDDEN uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 64];

/* A block's address; each add has its remove. With the lock of its shard, or
 * while there are no others. In between, live_filter_has says true. */
void live_filter_add(uint64_t address);
void live_filter_remove(uint64_t address);

/* The upper bits are the good ones. */
static inline uint64_t
live_filter_hash(uint64_t address)
{
	return address * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t
live_filter_shard(uint64_t address)
{
	return live_filter_hash(address) >> (64 - LIVE_SHARD_BITS);
}

static inline bool
live_filter_has(uint64_t address)
{
	uint64_t hash = live_filter_hash(address);
	uint64_t word =
	    __atomic_load_n(&live_filter[hash >> (64 - LIVE_FILTER_BITS + 6)],
			    __ATOMIC_RELAXED);

	return word >> (hash >> (64 - LIVE_FILTER_BITS) & 63) & 1;
}

#endif
