/*
 * live_filter.c - which addresses may hold a sampled block.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live_filter.h"

#include <string.h>

#include "agent/safe.h"

#define VALUES (1u << LIVE_FILTER_BITS)
#define LOCKS  16
#define STUCK  UINT16_MAX /* a count that is not known any more */

uint64_t live_filter[VALUES / 64];

/* Bits of one word have the same lock. */
static struct {
	struct safe_lock locks[LOCKS];
	uint16_t counts[VALUES];
} filter;

static struct safe_lock *
lock_of(uint32_t hash)
{
	return &filter.locks[hash / 64 % LOCKS];
}

/* The bit is set while the count is not 0, at every instant. */
static void
set(uint32_t hash)
{
	uint64_t *word = &live_filter[hash / 64];

	__atomic_store_n(word, *word | UINT64_C(1) << hash % 64,
			 __ATOMIC_RELAXED);
}

void
live_filter_add(uint64_t address)
{
	uint32_t hash = live_filter_hash(address);
	struct safe_lock *lock = lock_of(hash);

	safe_lock(lock);
	set(hash);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (filter.counts[hash] != STUCK)
		filter.counts[hash]++;
	safe_unlock(lock);
}

void
live_filter_remove(uint64_t address)
{
	uint32_t hash = live_filter_hash(address);
	struct safe_lock *lock = lock_of(hash);
	uint64_t *word = &live_filter[hash / 64];

	safe_lock(lock);
	if (filter.counts[hash] && filter.counts[hash] != STUCK &&
	    --filter.counts[hash] == 0) {
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		__atomic_store_n(word, *word & ~(UINT64_C(1) << hash % 64),
				 __ATOMIC_RELAXED);
	}
	safe_unlock(lock);
}

void
live_filter_fill(void)
{
	for (uint32_t hash = 0; hash < VALUES; hash++) {
		struct safe_lock *lock = lock_of(hash);

		safe_lock(lock);
		set(hash);
		filter.counts[hash] = STUCK;
		safe_unlock(lock);
	}
}

void
live_filter_forked(void)
{
	memset(filter.locks, 0, sizeof(filter.locks));
}
