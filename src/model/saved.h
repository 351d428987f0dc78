/*
 * saved.h - what a snapshot file holds beside the snapshot itself: what was
 * before it, and what the user had marked.
 */
#ifndef HEAPTOP_MODEL_SAVED_H
#define HEAPTOP_MODEL_SAVED_H

#include "model/history.h"

struct saved {
	struct history *history; /* NULL: none */
	struct mark *marks; /* the user's, by time; the first is the start */
	size_t mark_count;
	size_t baseline; /* of marks: what growth counts from */
};

/* Frees all of it; nothing is left in it. */
void saved_fini(struct saved *);
/* The moment that a mark was taken at, if all sites are known there: then the
 * mark can be made of it. False: there is none. */
bool saved_moment(const struct history *, uint64_t mono_ns, size_t *index);

#endif
