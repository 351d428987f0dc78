/*
 * live_filter.c - which addresses may hold a sampled block.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live_filter.h"

uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 64];

static uint8_t counts[1u << LIVE_FILTER_BITS];

/* Each step leaves the bit set where it must be: a signal handler may leave at
 * any place for ever. */
static void
bit_set(uint64_t at, bool value)
{
	uint64_t bit = UINT64_C(1) << at % 64;
	uint64_t word = live_filter[at / 64];

	__atomic_store_n(&live_filter[at / 64],
			 value ? word | bit : word & ~bit, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void
live_filter_add(uint64_t address)
{
	uint64_t at = live_filter_hash(address) >> (64 - LIVE_FILTER_BITS);

	bit_set(at, true);
	if (counts[at] < LIVE_FILTER_MOST)
		counts[at]++;
}

void
live_filter_remove(uint64_t address)
{
	uint64_t at = live_filter_hash(address) >> (64 - LIVE_FILTER_BITS);

	if (counts[at] > 0 && counts[at] < LIVE_FILTER_MOST &&
	    --counts[at] == 0)
		bit_set(at, false);
}
