/*
 * made.h - a snapshot made by hand, as a feed: a small service that leaks
 * matplotlib figures, with native blocks and odd names among it.
 */
#ifndef HEAPTOP_TESTS_SCREEN_MADE_H
#define HEAPTOP_TESTS_SCREEN_MADE_H

#include "viewer/feed.h"

struct made {
	struct snapshot snapshot;
	struct names *names;
	size_t extra;	   /* sites made of numbers */
	bool grows;	   /* a step at each refresh */
	bool ends;	   /* the process has exited */
	struct rate asked; /* by ask_rate */
	bool refuses;	   /* ask_rate and ask_types fail */
	bool late;	   /* take_types has no answer yet */
	unsigned step;
	unsigned watched; /* calls of watch */
};

/* extra: that many more sites, of 48 stacks each. */
void made_init(struct made *, size_t extra);
void made_fini(struct made *);
struct feed made_feed(struct made *);
/* From now on it is sampled, within a budget; its totals are estimates. */
void made_sample(struct made *);
/* One tick later: the figures have grown. */
void made_step(struct made *);

#endif
