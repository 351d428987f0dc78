/*
 * spare.c - pieces of memory that were used and wait to be used again.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/spare.h"

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_MASK ((UINT64_C(1) << 48) - 1)
#define STEP	     (ADDRESS_MASK + 1)

static uint64_t *
piece_of(uint64_t top)
{
	return (uint64_t *)(top & ADDRESS_MASK);
}

static bool
replace(struct spare *spare, uint64_t *top, uint64_t piece)
{
	uint64_t fresh =
	    (piece & ADDRESS_MASK) | ((*top & ~ADDRESS_MASK) + STEP);

	return __atomic_compare_exchange_n(&spare->top, top, fresh, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void
spare_put(struct spare *spare, void *piece)
{
	uint64_t top = __atomic_load_n(&spare->top, __ATOMIC_ACQUIRE);

	do {
		__atomic_store_n((uint64_t *)piece, top & ADDRESS_MASK,
				 __ATOMIC_RELAXED);
	} while (!replace(spare, &top, (uint64_t)piece));
}

void *
spare_take(struct spare *spare)
{
	uint64_t top = __atomic_load_n(&spare->top, __ATOMIC_ACQUIRE);
	uint64_t next;

	do {
		if (!piece_of(top))
			return NULL;
		/* Another's by now, perhaps: then the exchange fails. */
		next = __atomic_load_n(piece_of(top), __ATOMIC_RELAXED);
	} while (!replace(spare, &top, next));
	__atomic_store_n(piece_of(top), 0, __ATOMIC_RELAXED);
	return piece_of(top);
}
