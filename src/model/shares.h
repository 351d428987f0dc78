/*
 * shares.h - how rows of a merged snapshot spread over its processes: whether
 * one leaks, or all.
 */
#ifndef HEAPTOP_MODEL_SHARES_H
#define HEAPTOP_MODEL_SHARES_H

#include "model/merge.h"
#include "model/query.h"

/* Of one row. */
struct shares {
	struct share *each; /* of those that have something, most first */
	size_t count;
	struct share sum;
};

/* Of a row of the engine's last answer; shares_fini. Nothing where the
 * snapshot is of one process. */
void shares_make(struct shares *, struct engine *, const struct snapshot *,
		 const struct row *);
void shares_fini(struct shares *);
/* How many of 100 live bytes the one with most has; 0 when nothing is live. */
unsigned shares_biggest(const struct shares *);

#endif
