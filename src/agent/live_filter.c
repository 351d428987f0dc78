/*
 * live_filter.c - which addresses may hold a sampled block.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live_filter.h"

uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 16];

/* Adds to a count, unless it is what it stays at. */
static void
change(uint64_t address, uint64_t stays_at, uint64_t by)
{
	uint32_t hash = live_filter_hash(address);
	uint64_t *word = &live_filter[hash / 16];
	unsigned shift = hash % 16 * 4;
	uint64_t known = __atomic_load_n(word, __ATOMIC_RELAXED);

	do {
		uint64_t count = known >> shift & LIVE_FILTER_MOST;

		if (count == LIVE_FILTER_MOST || count == stays_at)
			return;
	} while (!__atomic_compare_exchange_n(
	    word, &known, known + (by << shift), true, __ATOMIC_SEQ_CST,
	    __ATOMIC_RELAXED));
}

void
live_filter_add(uint64_t address)
{
	change(address, LIVE_FILTER_MOST, 1);
}

void
live_filter_remove(uint64_t address)
{
	change(address, 0, (uint64_t)-1);
}
