/*
 * counts.c - per thread and per site: bytes and blocks.
 *
 * Context: hook (counts_leaf_make), ticker (the rest).
 */
#include "config.h"

#include "agent/counts.h"

#include <string.h>
#include <time.h>

#include "agent/safe.h"
#include "agent/spare.h"
#include "agent/thread.h"

#define COLLECT_NS    10000 /* that a look may take, or there is another */
#define COLLECT_TRIES 5

/* Of threads that are gone, for other threads. Zero but for the first word. */
static struct {
	struct spare mids;
	struct spare leaves;
	struct spare spreads;
	struct spare wides;
} spares;

#define WIDE_SIZE (COUNTS_LEAF * sizeof(struct counter))

/* The counters of all threads that are gone. Ticker. */
static struct counts gone;

static void *
take(struct spare *spare, size_t size)
{
	void *piece = spare_take(spare);

	return piece ? piece : safe_alloc(size);
}

/* The first word is the stack's: who is late to take the piece may read it. */
static void
give(struct spare *spare, void *piece, size_t size)
{
	memset((uint64_t *)piece + 1, 0, size - sizeof(uint64_t));
	spare_put(spare, piece);
}

struct leaf *
counts_leaf_make(struct counts *counts, uint32_t site)
{
	struct mid **place =
	    &counts->root[site >> (COUNTS_LEAF_BITS + COUNTS_MID_BITS)];
	uint32_t at = site >> COUNTS_LEAF_BITS & (COUNTS_MID - 1);
	struct mid *mid = *place;
	struct leaf *leaf;

	if (!mid) {
		mid = take(&spares.mids, sizeof(*mid));
		if (!mid)
			return NULL;
		mid->place = place;
		/* In this order: a handler may leave here by longjmp. */
		__atomic_store_n(&mid->next, counts->mids, __ATOMIC_RELAXED);
		__atomic_store_n(&counts->mids, mid, __ATOMIC_RELEASE);
		__atomic_store_n(place, mid, __ATOMIC_RELEASE);
	}
	leaf = take(&spares.leaves, sizeof(*leaf));
	if (!leaf)
		return NULL;
	__atomic_store_n(&leaf->mark, &mid->mark[at], __ATOMIC_RELAXED);
	leaf->changed = &counts->changed;
	leaf->base = site & ~(COUNTS_LEAF - 1);
	__atomic_store_n(&mid->leaves[at], leaf, __ATOMIC_RELEASE);
	return leaf;
}

struct leaf_spread *
counts_spread_make(struct leaf *leaf)
{
	struct leaf_spread *around = take(&spares.spreads, sizeof(*around));

	__atomic_store_n(&leaf->spread, around, __ATOMIC_RELEASE);
	return around;
}

static void
sum_add(double *sum, double value)
{
	double now = *sum + value;

	__atomic_store(sum, &now, __ATOMIC_RELAXED);
}

static struct spread *
spread_get(struct leaf *leaf, uint32_t site)
{
	if (!leaf->spread && !counts_spread_make(leaf))
		return NULL;
	return &leaf->spread->now[site & (COUNTS_LEAF - 1)];
}

bool
counts_spread_alloc(struct leaf *leaf, uint32_t site, double bytes,
		    double count)
{
	struct spread *spread = spread_get(leaf, site);

	if (!spread)
		return false;
	sum_add(&spread->alloc_bytes, bytes);
	sum_add(&spread->alloc_count, count);
	return true;
}

bool
counts_spread_free(struct leaf *leaf, uint32_t site, double bytes, double count)
{
	struct spread *spread = spread_get(leaf, site);

	if (!spread)
		return false;
	sum_add(&spread->free_bytes, bytes);
	sum_add(&spread->free_count, count);
	return true;
}

struct visit {
	bool (*add)(void *, uint32_t, const struct counter *,
		    const struct spread *);
	void *context;
};

/* What was freed, or what was allocated: where it stands in the structs. */
struct half {
	size_t bytes;
	size_t count;
	size_t spread_bytes;
	size_t spread_count;
};

