/*
 * engine_spread.c - what sites may be off by: variances of what is live and of
 * what has changed since a mark. query.h says how they are reckoned.
 *
 * So that a site's share of a row can be taken off again and nothing of it
 * stays, variances are whole numbers, of a millionth or so: two for each, the
 * lower of which holds less than 2^SPREAD_LOW, so that both add up and never
 * carry.
 */
#include "config.h"

#include "model/engine.h"

#define SPREAD_LOW  44
#define SPREAD_UNIT 0x1p-20
#define SPREAD_HIGH 0x1p24 /* is SPREAD_UNIT * 2^SPREAD_LOW */
#define SPREAD_MOST 0x1p67 /* of one site */

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
moment_of(float variance, float freed, uint64_t live)
{
	return (struct moment){(double)variance + freed, freed,
			       live ? variance : 0};
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

static void
put_variance(uint64_t *out, double variance)
{
	int64_t high;

	variance = least(variance, SPREAD_MOST);
	high = (int64_t)(variance / SPREAD_HIGH);
	out[0] = (uint64_t)high;
	variance -= (double)high * SPREAD_HIGH;
	out[1] = (uint64_t)(int64_t)(variance / SPREAD_UNIT);
}

double
spread_variance(const uint64_t *numbers)
{
	return (double)numbers[0] * SPREAD_HIGH +
	       (double)numbers[1] * SPREAD_UNIT;
}

void
spread_numbers(const struct mark *mark, size_t index, const struct site *site,
	       const struct spread *spread, uint64_t *out)
{
	static const struct spread none;
	bool marked = mark && index < mark->count;
	const struct spread *now = spread ? spread : &none;
	const struct spread *then =
	    marked && mark->spreads ? &mark->spreads[index] : &none;
	struct moment size, count, old_size, old_count;
	bool apart = mark && mark->apart;

	size =
	    moment_of(now->live_bytes, now->free_bytes, site_live_bytes(site));
	count =
	    moment_of(now->live_count, now->free_count, site_live_count(site));
	old_size = moment_of(then->live_bytes, then->free_bytes,
			     marked ? mark_bytes(mark, index) : 0);
	old_count = moment_of(then->live_count, then->free_count,
			      marked ? mark_blocks(mark, index) : 0);
	put_variance(out + SPREAD_BYTES, size.live);
	put_variance(out + SPREAD_BLOCKS, count.live);
	put_variance(out + SPREAD_BYTES_DIFF,
		     apart ? old_size.live + size.live
			   : diff_variance(old_size, size));
	put_variance(out + SPREAD_BLOCKS_DIFF,
		     apart ? old_count.live + count.live
			   : diff_variance(old_count, count));
}
