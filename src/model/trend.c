/* trend.c - rows to sites, sites to series. */
#include "config.h"

#include "model/trend.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct pair {
	uint32_t row;
	uint32_t site;
};

struct pairs {
	struct pair *all;
	size_t count;
	size_t room;
	size_t sites; /* ids up to here */
};

static void
pair_add(void *context, size_t row, uint32_t site)
{
	struct pairs *pairs = context;

	if (site > pairs->sites)
		return;
	pairs->all = mem_room(pairs->all, &pairs->room, pairs->count,
			      sizeof(*pairs->all));
	pairs->all[pairs->count++] = (struct pair){(uint32_t)row, site};
}

/* Puts the pairs into the sets of their rows. */
static void
sets_fill(struct row_sites *out, size_t count, const struct pairs *pairs)
{
	size_t *next = mem_array(count, sizeof(*next));
	size_t used = 0;

	for (size_t i = 0; i < pairs->count; i++)
		out->sets[pairs->all[i].row].count++;
	for (size_t i = 0; i < count; i++) {
		out->sets[i].sites = out->sites + used;
		next[i] = used;
		used += out->sets[i].count;
	}
	for (size_t i = 0; i < pairs->count; i++)
		out->sites[next[pairs->all[i].row]++] = pairs->all[i].site;
	free(next);
}

struct row_sites
row_sites_find(struct engine *engine, const struct row *rows, size_t count,
	       size_t sites)
{
	struct row_sites out = {.sets = mem_array(count, sizeof(*out.sets))};
	struct pairs pairs = {.sites = sites};

	engine_members(engine, rows, count, pair_add, &pairs);
	out.sites = mem_array(pairs.count, sizeof(*out.sites));
	sets_fill(&out, count, &pairs);
	free(pairs.all);
	return out;
}

void
row_sites_free(struct row_sites *of)
{
	free(of->sets);
	free(of->sites);
}

#define AT_ONCE 4096 /* rows: a series has some hundred numbers */

/* Tells each row how it has gone, in their order. */
static void
trend_each(struct engine *engine, const struct history *history, size_t index,
	   const struct row *rows, size_t count, size_t sites,
	   void (*tell)(void *context, size_t row, const struct trend *),
	   void *context)
{
	struct row_sites of = row_sites_find(engine, rows, count, sites);
	size_t width = history_count(history);
	uint64_t *series = mem_array(
	    (count < AT_ONCE ? count : AT_ONCE) * width, sizeof(*series));

	for (size_t from = 0; from < count; from += AT_ONCE) {
		size_t some = count - from < AT_ONCE ? count - from : AT_ONCE;

		history_series(history, of.sets + from, some, series);
		for (size_t i = 0; i < some; i++) {
			struct trend trend;

			history_trend(history, series + i * width, index,
				      &trend);
			tell(context, from + i, &trend);
		}
	}
	free(series);
	row_sites_free(&of);
}

static void
tell_trend(void *context, size_t row, const struct trend *trend)
{
	((struct trend *)context)[row] = *trend;
}

void
trend_rows(struct engine *engine, const struct history *history, size_t index,
	   const struct row *rows, size_t count, size_t sites,
	   struct trend *out)
{
	trend_each(engine, history, index, rows, count, sites, tell_trend, out);
}

static void
tell_growth(void *context, size_t row, const struct trend *trend)
{
	int64_t *out = context;

	if (trend->known)
		out[row] = (int64_t)(trend->values[TREND_SLOTS - 1] -
				     trend->values[TREND_SLOTS - trend->known]);
}

static void
tell_age(void *context, size_t row, const struct trend *trend)
{
	((int64_t *)context)[row] = (int64_t)trend->grew_ns;
}

void
trend_values(struct engine *engine, const struct history *history, size_t index,
	     enum column column, const struct row *rows, size_t count,
	     size_t sites, int64_t *out)
{
	memset(out, 0, count * sizeof(*out));
	trend_each(engine, history, index, rows, count, sites,
		   column == COLUMN_AGE ? tell_age : tell_growth, out);
}

struct place {
	int64_t value;
	size_t row;
};

static int
compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? 1 : -1;
	return a->row < b->row ? -1 : a->row > b->row;
}

void
trend_arrange(struct row *rows, size_t count, const int64_t *values,
	      bool ascending)
{
	struct place *places = mem_array(count, sizeof(*places));
	struct row *old = mem_array(count, sizeof(*old));

	for (size_t i = 0; i < count; i++) {
		places[i] = (struct place){values[i], i};
		old[i] = rows[i];
	}
	if (count)
		qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0; i < count; i++)
		rows[ascending ? count - 1 - i : i] = old[places[i].row];
	free(old);
	free(places);
}

uint64_t *
trend_series(struct engine *engine, const struct history *history,
	     const struct row *row, size_t sites)
{
	struct row_sites of = row_sites_find(engine, row, 1, sites);
	uint64_t *series = mem_array(history_count(history), sizeof(*series));

	history_series(history, of.sets, 1, series);
	row_sites_free(&of);
	return series;
}
