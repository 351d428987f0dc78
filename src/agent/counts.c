/*
 * counts.c - per thread and per site: bytes and blocks.
 *
 * Context: hook (counts_leaf_make), ticker (the rest).
 */
#include "config.h"

#include "agent/counts.h"

#include <string.h>

#include "agent/safe.h"
#include "agent/thread.h"

struct leaf *
counts_leaf_make(struct counts *counts, uint32_t site)
{
	struct leaf ***mid =
	    &counts->root[site >> (COUNTS_LEAF_BITS + COUNTS_MID_BITS)];
	struct leaf *leaf;

	if (!*mid)
		*mid = safe_alloc(COUNTS_MID * sizeof(**mid));
	if (!*mid)
		return NULL;
	leaf = safe_alloc(sizeof(*leaf));
	if (!leaf)
		return NULL;
	leaf->base = site & ~(COUNTS_LEAF - 1);
	leaf->next = counts->leaves;
	(*mid)[site >> COUNTS_LEAF_BITS & (COUNTS_MID - 1)] = leaf;
	__atomic_store_n(&counts->leaves, leaf, __ATOMIC_RELEASE);
	return leaf;
}

struct visit {
	bool (*add)(void *, uint32_t, const struct counter *);
	void *context;
};

#define LOAD(field_) __atomic_load_n(&(field_), __ATOMIC_RELAXED)

static void
leaf_frees(struct leaf *leaf, const struct visit *visit)
{
	for (uint32_t i = 0; i < COUNTS_LEAF; i++) {
		const struct counter *now = &leaf->counter[i];
		struct counter *seen = &leaf->seen[i];
		struct counter change = {0};

		change.free_bytes = LOAD(now->free_bytes) - seen->free_bytes;
		change.free_count = LOAD(now->free_count) - seen->free_count;
		if (!change.free_bytes && !change.free_count)
			continue;
		if (!visit->add(visit->context, leaf->base + i, &change))
			continue;
		seen->free_bytes += change.free_bytes;
		seen->free_count += change.free_count;
	}
}

static void
leaf_allocs(struct leaf *leaf, const struct visit *visit)
{
	for (uint32_t i = 0; i < COUNTS_LEAF; i++) {
		const struct counter *now = &leaf->counter[i];
		struct counter *seen = &leaf->seen[i];
		struct counter change = {0};

		if (LOAD(now->free_bytes) != seen->free_bytes ||
		    LOAD(now->free_count) != seen->free_count)
			leaf->again = true;
		change.alloc_bytes = LOAD(now->alloc_bytes) - seen->alloc_bytes;
		change.alloc_count = LOAD(now->alloc_count) - seen->alloc_count;
		if (!change.alloc_bytes && !change.alloc_count)
			continue;
		if (!visit->add(visit->context, leaf->base + i, &change)) {
			leaf->again = true;
			continue;
		}
		seen->alloc_bytes += change.alloc_bytes;
		seen->alloc_count += change.alloc_count;
	}
}

static struct leaf *
leaves_of(struct thread *thread)
{
	return __atomic_load_n(&thread->counts.leaves, __ATOMIC_ACQUIRE);
}

void
counts_collect(bool (*add)(void *, uint32_t, const struct counter *),
	       void *context)
{
	const struct visit visit = {add, context};
	struct thread *thread;
	struct leaf *leaf;

	for (thread = threads_first(); thread; thread = thread->next)
		for (leaf = leaves_of(thread); leaf; leaf = leaf->next) {
			leaf->visiting =
			    leaf->again ||
			    __atomic_load_n(&leaf->dirty, __ATOMIC_ACQUIRE);
			if (leaf->visiting)
				leaf_frees(leaf, &visit);
		}
	/* Threads and leaves that came up meanwhile are looked at too: a block
	 * born there may have been freed in what was just read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (thread = threads_first(); thread; thread = thread->next)
		for (leaf = leaves_of(thread); leaf; leaf = leaf->next) {
			if (!leaf->visiting &&
			    !__atomic_load_n(&leaf->dirty, __ATOMIC_ACQUIRE))
				continue;
			leaf->visiting = false;
			leaf->again = false;
			__atomic_store_n(&leaf->dirty, 0, __ATOMIC_SEQ_CST);
			leaf_allocs(leaf, &visit);
		}
}

void
counts_restart(void)
{
	for (struct thread *thread = threads_first(); thread;
	     thread = thread->next)
		for (struct leaf *leaf = leaves_of(thread); leaf;
		     leaf = leaf->next) {
			memset(leaf->seen, 0, sizeof(leaf->seen));
			leaf->again = true;
		}
}
