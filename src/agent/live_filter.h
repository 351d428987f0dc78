/*
 * live_filter.h - which addresses may hold a sampled block.
 *
 * How many there are of each of 32,768 hash values: 16 KiB, read at every free
 * of a process that is sampled, and written only for the few blocks that are
 * recorded. Four bits for each, and 15 stays 15. No lock: a signal handler may
 * remove one while another is added.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_LIVE_FILTER_H
#define HEAPTOP_AGENT_LIVE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define LIVE_FILTER_BITS 15
#define LIVE_FILTER_MOST 15

extern uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 16];

/* A block's address; each add has its remove. */
void live_filter_add(uint64_t address);
void live_filter_remove(uint64_t address);

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
	uint64_t word =
	    __atomic_load_n(&live_filter[hash / 16], __ATOMIC_RELAXED);

	return word >> hash % 16 * 4 & LIVE_FILTER_MOST;
}

#endif
