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

/* Of a row of the engine's last answer, and how much it has grown since a mark
 * (NULL: none); shares_fini. Nothing where the snapshot is of one process. */
void shares_make(struct shares *, struct engine *, const struct snapshot *,
		 const struct mark *, const struct row *);
void shares_fini(struct shares *);
/* How many of 100 live bytes the one with most has; 0 when nothing is live. */
unsigned shares_biggest(const struct shares *);

/* Of those processes in which a row has grown since the mark. */
struct shares_growth {
	size_t count;		  /* 0: in none, or there is no mark */
	const struct share *most; /* of the one that grew most */
	unsigned percent;	  /* its part of their growth */
};
struct shares_growth shares_growth(const struct shares *);

#define SHARES_TEXT_MAX 32
/* "4  97%": how many have it, and the part of the one with most; where it has
 * grown since the mark, "+4  97%", the same of its growth. One has a little
 * more than the others where all leak, and nearly all where one does. */
const char *shares_text(char out[SHARES_TEXT_MAX], const struct shares *);

#endif
