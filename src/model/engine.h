/*
 * engine.h - the inside of the query engine; nobody else includes this.
 *
 * Nouns.
 *   place  a location, by its index in names
 *   key    what rows are told apart by, made of string ids
 *   slot   a row while it is summed up; ids from 1, kept between runs
 *   node   a stack id seen as a node of the tree of stacks
 *
 * What is kept between runs, and what ends it:
 *   naming, canon  names another, or names_generation
 *   all the rest   also group_by, inclusive, mine
 *   slots          keep their keys; sums are made anew each time
 * New stacks and sites only append to all of them.
 */
#ifndef HEAPTOP_MODEL_ENGINE_H
#define HEAPTOP_MODEL_ENGINE_H

#include "base/table.h"
#include "model/query.h"

enum key_kind {
	KEY_FILE_LINE,
	KEY_FILE_FUNCTION,
	KEY_FILE,
	KEY_MODULE,
	KEY_MODULE_FUNCTION, /* no file is known */
	KEY_STACK,
	KEY_DOMAIN,
};

struct key {
	uint32_t kind;
	uint32_t first;
	uint32_t second;
};

struct slot {
	struct row row;
	struct key key;
	uint32_t place;	     /* the last that was charged, + 1; 0 none yet */
	uint32_t best_site;  /* index, valid when row.stack is not 0 */
	uint64_t best_value; /* of that site */
	bool pass;	     /* the filter lets it through */
};

/* Own naming of stacks, with (1) or without (0) `mine`. */
struct naming {
	uint32_t *python; /* [stack]: place + 1 of the innermost Python, or 0 */
	uint32_t *native; /* [stack]: place + 1, 0 not asked, or NAMING_NONE */
	size_t known;	  /* stacks in both */
	size_t room;
};
#define NAMING_NONE UINT32_MAX

/* What one site, or all sites below a node, come to. */
struct sum {
	uint64_t size;
	uint64_t count;
	int64_t size_diff;
	int64_t count_diff;
	uint64_t total_size;
	uint64_t total_count;
	uint64_t peak_size;
	int64_t rate_size;  /* bytes since query.rate */
	int64_t rate_count; /* blocks */
	double size_variance;
	double count_variance;
	double size_diff_variance;
	double count_diff_variance;
	uint64_t best_value;
	uint64_t process_bits;
	uint32_t best_site; /* index */
	uint32_t site_count;
	uint16_t domain;
};

/* A node in inclusive mode. */
struct charge {
	uint64_t bloom; /* of the slots that its path has met */
	uint32_t mask;	/* locations of its frame that charge here */
	bool any;	/* its path has a location that may charge */
};

struct place {
	uint32_t slot;	/* 0 not asked yet */
	uint32_t frame; /* it belongs to, 0 not known yet */
};

struct engine {
	uint64_t names_serial;
	uint64_t generation;
	enum group group_by;
	bool inclusive;
	bool mine;
	char *filter;
	const struct snapshot *snapshot; /* of the run under way, or the last */
	const struct query *query;	 /* of the run under way */
	struct names *names;
	double rate_seconds; /* since query.rate, 0: no rates */
	bool sampled;	     /* there are spreads, now or at the mark */

	struct naming naming[2];

	struct place *places; /* [place] */
	size_t place_room;

	uint32_t *canon; /* [stack]: the first stack that reads the same */
	size_t canon_known;
	size_t canon_room;
	struct table canon_table;
	uint32_t
	    *canon_frame; /* [frame]: the first that reads the same, or 0 */
	size_t canon_frame_room;
	struct table canon_frame_table;

	struct charge *charges; /* [stack] */
	size_t charge_known;
	size_t charge_room;
	struct sum *sums; /* [stack] */
	size_t sum_room;

	uint32_t *site_slot;  /* [site index]: slot, 0 not known */
	uint32_t *site_place; /* place + 1 that names it */
	uint32_t *site_stack; /* what both were made from */
	size_t site_known;
	size_t site_room;

	struct slot *slots; /* [id - 1] */
	size_t slot_count;
	size_t slot_room;
	struct table slot_table;

	struct sort_entry *entries;
	size_t entry_room;
	struct row *out;
	size_t out_room;
	struct rows rows;
};

/* engine_name.c */
void naming_forget(struct engine *);
/* The place that names a stack. */
uint32_t naming_find(struct engine *, bool mine, uint32_t stack);
/* Brings all stacks' naming up to date with names. */
void naming_extend(struct engine *, bool mine);

/* engine_key.c */
struct slot *slot_at(struct engine *, uint32_t id);
void slots_forget(struct engine *);
/* The slot of a place, which belongs to frame; made when new. */
uint32_t slot_of_place(struct engine *, uint32_t place, uint32_t frame);
/* Only remembers the frame. */
void place_note(struct engine *, uint32_t place, uint32_t frame);
uint32_t slot_of_stack(struct engine *, uint32_t stack);
uint32_t slot_of_domain(struct engine *, uint16_t domain);

/* engine_filter.c: sets pass of every slot. */
void filter_slots(struct engine *);

/* engine_spread.c: fills the variances, from the other numbers of sum. */
void sum_spread(const struct engine *, size_t index, struct sum *);

/* engine_sum.c */
void sum_site(const struct engine *, size_t index, struct sum *);
void sum_add(struct sum *, const struct sum *);
/* place + 1, or 0 for rows that are not made of places. */
void slot_charge(struct engine *, uint32_t slot, uint32_t place,
		 const struct sum *);
/* Rates are left as differences and errors as variances, for sort_rows. */
void row_charge(struct row *, const struct sum *);
void sites_extend(struct engine *);
void sum_own(struct engine *);

/* engine_inclusive.c */
void charges_forget(struct engine *);
void charges_extend(struct engine *);
void sum_inclusive(struct engine *);
/* Marks the nodes below (and at) those that charge the slot. */
uint8_t *inclusive_cover(struct engine *, uint32_t slot);

/* engine_sort.c: fills rows from slots. */
void sort_rows(struct engine *);

#endif
