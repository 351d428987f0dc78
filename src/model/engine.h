/*
 * engine.h - the inside of the query engine; nobody else includes this.
 *
 * Nouns.
 *   place  a location, by its index in names
 *   key    what rows are told apart by, made of string ids
 *   slot   a row that is kept between runs; ids from 1
 *   part   some of the numbers of a row that come from one source, so that
 *          they become stale together; all of them are integers that may wrap
 *   step   in inclusive mode, a node of the tree that sites are charged
 *          through: engine_steps.c
 *
 * What is kept between runs, and what ends it:
 *   naming, canon  names another, or names_generation
 *   all the rest   also group_by, inclusive, mine, another snapshot
 *   each part      also what struct part says
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

/* What the places of a slot do not share. */
enum {
	DIFFER_FILE = 1u << 0,
	DIFFER_FUNCTION = 1u << 1,
	DIFFER_LINE = 1u << 2,
	DIFFER_MODULE = 1u << 3,
	DIFFER_ALL = 15,
};

struct slot {
	struct key key;
	uint32_t place; /* whose texts it has, + 1; 0 none yet */
	uint32_t best;	/* index in bests, + 1; 0: not known */
	uint32_t chain; /* KEY_STACK: its newest site, an id */
	uint8_t differ; /* DIFFER_* */
	uint8_t kind;	/* enum frame_kind: the least of its further places */
	bool pass;	/* the filter lets it through */
};

/* Own naming of stacks, with (1) or without (0) `mine`. */
struct naming {
	/* [stack]: place + 1 of its innermost Python location with
	 * NAMING_PYTHON, else what names it, when that has been asked for:
	 * place + 1, or NAMING_NONE. */
	uint32_t *places;
	size_t known; /* stacks */
	size_t room;
	/* [frame]: place + 1 of the first that may name a row, with
	 * NAMING_PYTHON, NAMING_NONE or NAMING_LATER; 0 not looked at. */
	uint32_t *candidates;
	size_t candidate_room;
};
#define NAMING_PYTHON (UINT32_C(1) << 31)
#define NAMING_NONE   (NAMING_PYTHON - 1)
#define NAMING_LATER  (NAMING_PYTHON - 2) /* native, and nobody has asked */

/* The numbers of a part. */
enum {
	TOTAL_ALLOC_BYTES,
	TOTAL_ALLOC_COUNT,
	TOTAL_FREE_BYTES,
	TOTAL_FREE_COUNT,
	TOTAL_PEAK_BYTES,
	TOTAL_SITES,
	/* The sum of their domains, and 2^32 times that of the squares: all are
	 * one if sites times the squares is the sum squared, and only then. */
	TOTAL_DOMAINS,
	TOTAL_COUNT,
};
enum { LIVE_BYTES, LIVE_COUNT, LIVE_WIDTH }; /* of a mark */
enum {
	SPREAD_BYTES, /* each of two numbers: engine_spread.c */
	SPREAD_BLOCKS = 2,
	SPREAD_BYTES_DIFF = 4,
	SPREAD_BLOCKS_DIFF = 6,
	SPREAD_WIDTH = 8,
};
#define PART_WIDTH_MAX 8

enum part_id {
	PART_TOTALS,
	PART_MARK,
	PART_RATE,   /* the mark of the rates */
	PART_SPREAD, /* variances, now and since the mark */
	PART_COUNT,
};

struct part {
	uint64_t of;	  /* what it was made of; 0: it is not there */
	uint64_t mark_of; /* of that mark, its `of` and `touches` */
	uint64_t touches;
	uint64_t *sums; /* [slot - 1], so many numbers each */
	size_t room;	/* slots */
	size_t count;	/* slots that have any */
	uint64_t total[PART_WIDTH_MAX];
};
#define PART_UNKNOWN UINT64_MAX /* made of something that may change */

/* The two sites of a slot that are most, by what rows are told apart by. */
struct best {
	uint64_t value;
	uint64_t second; /* no other site has more */
	uint32_t site;	 /* id; 0 none */
	uint32_t second_site;
};

struct step {
	uint32_t parent; /* a smaller one; 0 none */
	uint32_t slot;	 /* STEP_PASS: it passes, or one further out does */
};
#define STEP_PASS  (UINT32_C(1) << 31)
#define FRAME_NONE UINT32_MAX

/* The steps further out than any that is charged, numbered anew from 1: what
 * is charged to the others is theirs alone. */
struct branch {
	struct step *steps; /* [number] */
	size_t count;
	uint64_t *bits;	 /* [step] */
	uint32_t *ranks; /* [step / 64]: how many come before */
};

/* Where a site is charged: a step with AT_STEP, else a slot; 0 nowhere. */
#define AT_STEP (UINT32_C(1) << 31)

/* A slot and what it is sorted by first: greater values come first. */
struct sort_entry {
	uint64_t value;
	uint64_t size; /* live bytes: most first, where values are the same */
	uint32_t slot; /* index */
};

