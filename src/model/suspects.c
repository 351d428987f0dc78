/* suspects.c - rows, by evidence of a leak. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/suspects.h"
#include "model/trend.h"

#define QUARTERS 4

static void
floors_find(const uint64_t *times_ns, const uint64_t *values, size_t count,
	    double floors[QUARTERS])
{
	uint64_t begin = times_ns[0];
	uint64_t whole = times_ns[count - 1] - begin;

	for (int i = 0; i < QUARTERS; i++)
		floors[i] = INFINITY;
	for (size_t i = 0; i < count; i++) {
		size_t quarter = (size_t)((double)(times_ns[i] - begin) /
					  (double)whole * QUARTERS);
		double *floor =
		    &floors[quarter < QUARTERS ? quarter : QUARTERS - 1];

		*floor = fmin(*floor, (double)values[i]);
	}
	/* Old moments lie far apart: one may be a quarter's last known. */
	for (int i = 1; i < QUARTERS; i++)
		if (isinf(floors[i]))
			floors[i] = floors[i - 1];
}

static int
compare_values(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* What a rise of the floor must be more than, not to be chance. */
static double
swing_find(const uint64_t *values, size_t count)
{
	uint64_t *moves = mem_array(count - 1, sizeof(*moves));
	double swing;

	for (size_t i = 1; i < count; i++)
		moves[i - 1] = values[i] > values[i - 1]
				   ? values[i] - values[i - 1]
				   : values[i - 1] - values[i];
	qsort(moves, count - 1, sizeof(*moves), compare_values);
	swing = (double)moves[(count - 1) / 2];
	free(moves);
	return swing;
}

void
evidence_judge(const uint64_t *times_ns, const uint64_t *values, size_t count,
	       uint64_t born, uint64_t freed, bool doubtful,
	       struct evidence *out)
{
	double floors[QUARTERS];
	double quarter_s;
	size_t more = 0;

	*out = (struct evidence){.born = born, .freed = freed};
	if (born > freed)
		out->kept = (double)(born - freed) / (double)born;
	if (count < EVIDENCE_MOMENTS || times_ns[count - 1] <= times_ns[0])
		return;
	for (size_t i = 1; i < count; i++)
		more += values[i] > values[i - 1];
	out->grew = (double)more / (double)(count - 1);
	floors_find(times_ns, values, count, floors);
	quarter_s =
	    (double)(times_ns[count - 1] - times_ns[0]) / 1e9 / QUARTERS;
	out->slope = (floors[3] - floors[0]) / (3 * quarter_s);
	out->lately = (floors[3] - floors[2]) / quarter_s;
	if (!doubtful && floors[3] - floors[2] > swing_find(values, count))
		out->rank = fmax(0, fmin(out->slope, out->lately)) *
			    (1 + out->grew + out->kept) / 3;
}

static int
compare_growth(const void *left, const void *right, void *context)
{
	const struct rows *rows = context;
	const struct row *a = rows_get(rows, *(const size_t *)left);
	const struct row *b = rows_get(rows, *(const size_t *)right);

	if (a->size_diff != b->size_diff)
		return a->size_diff < b->size_diff ? 1 : -1;
	return a->identity < b->identity ? -1 : a->identity > b->identity;
}

/* Indices of rows that have grown, the most grown first; the caller's. */
static size_t *
grown_find(const struct rows *rows, size_t *count)
{
	size_t *grown = mem_array(rows->count, sizeof(*grown));

	*count = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (rows_get(rows, i)->size_diff > 0)
			grown[(*count)++] = i;
	if (*count)
		qsort_r(grown, *count, sizeof(*grown), compare_growth,
			(void *)rows);
	if (*count > SUSPECTS_MAX)
		*count = SUSPECTS_MAX;
	return grown;
}

/* By site index: blocks born and freed in the watched time. */
struct turnover {
	size_t count;
	uint64_t *born;
	uint64_t *freed;
};

static void
turn_over(void *context, const struct change *change)
{
	struct turnover *turnover = context;

	if (change->site > turnover->count)
		return;
	turnover->born[change->site - 1] += (uint64_t)change->alloc_count;
	turnover->freed[change->site - 1] += (uint64_t)change->free_count;
}

static int
compare_rank(const void *left, const void *right, void *context)
{
	const struct suspect *a = left, *b = right;

	if (a->evidence.rank != b->evidence.rank)
		return a->evidence.rank < b->evidence.rank ? 1 : -1;
	return compare_growth(&a->row, &b->row, context);
}

/* The watched moments [first, last] of a history. */
struct watch {
	const struct history *history;
	size_t first;
	size_t last;
	uint64_t *times_ns;
	struct turnover turnover;
};

static void
watch_open(struct watch *watch, size_t sites)
{
	const struct history *history = watch->history;
	struct turnover *turnover = &watch->turnover;

	watch->times_ns = mem_array(history_count(history), sizeof(uint64_t));
	for (size_t i = 0; i < history_count(history); i++)
		watch->times_ns[i] = history_moment(history, i)->mono_ns;
	turnover->count = sites;
	turnover->born = mem_array(sites, sizeof(uint64_t));
	turnover->freed = mem_array(sites, sizeof(uint64_t));
	for (size_t i = watch->first + 1; i <= watch->last; i++)
		history_walk(history, i, turn_over, turnover);
}

static void
watch_close(struct watch *watch)
{
	free(watch->times_ns);
	free(watch->turnover.born);
	free(watch->turnover.freed);
}

static void
suspect_judge(const struct watch *watch, const struct site_set *set,
	      const uint64_t *series, bool doubtful, struct suspect *out)
{
	const struct turnover *turnover = &watch->turnover;
	uint64_t born = 0, freed = 0;

	for (size_t i = 0; i < set->count; i++) {
		born += turnover->born[set->sites[i] - 1];
		freed += turnover->freed[set->sites[i] - 1];
	}
	evidence_judge(watch->times_ns + watch->first, series + watch->first,
		       watch->last - watch->first + 1, born, freed, doubtful,
		       &out->evidence);
	history_trend(watch->history, series, watch->last, &out->trend);
}

static void
watch_judge(const struct watch *watch, struct engine *engine,
	    const struct rows *rows, struct suspects *out)
{
	size_t moments = history_count(watch->history);
	size_t *grown = grown_find(rows, &out->count);
	struct row *of = mem_array(out->count, sizeof(*of));
	uint64_t *series = mem_array(out->count * moments, sizeof(*series));
	struct row_sites sites;

	for (size_t i = 0; i < out->count; i++)
		of[i] = *rows_get(rows, grown[i]);
	sites = row_sites_find(engine, of, out->count, watch->turnover.count);
	history_series(watch->history, sites.sets, out->count, series);
	for (size_t i = 0; i < out->count; i++) {
		out->list[i].row = grown[i];
		out->list[i].identity = of[i].identity;
		suspect_judge(watch, &sites.sets[i], series + i * moments,
			      row_is_doubtful(&of[i]), &out->list[i]);
	}
	if (out->count)
		qsort_r(out->list, out->count, sizeof(*out->list), compare_rank,
			(void *)rows);
	row_sites_free(&sites);
	free(series);
	free(of);
	free(grown);
}

void
suspects_find(struct engine *engine, const struct history *history,
	      uint64_t from_ns, size_t index, const struct rows *rows,
	      size_t sites, struct suspects *out)
{
	struct watch watch = {.history = history, .last = index};

	out->count = out->moments = 0;
	out->watched_ns = 0;
	watch.first = history_reach(history);
	while (watch.first < index &&
	       history_moment(history, watch.first)->mono_ns < from_ns)
		watch.first++;
	if (watch.first >= index || index >= history_count(history))
		return;
	watch_open(&watch, sites);
	out->moments = index - watch.first + 1;
	out->watched_ns = watch.times_ns[index] - watch.times_ns[watch.first];
	watch_judge(&watch, engine, rows, out);
	watch_close(&watch);
}
