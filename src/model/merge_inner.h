/*
 * merge_inner.h - who has what of which site; of merge*.c only.
 */
#ifndef HEAPTOP_MODEL_MERGE_INNER_H
#define HEAPTOP_MODEL_MERGE_INNER_H

#include "model/merge.h"
#include "model/merge_names.h"

/* One of a member's sites. */
struct link {
	uint32_t member; /* its index */
	uint32_t site;	 /* id of the member's, 0: none */
};

/* What a site of a member belongs to. What it has stays in the member's
 * snapshot: a family may have millions of them. */
struct part {
	uint32_t whole;	  /* site of the whole, 0: not known yet */
	struct link next; /* part of that site */
};

struct member {
	struct process process;		 /* texts are the member's own */
	const struct snapshot *snapshot; /* NULL: not taken yet, or dropped */
	bool dropped;
	struct names_map map;
	struct part *parts; /* [site - 1] */
	size_t part_room;
	size_t marks_taken;
	uint64_t read; /* changes of the snapshot that were taken */
	struct share total;
};

struct merge {
	struct snapshot *whole;
	struct merge_names names;
	struct member *members;
	size_t count;
	size_t room;
	size_t in_sum;
	struct table sites; /* ids of the whole */
	struct link *first; /* [site index]: its parts */
	uint64_t *bits;	    /* [site index] */
	uint64_t bits_changes;
	size_t site_room;     /* of both */
	uint64_t gone_cpu_ns; /* of members that were dropped: both only grow */
	uint64_t gone_work;
	bool changed; /* since merge_finish */
};

static inline const struct part *
link_part(const struct merge *merge, struct link link)
{
	return &merge->members[link.member].parts[link.site - 1];
}

static inline const struct site *
link_site(const struct merge *merge, struct link link)
{
	return &merge->members[link.member].snapshot->sites[link.site - 1];
}

/* Takes a site of a member in, whose names are known, as it is now. */
void merge_site(struct merge *, struct link);
/* It leaves the sum. */
void merge_site_drop(struct merge *, struct link);
/* So many sites of a member can be taken in. */
void merge_site_room(struct member *, size_t count);

#endif
