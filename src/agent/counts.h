/*
 * counts.h - per thread and per site: bytes and blocks, allocated and freed.
 *
 * Written only by the owner, with plain stores; summed by the ticker, which
 * keeps beside each counter what it has already seen of it. For every site
 *
 *	sum over threads of allocated >= sum over threads of freed
 *
 * and the ticker keeps that true in what it reads, by reading all the freed
 * ones first: whatever was freed by then was allocated before. What comes and
 * goes until it has read the others too is live to it, some microseconds'
 *worth.
 *
 * Counters stand in leaves of 8 sites, found through a radix tree in the
 * thread. After each change the owner stores 1 in the leaf's mark and then in
 * `changed` of its thread; the marks of many leaves lie side by side, so the
 * ticker finds the leaves that changed without a look at the others. It clears
 * before it reads, so a change that it misses leaves a mark behind.
 *
 *
 * Context: hook (thread side), ticker (counts_collect and below).
 */
#ifndef HEAPTOP_AGENT_COUNTS_H
#define HEAPTOP_AGENT_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/arch/arch.h"

#define COUNTS_LEAF_BITS 3
#define COUNTS_MID_BITS	 8
#define COUNTS_ROOT_BITS 13 /* 24 in all, as a site id */
#define COUNTS_LEAF	 (1u << COUNTS_LEAF_BITS)
#define COUNTS_MID	 (1u << COUNTS_MID_BITS)
#define COUNTS_ROOT	 (1u << COUNTS_ROOT_BITS)

struct counter {
	uint64_t alloc_bytes;
	uint64_t alloc_count;
	uint64_t free_bytes;
	uint64_t free_count;
};

/* What sampled sums may be off by: variances, as in wire.h. Only ever added to,
 * as the counters are, and before them. */
struct spread {
	double alloc_bytes;
	double free_bytes;
	double alloc_count;
	double free_count;
};

struct leaf_spread {
	struct spread now[COUNTS_LEAF];	 /* owner */
	struct spread seen[COUNTS_LEAF]; /* ticker */
};

#define COUNTS_FIELDS (sizeof(struct counter) / sizeof(uint64_t))

struct leaf {
	uint8_t *mark;		    /* in its mid; 1: look here */
	uint32_t *changed;	    /* of its thread's counts */
	struct leaf_spread *spread; /* owner; NULL until it has sampled */
	uint32_t base;		    /* site id of counter[0] */
	uint32_t is_wide;	    /* ticker: which of seen it is */
	struct counter counter[COUNTS_LEAF]; /* owner */
	/* Ticker. Few sites ever come to 4 GiB: wide is made for those. */
	union {
		uint32_t narrow[COUNTS_LEAF][COUNTS_FIELDS];
		struct counter *wide; /* COUNTS_LEAF of them */
	} seen;
};
/* In whole pieces of the arena: a program may have a million sites. */
_Static_assert(sizeof(struct leaf) == 13 * 32, "leaf");

struct mid {
	struct mid *next;   /* of the same thread */
	struct mid **place; /* in root */
	union {
		uint8_t mark[COUNTS_MID];	/* owner: 1 after a change */
		uint64_t marks[COUNTS_MID / 8]; /* ticker: eight at a time */
	};
	struct leaf *leaves[COUNTS_MID];
};

struct counts {
	uint32_t changed; /* owner: 1 after a change; ticker: 0 */
	struct mid *mids; /* newest first */
	struct mid *root[COUNTS_ROOT];
};

/* The leaf of a site; NULL: there is none yet. */
static inline struct leaf *
counts_leaf_find(const struct counts *counts, uint32_t site)
{
	const struct mid *mid =
	    counts->root[site >> (COUNTS_LEAF_BITS + COUNTS_MID_BITS)];

	return mid ? mid->leaves[site >> COUNTS_LEAF_BITS & (COUNTS_MID - 1)]
		   : NULL;
}

/* Makes the leaf of a site; NULL: no memory. */
struct leaf *counts_leaf_make(struct counts *, uint32_t site);
/* Makes the spread of a leaf; NULL: no memory. */
struct leaf_spread *counts_spread_make(struct leaf *);

static inline struct leaf *
counts_leaf(struct counts *counts, uint32_t site)
{
	struct leaf *leaf = counts_leaf_find(counts, site);

	return leaf ? leaf : counts_leaf_make(counts, site);
}

/* The owner's last step of a change. */
static inline void
counts_mark(struct leaf *leaf)
{
	__atomic_store_n(leaf->mark, 1, __ATOMIC_RELEASE);
	__atomic_store_n(leaf->changed, 1, __ATOMIC_RELEASE);
}

/* Only the owner writes: no locked instruction. Its signal handlers may too. */
static inline void
counts_alloc(struct leaf *leaf, uint32_t site, uint64_t size, uint64_t count)
{
	struct counter *counter = &leaf->counter[site & (COUNTS_LEAF - 1)];

	arch_add(&counter->alloc_bytes, size);
	arch_add(&counter->alloc_count, count);
	counts_mark(leaf);
}

static inline void
counts_free(struct leaf *leaf, uint32_t site, uint64_t size, uint64_t count)
{
	struct counter *counter = &leaf->counter[site & (COUNTS_LEAF - 1)];

	arch_add(&counter->free_bytes, size);
	arch_add(&counter->free_count, count);
	counts_mark(leaf);
}

/* Before the counters: adds to what they may be off by. False: no memory. */
bool counts_spread_alloc(struct leaf *, uint32_t site, double bytes,
			 double count);
bool counts_spread_free(struct leaf *, uint32_t site, double bytes,
			double count);

/*
 * Adds to a site's totals what changed since the last call; add is called for
 * each counter that did, first for what was freed and then, when all threads
 * were looked at, for what was allocated. When that took long, the same is done
 * again, so that little has come and gone in between. spread is NULL where none
 * changed. When add returns false the change is told again, at the next call at
 * the latest.
 */
void counts_collect(bool (*add)(void *context, uint32_t site,
				const struct counter *change,
				const struct spread *spread),
		    void *context);

/*
 * Sums over all threads, gone ones too, of the sites 1 ... count into sums[1]
 * ...: the freed ones first, so that none is negative. Sites that come up
 * meanwhile are left out. Context: any; between threads_hold and
 * threads_release.
 */
void counts_sum(uint32_t count, struct counter *sums);
/* Whether all that was allocated at a site was freed; false is no answer. */
bool counts_are_even(uint32_t site);

/* Adds the counters of a thread that is gone to those of all such, and empties
 * them; none may be counting there. False: no memory, and nothing was done or
 * not all; it can be called again. */
bool counts_fold(struct counts *);

/* Forgets what was seen, so that the next collect starts from nothing. */
void counts_restart(void);

#endif
