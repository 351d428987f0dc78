/* ledger_follow.h - the ledger of what the feed shows, and that it grew from.
 */
#ifndef HEAPTOP_VIEWER_LEDGER_FOLLOW_H
#define HEAPTOP_VIEWER_LEDGER_FOLLOW_H

#include "model/ledger.h"

struct viewer;

struct ledger_follow {
	struct ledger now;
	struct ledger first;
	struct ledger base;  /* that growth counts from */
	uint64_t first_tick; /* of the mark that `first` belongs to */
	uint64_t base_tick;
	uint64_t next_ns;  /* not to be looked at before */
	char problem[128]; /* why there is none; "" */
};

void ledger_forget(struct viewer *);
/* Looks again, if it is time and somebody sees it. */
void ledger_follow(struct viewer *);

#endif
