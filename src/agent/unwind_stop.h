/*
 * unwind_stop.h - the parts of the code at which walks end.
 *
 * A walk is given limits and ends before a pc that lies in them. What it is to
 * end at may be in several parts, with other code between: then the limits are
 * what the parts lie in, and the parts are here. One comparison tells nearly
 * every pc that it is none.
 *
 * Context: hook, but unwind_stops_set.
 */
#ifndef HEAPTOP_AGENT_UNWIND_STOP_H
#define HEAPTOP_AGENT_UNWIND_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"

struct unwind_part {
	uint64_t low;
	uint64_t high;
};

/* How many there are; 0: all that lies in the limits is to be stopped at. */
extern HIDDEN uint32_t unwind_stop_count;

/* Once, before the limits are used. The parts are sorted, apart from each other
 * and stay where they are. Context: setup. */
void unwind_stops_set(const struct unwind_part *, uint32_t count);

/* Whether pc, which is in the limits, is in a part. */
bool unwind_stops_hold(uint64_t pc);

static inline bool
unwind_is_stop(uint64_t pc, uint64_t low, uint64_t size)
{
	return __builtin_expect(pc - low < size, 0) &&
	       (!unwind_stop_count || unwind_stops_hold(pc));
}

#endif
