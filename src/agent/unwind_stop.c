/*
 * unwind_stop.c - the parts of the code at which walks end.
 *
 * Context: hook, but unwind_stops_set: setup.
 */
#include "config.h"

#include "agent/unwind_stop.h"

uint32_t unwind_stop_count;
static const struct unwind_part *parts;

void
unwind_stops_set(const struct unwind_part *sorted, uint32_t count)
{
	parts = sorted;
	__atomic_store_n(&unwind_stop_count, count, __ATOMIC_RELEASE);
}

bool
unwind_stops_hold(uint64_t pc)
{
	uint32_t low = 0;
	uint32_t high = unwind_stop_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (parts[middle].low <= pc)
			low = middle;
		else
			high = middle;
	}
	return pc - parts[low].low < parts[low].high - parts[low].low;
}