#define HALF_(name_)                                         \
	{                                                    \
		offsetof(struct counter, name_##_bytes),     \
		    offsetof(struct counter, name_##_count), \
		    offsetof(struct spread, name_##_bytes),  \
		    offsetof(struct spread, name_##_count),  \
	}
static const struct half freed = HALF_(free);
static const struct half allocated = HALF_(alloc);

#define AT(type_, start_, offset_) ((type_ *)((char *)(start_) + (offset_)))
#define LOAD(field_)		   __atomic_load_n(&(field_), __ATOMIC_RELAXED)

static inline uint32_t *
narrow_at(struct leaf *leaf, uint32_t i, size_t offset)
{
	return &leaf->seen.narrow[i][offset / sizeof(uint64_t)];
}

static inline uint64_t
seen_get(struct leaf *leaf, uint32_t i, size_t offset)
{
	return leaf->is_wide ? *AT(uint64_t, &leaf->seen.wide[i], offset)
			     : *narrow_at(leaf, i, offset);
}

/* In this order: a process may be forked in the midst of it. */
static bool
widen(struct leaf *leaf)
{
	struct counter *wide = take(&spares.wides, WIDE_SIZE);

	if (!wide)
		return false;
	for (uint32_t i = 0; i < COUNTS_LEAF; i++)
		for (size_t at = 0; at < sizeof(*wide); at += sizeof(uint64_t))
			*AT(uint64_t, &wide[i], at) = *narrow_at(leaf, i, at);
	__atomic_store_n(&leaf->seen.wide, wide, __ATOMIC_RELEASE);
	__atomic_store_n(&leaf->is_wide, 1, __ATOMIC_RELEASE);
	return true;
}

/* Makes room for a value. False: no memory. */
static inline bool
seen_fits(struct leaf *leaf, uint64_t value)
{
	return leaf->is_wide || value <= UINT32_MAX || widen(leaf);
}

/* The value fits. */
static inline void
seen_set(struct leaf *leaf, uint32_t i, size_t offset, uint64_t value)
{
	if (leaf->is_wide)
		*AT(uint64_t, &leaf->seen.wide[i], offset) = value;
	else
		*narrow_at(leaf, i, offset) = (uint32_t)value;
}

static inline bool
is_changed(struct leaf *leaf, uint32_t i, size_t offset)
{
	return LOAD(*AT(uint64_t, &leaf->counter[i], offset)) !=
	       seen_get(leaf, i, offset);
}

/* The difference, and in *now what it was taken from. */
static inline double
spread_of(struct leaf_spread *around, uint32_t i, size_t offset, double *now)
{
	__atomic_load(AT(double, &around->now[i], offset), now,
		      __ATOMIC_RELAXED);
	return *now - *AT(double, &around->seen[i], offset);
}

/* False: refused, and still to be told. */
static inline bool
tell(struct leaf *leaf, uint32_t i, const struct half *half,
     const struct visit *visit)
{
	struct counter *counter = &leaf->counter[i];
	struct counter change = {0};
	struct spread spread = {0};
	struct leaf_spread *around;
	uint64_t bytes = LOAD(*AT(uint64_t, counter, half->bytes));
	uint64_t count = LOAD(*AT(uint64_t, counter, half->count));
	uint64_t more_bytes = bytes - seen_get(leaf, i, half->bytes);
	uint64_t more_count = count - seen_get(leaf, i, half->count);
	double now[2];

	if (!more_bytes && !more_count)
		return true;
	if (!seen_fits(leaf, bytes | count))
		return false;
	*AT(uint64_t, &change, half->bytes) = more_bytes;
	*AT(uint64_t, &change, half->count) = more_count;
	/* After the counter: the owner adds to the spread first. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	around = __atomic_load_n(&leaf->spread, __ATOMIC_ACQUIRE);
	if (around) {
		*AT(double, &spread, half->spread_bytes) =
		    spread_of(around, i, half->spread_bytes, &now[0]);
		*AT(double, &spread, half->spread_count) =
		    spread_of(around, i, half->spread_count, &now[1]);
	}
	if (!visit->add(visit->context, leaf->base + i, &change,
			around ? &spread : NULL))
		return false;
	seen_set(leaf, i, half->bytes, bytes);
	seen_set(leaf, i, half->count, count);
	if (around) {
		*AT(double, &around->seen[i], half->spread_bytes) = now[0];
		*AT(double, &around->seen[i], half->spread_count) = now[1];
	}
	return true;
}

static void
leaf_frees(struct leaf *leaf, const struct visit *visit)
{
	for (uint32_t i = 0; i < COUNTS_LEAF; i++)
		tell(leaf, i, &freed, visit);
}

static void
leaf_allocs(struct leaf *leaf, const struct visit *visit)
{
	bool again = false;

	for (uint32_t i = 0; i < COUNTS_LEAF; i++) {
		again |= is_changed(leaf, i, freed.bytes);
		again |= is_changed(leaf, i, freed.count);
		again |= !tell(leaf, i, &allocated, visit);
	}
	if (again)
		counts_mark(leaf);
}

/* Looks at each leaf of a mid that is marked. */
static void
mid_visit(struct mid *mid, bool clear,
	  void (*look)(struct leaf *, const struct visit *),
	  const struct visit *visit)
{
	for (uint32_t i = 0; i < COUNTS_MID / 8; i++) {
		uint64_t marks =
		    __atomic_load_n(&mid->marks[i], __ATOMIC_ACQUIRE);

		if (marks && clear)
			marks = __atomic_exchange_n(&mid->marks[i], 0,
						    __ATOMIC_SEQ_CST);
		while (marks) {
			uint32_t bit = (uint32_t)__builtin_ctzll(marks) & ~7u;

			look(__atomic_load_n(&mid->leaves[i * 8 + bit / 8],
					     __ATOMIC_ACQUIRE),
			     visit);
			marks &= ~(UINT64_C(0xff) << bit);
		}
	}
}

static void
counts_visit(struct counts *counts, bool clear,
	     void (*look)(struct leaf *, const struct visit *),
	     const struct visit *visit)
{
	struct mid *mid;

	if (!__atomic_load_n(&counts->changed, __ATOMIC_ACQUIRE))
		return;
	if (clear)
		__atomic_exchange_n(&counts->changed, 0, __ATOMIC_SEQ_CST);
	mid = __atomic_load_n(&counts->mids, __ATOMIC_ACQUIRE);
	for (; mid; mid = mid->next)
		mid_visit(mid, clear, look, visit);
}

static void
visit_all(bool clear, void (*look)(struct leaf *, const struct visit *),
	  const struct visit *visit)
{
	counts_visit(&gone, clear, look, visit);
	for (struct thread *thread = threads_first(); thread;
	     thread = thread->next)
		counts_visit(&thread->counts, clear, look, visit);
}

static void
collect_once(const struct visit *visit)
{
	visit_all(false, leaf_frees, visit);
	/* Threads and leaves that came up meanwhile are looked at too: a block
	 * born there may have been freed in what was just read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	visit_all(true, leaf_allocs, visit);
}

/* What comes and goes between the two looks is told as live. So once more, if
 * it had time to: only what changed meanwhile is still to be told, which takes
 * a microsecond where the first time took milliseconds. */
void
counts_collect(bool (*add)(void *, uint32_t, const struct counter *,
			   const struct spread *),
	       void *context)
{
	const struct visit visit = {add, context};
	uint64_t now = safe_clock_ns(CLOCK_MONOTONIC);
	uint64_t start;

	for (int tries = 0; tries < COLLECT_TRIES; tries++) {
		start = now;
		collect_once(&visit);
		now = safe_clock_ns(CLOCK_MONOTONIC);
		if (now - start < COLLECT_NS)
			return;
	}
}

struct sums {
	uint32_t count;
	struct counter *counters; /* by site id */
	const struct half *half;
};

static void
leaf_sum(struct leaf *leaf, const struct sums *sums)
{
	for (uint32_t i = 0; i < COUNTS_LEAF; i++) {
		uint32_t id = leaf->base + i;
		struct counter *now = &leaf->counter[i];

		if (id > sums->count)
			continue;
		*AT(uint64_t, &sums->counters[id], sums->half->bytes) +=
		    LOAD(*AT(uint64_t, now, sums->half->bytes));
		*AT(uint64_t, &sums->counters[id], sums->half->count) +=
		    LOAD(*AT(uint64_t, now, sums->half->count));
	}
}

static void
sum(struct counts *counts, const struct sums *sums)
{
	struct mid *mid = __atomic_load_n(&counts->mids, __ATOMIC_ACQUIRE);

	for (; mid; mid = mid->next)
		for (uint32_t i = 0; i < COUNTS_MID; i++) {
			struct leaf *leaf =
			    __atomic_load_n(&mid->leaves[i], __ATOMIC_ACQUIRE);

			if (leaf)
				leaf_sum(leaf, sums);
		}
}

static void
sum_all(struct sums sums, const struct half *half)
{
	struct thread *thread;

	sums.half = half;
	sum(&gone, &sums);
	for (thread = threads_first(); thread; thread = thread->next)
		sum(&thread->counts, &sums);
}

void
counts_sum(uint32_t count, struct counter *sums)
{
	const struct sums all = {count, sums, NULL};

	sum_all(all, &freed);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	sum_all(all, &allocated);
}

static uint64_t
count_of(struct counts *counts, uint32_t site, const struct half *half)
{
	struct leaf *leaf = counts_leaf_find(counts, site);

	return leaf ? LOAD(*AT(uint64_t, &leaf->counter[site % COUNTS_LEAF],
			       half->count))
		    : 0;
}

static uint64_t
count_all(uint32_t site, const struct half *half)
{
	uint64_t count = count_of(&gone, site, half);
	struct thread *thread;

	for (thread = threads_first(); thread; thread = thread->next)
		count += count_of(&thread->counts, site, half);
	return count;
}

bool
counts_are_even(uint32_t site)
{
	uint64_t count;
	bool are;

	if (!threads_try_hold())
		return false;
	count = count_all(site, &freed);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	are = count == count_all(site, &allocated);
	threads_release();
	return are;
}

static void
leaf_restart(struct leaf *leaf)
{
	if (leaf->is_wide)
		memset(leaf->seen.wide, 0, WIDE_SIZE);
	else
		memset(&leaf->seen, 0, sizeof(leaf->seen));
	if (leaf->spread)
		memset(leaf->spread->seen, 0, sizeof(leaf->spread->seen));
	counts_mark(leaf);
}

static void
restart(struct counts *counts)
{
	for (struct mid *mid = counts->mids; mid; mid = mid->next)
		for (uint32_t i = 0; i < COUNTS_MID; i++)
			if (mid->leaves[i])
				leaf_restart(mid->leaves[i]);
}

void
counts_restart(void)
{
	struct thread *thread;

	restart(&gone);
	for (thread = threads_first(); thread; thread = thread->next)
		restart(&thread->counts);
}

static void
counter_add(struct counter *to, const struct counter *more)
{
	to->alloc_bytes += more->alloc_bytes;
	to->alloc_count += more->alloc_count;
	to->free_bytes += more->free_bytes;
	to->free_count += more->free_count;
}

static void
spread_add(struct spread *to, const struct spread *more)
{
	to->alloc_bytes += more->alloc_bytes;
	to->free_bytes += more->free_bytes;
	to->alloc_count += more->alloc_count;
	to->free_count += more->free_count;
}

/* False: no memory, and nothing was added. */
static bool
seen_add(struct leaf *to, struct leaf *more)
{
	const size_t end = sizeof(struct counter);
	uint64_t all = 0;

	for (uint32_t i = 0; i < COUNTS_LEAF; i++)
		for (size_t at = 0; at < end; at += sizeof(uint64_t))
			all |= seen_get(to, i, at) + seen_get(more, i, at);
	if (!seen_fits(to, all))
		return false;
	for (uint32_t i = 0; i < COUNTS_LEAF; i++)
		for (size_t at = 0; at < end; at += sizeof(uint64_t))
			seen_set(to, i, at,
				 seen_get(to, i, at) + seen_get(more, i, at));
	return true;
}

/* What was not seen yet is not seen there either. */
static bool
leaf_fold(struct leaf *leaf)
{
	struct leaf *to = counts_leaf(&gone, leaf->base);

	if (!to || (leaf->spread && !to->spread && !counts_spread_make(to)))
		return false;
	if (!seen_add(to, leaf))
		return false;
	for (uint32_t i = 0; i < COUNTS_LEAF; i++) {
		counter_add(&to->counter[i], &leaf->counter[i]);
		if (!leaf->spread)
			continue;
		spread_add(&to->spread->now[i], &leaf->spread->now[i]);
		spread_add(&to->spread->seen[i], &leaf->spread->seen[i]);
	}
	if (*leaf->mark)
		counts_mark(to);
	if (leaf->spread)
		give(&spares.spreads, leaf->spread, sizeof(*leaf->spread));
	if (leaf->is_wide)
		give(&spares.wides, leaf->seen.wide, WIDE_SIZE);
	give(&spares.leaves, leaf, sizeof(*leaf));
	return true;
}

bool
counts_fold(struct counts *counts)
{
	struct mid *mid;

	while ((mid = counts->mids)) {
		for (uint32_t i = 0; i < COUNTS_MID; i++) {
			if (!mid->leaves[i])
				continue;
			if (!leaf_fold(mid->leaves[i]))
				return false;
			mid->leaves[i] = NULL;
		}
		counts->mids = mid->next;
		*mid->place = NULL;
		give(&spares.mids, mid, sizeof(*mid));
	}
	counts->changed = 0;
	return true;
}
