/*
 * counts.h - per thread and per site: bytes and blocks, allocated and freed.
 *
 * Written only by the owner, with plain stores; summed by the ticker, which
 * keeps beside each counter what it has already seen of it. For every site
 *
 *	sum over threads of allocated >= sum over threads of freed
 *
 * and the ticker keeps that true in what it reads, by reading all the freed
 * ones first: whatever was freed by then was allocated before.
 *
 * Counters stand in leaves of 32 sites, found through a radix tree in the
 * thread. A leaf's `dirty` is stored after every change, so that the ticker
 * visits only leaves that changed.
 *
 * Context: hook (thread side), ticker (counts_collect).
 */
#ifndef HEAPTOP_AGENT_COUNTS_H
#define HEAPTOP_AGENT_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTS_LEAF_BITS 5
#define COUNTS_MID_BITS	 9
#define COUNTS_ROOT_BITS 10 /* 24 in all, as a site id */
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
 * as the counters are. */
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

struct leaf {
	uint32_t dirty; /* owner: 1 after a change; ticker: 0 before a look */
	uint32_t base;	/* site id of counter[0] */
	bool again;	/* ticker: look again although not dirty */
	bool visiting;	/* ticker: in this pass */
	struct leaf *next;	    /* of the same thread */
	struct leaf_spread *spread; /* owner; NULL until it has sampled */
	struct counter counter[COUNTS_LEAF]; /* owner */
	struct counter seen[COUNTS_LEAF];    /* ticker */
};

struct counts {
	struct leaf *leaves; /* newest first */
	struct leaf **root[COUNTS_ROOT];
};

/* Makes the leaf of a site; NULL: no memory. */
struct leaf *counts_leaf_make(struct counts *, uint32_t site);

static inline struct leaf *
counts_leaf(struct counts *counts, uint32_t site)
{
	struct leaf **mid =
	    counts->root[site >> (COUNTS_LEAF_BITS + COUNTS_MID_BITS)];
	struct leaf *leaf;

	if (!mid)
		return counts_leaf_make(counts, site);
	leaf = mid[site >> COUNTS_LEAF_BITS & (COUNTS_MID - 1)];
	return leaf ? leaf : counts_leaf_make(counts, site);
}

/* Only the owner writes: a load and a store are enough. */
#define COUNTS_ADD_(field_, value_) \
	__atomic_store_n(&(field_), (field_) + (value_), __ATOMIC_RELAXED)

static inline void
counts_alloc(struct leaf *leaf, uint32_t site, uint64_t size, uint64_t count)
{
	struct counter *counter = &leaf->counter[site & (COUNTS_LEAF - 1)];

	COUNTS_ADD_(counter->alloc_bytes, size);
	COUNTS_ADD_(counter->alloc_count, count);
	__atomic_store_n(&leaf->dirty, 1, __ATOMIC_RELEASE);
}

static inline void
counts_free(struct leaf *leaf, uint32_t site, uint64_t size, uint64_t count)
{
	struct counter *counter = &leaf->counter[site & (COUNTS_LEAF - 1)];

	COUNTS_ADD_(counter->free_bytes, size);
	COUNTS_ADD_(counter->free_count, count);
	__atomic_store_n(&leaf->dirty, 1, __ATOMIC_RELEASE);
}

/*
 * Adds to a site's totals what changed since the last call; add is called for
 * each counter that did, first for what was freed and then, when all threads
 * were looked at, for what was allocated. When add returns false the change
 * is told again at the next call.
 */
void counts_collect(bool (*add)(void *context, uint32_t site,
				const struct counter *change),
		    void *context);

/* Forgets what was seen, so that the next collect starts from nothing. */
void counts_restart(void);

#endif
