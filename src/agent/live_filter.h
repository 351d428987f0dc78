/*
 * live_filter.h - which addresses may hold a sampled block.
 *
 * One bit for each of 65,536 hash values, set while some block with that value
 * is in the map: 8 KiB, read at every free of a process that is sampled, and
 * written only for the few blocks that are recorded. Counts beside the bits say
 * when one may be cleared.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_LIVE_FILTER_H
#define HEAPTOP_AGENT_LIVE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define LIVE_FILTER_BITS 16

extern uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 64];

/* A block's address; each add has its remove. */
void live_filter_add(uint64_t address);
void live_filter_remove(uint64_t address);
/* Sets all bits for good. */
void live_filter_fill(void);
void live_filter_forked(void);

static inline uint32_t
live_filter_hash(uint64_t address)
{
	return (uint32_t)((address >> 3) * UINT64_C(0x9e3779b97f4a7c15) >>
			  (64 - LIVE_FILTER_BITS));
}

static inline bool
live_filter_has(uint64_t address)
{
	uint32_t hash = live_filter_hash(address);

	return __atomic_load_n(&live_filter[hash / 64], __ATOMIC_RELAXED) >>
		   hash % 64 &
	       1;
}

#endif
