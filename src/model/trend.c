/* trend.c - rows to sites, sites to series. */
#include "config.h"

#include "model/trend.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct row_sites
row_sites_find(struct engine *engine, const struct row *rows, size_t count,
	       size_t sites)
{
	struct row_sites out = {mem_array(count, sizeof(*out.sets)), NULL};
	uint32_t *row = mem_array(sites, sizeof(*row));
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t more = engine_sites(engine, &rows[i], row, sites);

		out.sites = mem_grow(out.sites, used + more + 1, sizeof(*row));
		memcpy(out.sites + used, row, more * sizeof(*row));
		out.sets[i].count = more;
		used += more;
	}
	used = 0;
	for (size_t i = 0; i < count; i++) {
		out.sets[i].sites = out.sites + used;
		used += out.sets[i].count;
	}
	free(row);
	return out;
}

void
row_sites_free(struct row_sites *of)
{
	free(of->sets);
	free(of->sites);
}

static uint64_t *
series_of(struct engine *engine, const struct history *history,
	  const struct row *rows, size_t count, size_t sites)
{
	struct row_sites of = row_sites_find(engine, rows, count, sites);
	uint64_t *series =
	    mem_array(count * history_count(history), sizeof(*series));

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
