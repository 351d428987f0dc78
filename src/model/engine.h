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
 *   slots          keep their keys; their sums what struct basis says
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
	uint32_t best_site;  /* id; 0 none yet */
	uint64_t best_value; /* of that site */
	bool stale;	     /* it shrank: no site is above best_value now */
	bool pass;	     /* the filter lets it through */
};

/* Own naming of stacks, with (1) or without (0) `mine`. */
struct naming {
	/* [stack]: place + 1 of its innermost Python location with
	 * NAMING_PYTHON, else what names it, when that has been asked for:
	 * place + 1, or NAMING_NONE. */
	uint32_t *places;
	size_t known; /* stacks */
	size_t room;
	/* [frame]: place + 1 of the first that may name a row, NAMING_NONE, or
	 * 0 not asked. */
	uint32_t *candidates;
	size_t candidate_room;
};
#define NAMING_PYTHON (UINT32_C(1) << 31)
#define NAMING_NONE   (NAMING_PYTHON - 1)

/*
 * What one site, or all sites below a node, come to, or by how much that has
 * changed (then site_count counts the new ones, and best is of those that
 * changed).
 */
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
	uint32_t best_site; /* id; 0: none is better than before */
	uint32_t site_count;
	uint16_t domain; /* of those in site_count */
};

/* A node in inclusive mode. */
struct charge {
	uint32_t bloom[2]; /* of the slots that its path has met: 0 none */
	uint32_t mask;	   /* locations of its frame that charge here */
};

/* Whether the path of a node has a location that may charge. */
static inline bool
charge_any(const struct charge *charge)
{
	return charge->bloom[0] || charge->bloom[1];
}

/* A slot and what it is sorted by first: greater values come first. */
struct sort_entry {
	uint64_t value;
	uint32_t slot; /* index */
};

struct place {
	uint32_t slot;	/* 0 not asked yet */
	uint32_t frame; /* it belongs to, 0 not known yet */
};

/* What the sums of the slots are of. They stay when only the order changes,
 * and follow the snapshot's touches when only sites change. */
struct basis {
	bool good;
	bool sampled;	/* there are spreads, now or at the mark */
	bool by_growth; /* a row's best site is the one that changed most */
	const struct snapshot *snapshot;
	uint64_t touches; /* of the snapshot, as far as they are in the sums */
	uint64_t mark;	  /* serials; 0 none */
	uint64_t rate;
};

/* A site that goes into the sums again. */
struct change {
	uint32_t site;	/* index */
	uint32_t touch; /* index in snapshot->touched, or one of these */
};
#define CHANGE_RATE UINT32_MAX	     /* only what its rate is */
#define CHANGE_BORN (UINT32_MAX - 1) /* it was in no sum */

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

	uint32_t *site_slot;  /* [site index]: slot, 0 not known */
	uint32_t *site_place; /* place + 1 that names it */
	uint32_t *site_stack; /* what both were made from */
	size_t site_known;
	size_t site_room;

	struct slot *slots; /* [id - 1] */
	size_t slot_count;
	size_t slot_room;
	struct table slot_table;

	struct basis basis;
	struct change *changes; /* NULL: all sites, from nothing */
	size_t change_count;
	size_t change_room;
	bool filtered;	   /* slots know whether they pass */
	bool rated;	   /* all rates are made from nothing */
	uint64_t *touched; /* bits by site index: in changes, as touched */
	size_t touched_room;
	struct row total;

	struct sort_entry *entries;
	size_t entry_room;
	struct row *out;
	size_t out_room;
	struct rows rows;
};

/* Room for some, and a few more: arrays by site and by stack are large. */
static inline size_t
room_for(size_t count)
{
	return count + count / 16 + 64;
}

/* engine_name.c */
void naming_forget(struct engine *);
void naming_free(struct naming *);
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
void canon_forget(struct engine *);
uint32_t slot_of_domain(struct engine *, uint16_t domain);

/* engine_filter.c: sets pass of every slot. */
void filter_slots(struct engine *);

/* engine_spread.c: fills the variances, from the other numbers of sum. */
void sum_spread(const struct engine *, size_t index, struct sum *);

/* engine_sum.c */
void sum_site(const struct engine *, size_t index, struct sum *);
void sum_add(struct sum *, const struct sum *);
/* What makes a site the best of its row. */
uint64_t best_of(const struct engine *, size_t index);
bool is_better(uint64_t value, uint32_t site, uint64_t than_value,
	       uint32_t than_site);
void slot_charge(struct engine *, uint32_t slot, uint32_t place,
		 const struct sum *);
/* Rates are left as differences and errors as variances, for sort_rows. */
void row_charge(struct row *, const struct sum *);
void row_add(struct row *, const struct row *);
void slot_clear(struct slot *);
/* Before it is charged. */
void slot_prefetch(const struct engine *, uint32_t slot);
void sites_room(struct engine *);
void site_assign(struct engine *, size_t index);
void sites_extend(struct engine *);
/* Charges all sites to empty slots, or what has changed of some, which also
 * goes into the total. */
void sum_own(struct engine *);
/* Charges the slots with these bits, by id, with their sites. */
void sum_dirty(struct engine *, const uint64_t *dirty);

/* engine_change.c */
size_t change_count(const struct engine *);
/* Fills sum with what one of them is, and returns its site's index. */
size_t change_sum(const struct engine *, size_t change, struct sum *);
size_t change_site(const struct engine *, size_t change);
/* Brings slots and total up to date. */
void sums_follow(struct engine *);
/* Makes them from nothing. */
void sums_make(struct engine *);

/* engine_inclusive.c */
void charges_forget(struct engine *);
void charges_extend(struct engine *);
void sum_inclusive(struct engine *);
/* Marks the nodes below (and at) those that charge the slot. */
uint8_t *inclusive_cover(struct engine *, uint32_t slot);

/* Finds the best sites of those of these slots that are stale. */
void inclusive_mend(struct engine *, const struct sort_entry *, size_t count);

/* engine_sort.c: fills rows from slots. */
void sort_rows(struct engine *);

#endif
