/* trend.c - rows to sites, sites to series. */
#include "config.h"

#include "model/trend.h"

#include <stdlib.h>

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

struct masks {
	uint64_t *of; /* [site - 1] */
	size_t sites;
};

static void
mask_add(void *context, size_t row, uint32_t site)
{
	struct masks *masks = context;

	if (site <= masks->sites)
		masks->of[site - 1] |= UINT64_C(1) << row;
}

/* Inclusive rows near the root have all sites each: sets of the rows of one
 * screen would take more memory than all that is shown. */
static void
series_masked(struct engine *engine, const struct history *history,
	      const struct row *rows, size_t count, size_t sites, uint64_t *out)
{
	struct masks masks = {mem_array(sites, sizeof(*masks.of)), sites};

	engine_members(engine, rows, count, mask_add, &masks);
	history_series_masked(history, masks.of, sites, count, out);
	free(masks.of);
}

static uint64_t *
series_of(struct engine *engine, const struct history *history,
	  const struct row *rows, size_t count, size_t sites)
{
	uint64_t *series =
	    mem_array(count * history_count(history), sizeof(*series));
	struct row_sites of;

	if (count <= HISTORY_MASKED_MAX) {
		series_masked(engine, history, rows, count, sites, series);
		return series;
	}
	of = row_sites_find(engine, rows, count, sites);
	history_series(history, of.sets, count, series);
	row_sites_free(&of);
	return series;
}

void
trend_rows(struct engine *engine, const struct history *history, size_t index,
	   const struct row *rows, size_t count, size_t sites,
	   struct trend *out)
{
	uint64_t *series = series_of(engine, history, rows, count, sites);

	for (size_t i = 0; i < count; i++)
		history_trend(history, series + i * history_count(history),
			      index, &out[i]);
	free(series);
}

uint64_t *
trend_series(struct engine *engine, const struct history *history,
	     const struct row *row, size_t sites)
{
	return series_of(engine, history, row, 1, sites);
}
