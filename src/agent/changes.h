/*
 * changes.h - which sites have changed since the last tick.
 *
 *	changes_collect; changes_write; publish; changes_commit
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_CHANGES_H
#define HEAPTOP_AGENT_CHANGES_H

#include <stdint.h>

#include "heaptop/wire.h"

/* Names the new sites and takes in what all threads have counted since; adds it
 * to the totals of the domains. */
void changes_collect(struct wire_totals *totals);
/* Sites 1..named have a name. */
uint32_t changes_named(void);
/* Of sites that have changed, or could not be written. */
uint64_t changes_count(void);
/* A record for each; makes the ring fit for them. */
void changes_write(uint32_t tick);
/* What was written is part of a whole tick now. */
void changes_commit(void);
/* Nothing was written or named yet: a new segment. */
void changes_forget(void);

#endif