struct place {
	uint32_t slot;	     /* 0 not asked yet; by domain: bits of those that
				have its texts */
	uint32_t frame : 31; /* it belongs to, 0 not known yet */
	uint32_t named : 1;  /* the slot has its texts */
};

/* A site that goes into the sums again. */
struct moved {
	uint32_t site;	/* index */
	uint32_t touch; /* index in snapshot->touched */
};
#define CHANGE_BORN UINT32_MAX /* it was in no sum */

/* Those that move a part. */
struct moves {
	struct moved *list;
	size_t count;
	struct branch branch; /* of their steps */
};

struct engine {
	uint64_t names_serial;
	uint64_t generation;
	enum group group_by;
	bool inclusive;
	bool mine;
	char *filter;
	const struct snapshot *snapshot; /* of the run under way, or the last */
	struct query query;		 /* likewise; its filter may be gone */
	struct names *names;
	double rate_seconds; /* since query.rate, 0: no rates */

	struct naming naming[2];

	struct place *places; /* [place] */
	size_t place_room;

	uint64_t *canon; /* [stack]: hash of what it reads */
	size_t canon_known;
	size_t canon_room;
	uint32_t *canon_frame; /* [frame]: the first that reads the same */
	size_t canon_frames;
	size_t canon_frame_room;
	struct table canon_frame_table;

	struct step *steps; /* [id] */
	size_t step_count;
	size_t step_room;
	struct branch all;    /* of the run under way, once it was asked for */
	uint32_t *stack_step; /* [stack]: the innermost; 0 none charges */
	size_t stack_known;
	size_t stack_room;
	/* [frame]: all that it charges, where that is one slot or none:
	 * FRAME_NONE; 0: something else, or not known. */
	uint32_t *frame_slot;
	size_t frame_slot_room;

	uint32_t *site_at; /* [site index] */
	uint32_t *next;	   /* [site index]: of one KEY_STACK, an id; or NULL */
	size_t site_known;
	size_t site_room;

	struct slot *slots; /* [id - 1] */
	size_t slot_count;
	size_t slot_room;
	struct table slot_table;

	struct part parts[PART_COUNT];
	uint64_t *process_bits; /* [slot - 1] of a merge */
	size_t process_count;
	uint64_t process_total;
	uint64_t bits_of;     /* merge_bits_changes, when they were made */
	uint64_t snapshot_of; /* serial of the snapshot that sums are of */
	uint64_t touches_of;  /* as far as they are in the sums */
	struct moved *changes;
	size_t change_count;
	size_t change_room;
	uint64_t *touched; /* bits by site index: in changes */
	size_t touched_room;
	bool filtered;	     /* what passes is known */
	uint8_t *frame_pass; /* [frame]: of KEY_STACK: 0 not asked, 1, 2 yes */
	size_t frame_room;

	struct best *bests; /* of rows that were shown */
	uint32_t *best_slot;
	size_t best_count;
	size_t best_room;
	size_t best_slot_room;
	bool by_growth; /* the best is the one that changed most */
	uint64_t best_mark;

