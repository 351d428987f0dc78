/*
 * engine_spread.c - what sites may be off by: variances of what is live and of
 * what has changed since a mark. query.h says how they are reckoned.
 */
#include "config.h"

#include "model/engine.h"

/* Variances of the totals of one kind at one moment, and of what is live. */
struct moment {
	double alloc;
	double free;
	double live;
};

static double
least(double a, double b)
{
	return a < b ? a : b;
}

/* Where nothing is live, totals that differ do so by rounding only. */
static struct moment
moment_of(double alloc, double free, uint64_t live)
{
	return (struct moment){alloc, free,
			       live && alloc > free ? alloc - free : 0};
}

static double
diff_variance(struct moment then, struct moment now)
{
	double freed = now.free - then.free;
	double made = now.alloc - then.alloc;

	/* The mark may be the later one of two snapshots. */
	if (made < 0)
		return diff_variance(now, then);
	return least(freed > 0 ? freed : 0, then.live) + least(made, now.live);
}

void
sum_spread(const struct engine *engine, size_t index, struct sum *sum)
{
	static const struct spread none;
	static const uint64_t nothing[2];
	const struct spread *spreads = engine->snapshot->spreads;
	const struct mark *mark = engine->query->mark;
	bool marked = mark && index < mark->count;
	const struct spread *now = spreads ? &spreads[index] : &none;
	const struct spread *then =
	    marked && mark->spreads ? &mark->spreads[index] : &none;
	const uint64_t *live = marked ? &mark->live[2 * index] : nothing;
	struct moment size, count, old_size, old_count;

	size = moment_of(now->alloc_bytes, now->free_bytes, sum->size);
	count = moment_of(now->alloc_count, now->free_count, sum->count);
	old_size = moment_of(then->alloc_bytes, then->free_bytes, live[0]);
	old_count = moment_of(then->alloc_count, then->free_count, live[1]);
	sum->size_variance = size.live;
	sum->count_variance = count.live;
	if (mark && mark->apart) {
		sum->size_diff_variance = old_size.live + size.live;
		sum->count_diff_variance = old_count.live + count.live;
	} else {
		sum->size_diff_variance = diff_variance(old_size, size);
		sum->count_diff_variance = diff_variance(old_count, count);
	}
}
