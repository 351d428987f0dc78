/*
 * merge_names.h - the names of several sources as one; of merge.c only.
 */
#ifndef HEAPTOP_MODEL_MERGE_NAMES_H
#define HEAPTOP_MODEL_MERGE_NAMES_H

#include "base/table.h"
#include "model/names.h"

/* What is told apart in the common names; ids are theirs. */
struct merge_names {
	struct names *to;
	struct table modules;
	struct table frames;
	struct table stacks;
};

/* One id of the common names for each of a source's, by its own id; a source's
 * names only grow, so does this. */
struct id_map {
	uint32_t *ids; /* [0] is 0 */
	size_t count;
	size_t room;
};

/* The names of one source. */
struct names_map {
	struct id_map strings; /* 0: not asked for yet */
	struct id_map modules;
	struct id_map frames;
	struct id_map stacks;
};

/* Takes in what a source has more names of than the last time. */
void merge_names_take(struct merge_names *, struct names_map *,
		      const struct names *from);
void merge_names_fini(struct merge_names *);
void names_map_fini(struct names_map *);

#endif