	uint64_t *lately; /* [slot - 1]: engine_lately.c; NULL not asked */
	struct sort_entry *entries; /* engine_order.c */
	size_t entry_count;
	size_t entry_most;   /* so many rows pass */
	size_t entry_slots;  /* of so many slots */
	uint64_t entries_of; /* what they are kept for; 0: for nothing */
	uint64_t orders;     /* counts what makes all of them others */
	uint64_t bar;	     /* no row that is not in entries has so much */
	size_t entry_room;
	uint64_t *cuts;
	struct row **pages; /* of rows that are made later; NULL not yet */
	size_t page_count;
	size_t page_room;
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

static inline struct slot *
slot_at(const struct engine *engine, uint32_t id)
{
	return &engine->slots[id - 1];
}

/* Of a difference of numbers that may wrap. */
static inline uint64_t
magnitude(uint64_t difference)
{
	return (int64_t)difference < 0 ? -difference : difference;
}

/* Whether the filter lets a site through that is charged there. */
static inline bool
at_passes(const struct engine *engine, uint32_t at)
{
	return at & AT_STEP ? engine->steps[at & ~AT_STEP].slot & STEP_PASS
			    : slot_at(engine, at)->pass;
}

/* engine_name.c */
void naming_forget(struct engine *);
void naming_free(struct naming *);
/* The place that names a stack. */
uint32_t naming_find(struct engine *, bool mine, uint32_t stack);
/* Brings all stacks' naming up to date with names. */
void naming_extend(struct engine *, bool mine);

/* engine_key.c */
/* The same for the same key at every query. */
uint64_t slot_identity(const struct slot *);
/* 0: there is none. */
uint32_t slot_find(const struct engine *, uint64_t identity);
void slots_forget(struct engine *);
void slots_free(struct engine *);
/* The slot of a place, which belongs to frame; made when new. */
uint32_t slot_of_place(struct engine *, uint32_t place, uint32_t frame);
/* Of all stacks that read the same; under the first of them. */
uint32_t slot_of_stack(struct engine *, uint32_t stack);
/* It will be asked for soon. */
void slot_of_stack_prefetch(const struct engine *, uint32_t stack);
/* Room for so many, so that they need not move on the way to them. */
void slots_reserve(struct engine *, size_t count);
/* Takes the texts of a place that was noted into it, once. */
uint32_t slot_of_domain(struct engine *, uint16_t domain, uint32_t place);
/* Only remembers the frame. */
void place_note(struct engine *, uint32_t place, uint32_t frame);
/* Takes the texts of a place into a slot: what differs is dropped. */
void slot_name(struct engine *, uint32_t slot, uint32_t place);
/* The same, into the slot of the place, once. */
void place_name(struct engine *, uint32_t place);
/* Fills the texts of a row. */
void slot_texts(struct engine *, struct slot *, struct row *);

/* engine_canon.c */
void canon_forget(struct engine *);
void canon_extend(struct engine *);
/* Whether two stacks read the same. */
bool canon_same(const struct engine *, uint32_t a, uint32_t b);

/* engine_filter.c */
void filter_forget(struct engine *);
/* Whether a new slot passes; rows by line pass by their places. */
bool filter_key(struct engine *, const struct key *);
void filter_place(struct engine *, struct slot *, uint32_t place);
/* Sets pass of every slot. */
void filter_slots(struct engine *);

/* engine_spread.c: variances of a site as numbers of PART_SPREAD. */
void spread_numbers(const struct mark *, size_t index, const struct site *,
		    const struct spread *, uint64_t *out);
double spread_variance(const uint64_t *numbers);

/* engine_assign.c */
void sites_forget(struct engine *);
/* Finds the place of a row by traceback: there are too many of them to do it
 * before their texts are asked for. */
void slot_locate(struct engine *, struct slot *);
/* Where all sites are charged. */
void sites_assign(struct engine *);
/* Which sites changed since the sums were made; false: all have to be looked at
 * again. */
bool changes_take(struct engine *);

/* engine_parts.c */
/* Brings the sums up to date: from nothing, or with the changes. */
void sums_follow(struct engine *, bool anew);

/* engine_sum.c */
/* Sums a part from nothing; or with what moved, in slots that may be new. */
void part_make(struct engine *, enum part_id);
void part_move(struct engine *, enum part_id, const struct moves *);
/* The numbers of a part of a slot; zeros when it is not there. */
void slot_sum(const struct engine *, uint32_t slot, enum part_id,
	      uint64_t *out);
void row_fill(struct engine *, uint32_t slot, struct row *);
void row_total(const struct engine *, struct row *);

/* engine_steps.c */
void steps_forget(struct engine *);
void steps_extend(struct engine *);
/* Sets STEP_PASS of all. */
void steps_pass(struct engine *);
/* Marks the steps at and further in than those of a slot; the caller's. */
uint8_t *steps_cover(const struct engine *, uint32_t slot);

/* Those of all steps, which is kept until the run is over. */
const struct branch *branch_all(struct engine *);
void branch_fini(struct branch *);
/* Those of a list. */
void moves_branch(const struct engine *, struct moves *);

static inline bool
branch_has(const struct branch *branch, uint32_t step)
{
	return branch->bits[step / 64] >> step % 64 & 1;
}

/* Of a step that it has; 0 of 0. */
static inline size_t
branch_number(const struct branch *branch, uint32_t step)
{
	uint64_t below = (UINT64_C(2) << step % 64) - 1;

	return branch->ranks[step / 64] +
	       (unsigned)__builtin_popcountll(branch->bits[step / 64] & below);
}

/* engine_moves.c */
/* Those of a part that was made of a mark, when it is to be of another or of
 * the same one; false: all sites have to be looked at. */
bool moves_of_mark(const struct engine *, const struct part *,
		   const struct mark *, bool same, struct moves *);
void moves_fini(struct moves *);

/* engine_best.c */
void bests_forget(struct engine *);
/* Takes in the changes, whose steps are the branch. */
void bests_follow(struct engine *, const struct branch *, bool anew);
/* Finds those of the rows that are about to be shown. */
void bests_find(struct engine *, const struct sort_entry *, size_t count);

/* engine_lately.c */
/* What all slots come to by TREND or AGE, if they are sorted by it. */
void lately_find(struct engine *);

/* engine_sort.c */
static inline int
compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}
/* By live bytes, then by blocks: most first. Ids of slots. */
int slots_compare(const struct engine *, uint32_t left, uint32_t right);
/* For qsort_r; the context is the engine. */
int entry_compare(const void *left, const void *right, void *context);
/* Of the slot with an index; false: it is no row. */
bool entry_make(const struct engine *, size_t index, struct sort_entry *);

/* engine_order.c */
/* Finds the rows, and makes them if they are not made later. */
void rows_start(struct engine *);
/* Drops those that were made since. */
void pages_forget(struct engine *);

#endif
