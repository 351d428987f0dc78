/*
 * plan.h - a mark that is to be made later: after a time, once so much is
 * live, or where the program makes one of its own.
 */
#ifndef HEAPTOP_MODEL_PLAN_H
#define HEAPTOP_MODEL_PLAN_H

#include "model/snapshot.h"

/* All zero: none. */
struct mark_plan {
	uint64_t after_ns;    /* from the first totals on; 0 none */
	uint64_t after_bytes; /* once so many are live; 0 none */
	const char *at;	      /* text of the program's marks, each; NULL none */
	/* How far it has come. */
	uint64_t first_ns;
	size_t marks_seen;
	char name[64];
};

/*
 * Takes in the newest snapshot. Returns what the mark is to be called that is
 * due now (until the next call; from the target, perhaps), or NULL. The first
 * two are due once.
 */
const char *plan_step(struct mark_plan *, const struct snapshot *);

#endif
