/* engine.c - runs a query: what is stale is made again, the rest is kept. */
#include "config.h"

#include "model/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct engine *
engine_new(void)
{
	return mem_alloc(sizeof(struct engine));
}

void
engine_free(struct engine *engine)
{
	if (!engine)
		return;
	naming_forget(engine);
	canon_forget(engine);
	slots_forget(engine);
	slots_free(engine);
	steps_forget(engine);
	sites_forget(engine);
	filter_forget(engine);
	free(engine->filter);
	free(engine->places);
	free(engine->changes);
	free(engine->touched);
	free(engine->site_at);
	free(engine->bests);
	free(engine->best_slot);
	free(engine->lately);
	pages_forget(engine);
	free(engine->pages);
	free(engine->entries);
	free(engine->cuts);
	free(engine->out);
	free(engine);
}

static void
forget_names(struct engine *engine)
{
	naming_forget(engine);
	if (engine->place_room)
		memset(engine->places, 0,
		       engine->place_room * sizeof(*engine->places));
	canon_forget(engine);
}

static bool
filter_changed(const struct engine *engine, const char *filter)
{
	if (!filter || !engine->filter)
		return filter != engine->filter;
	return strcmp(filter, engine->filter) != 0;
}

/* Drops what this snapshot and query do not share with the last run; returns
 * whether all rows are others. */
static bool
refresh_caches(struct engine *engine)
{
	const struct query *query = &engine->query;
	struct names *names = engine->names;
	const char *filter =
	    query->filter && *query->filter ? query->filter : NULL;
	bool renamed = engine->names_serial != names_serial(names) ||
		       engine->generation != names_generation(names);
	bool inclusive = query->inclusive &&
			 query->group_by != GROUP_TRACEBACK &&
			 query->group_by != GROUP_DOMAIN;
	bool regrouped = renamed || engine->group_by != query->group_by ||
			 engine->mine != query->mine ||
			 engine->inclusive != inclusive;

	if (renamed)
		forget_names(engine);
	/* As large as all the rest, and soon made again. */
	if (engine->mine != query->mine || inclusive)
		naming_forget(engine);
	if (query->group_by != GROUP_TRACEBACK)
		canon_forget(engine);
	if (filter_changed(engine, filter)) {
		engine->filtered = false;
		filter_forget(engine);
		free(engine->filter);
		engine->filter = filter ? mem_string(filter) : NULL;
	}
	engine->names_serial = names_serial(names);
	engine->generation = names_generation(names);
	engine->group_by = query->group_by;
	engine->mine = query->mine;
	engine->inclusive = inclusive;
	return regrouped;
}

const struct rows *
engine_run(struct engine *engine, const struct snapshot *snapshot,
	   const struct query *query)
{
	const struct mark *rate = query->rate;

	engine->snapshot = snapshot;
	engine->query = *query;
	engine->names = snapshot->names;
	engine->rate_seconds =
	    rate && snapshot->mono_ns > rate->mono_ns
		? (double)(snapshot->mono_ns - rate->mono_ns) / 1e9
		: 0;
	sums_follow(engine, refresh_caches(engine));
	engine->rows = (struct rows){0};
	lately_find(engine);
	rows_start(engine);
	branch_fini(&engine->all);
	return &engine->rows;
}

/* The sites of a row */

static int
compare_sites(const void *left, const void *right, void *context)
{
	const struct engine *engine = context;
	const uint32_t *a = left, *b = right;
	uint64_t first = site_live_bytes(&engine->snapshot->sites[*a - 1]);
	uint64_t second = site_live_bytes(&engine->snapshot->sites[*b - 1]);

	if (first != second)
		return first < second ? 1 : -1;
	return *a < *b ? -1 : *a > *b;
}

size_t
engine_sites(struct engine *engine, const struct row *row, uint32_t *out,
	     size_t max)
{
	uint32_t slot = row ? slot_find(engine, row->identity) : 0, *all;
	uint8_t *cover = NULL;
	size_t count = 0;

	if (row && !slot)
		return 0;
	if (row && engine->inclusive)
		cover = steps_cover(engine, slot);
	all = mem_array(engine->site_known, sizeof(*all));
	for (size_t i = 0; i < engine->site_known; i++) {
		uint32_t at = engine->site_at[i];

		if (at && (!row		  ? at_passes(engine, at)
			   : at & AT_STEP ? cover[at & ~AT_STEP]
					  : at == slot))
			all[count++] = (uint32_t)i + 1;
	}
	if (row)
		qsort_r(all, count, sizeof(*all), compare_sites, engine);
	if (max)
		memcpy(out, all, (count < max ? count : max) * sizeof(*all));
	free(all);
	free(cover);
	return count;
}
