/* trees.c - which sites the tree of calls is made of. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "viewer/view.h"

#define SITE_NS 2000 /* of time between two builds, for each site */

void
trees_fini(struct trees *trees)
{
	bool growth = trees->growth;

	tree_fini(&trees->tree);
	free(trees->flame.boxes);
	free(trees->calls.lines);
	free(trees->calls.folds);
	table_fini(&trees->calls.table);
	*trees = (struct trees){.growth = growth};
}

static const struct row *
row_find(const struct viewer *viewer)
{
	const struct rows *rows = viewer->rows;

	size_t found = rows_find(rows, viewer->trace.identity);

	return found < rows->count ? rows_get(rows, found) : NULL;
}

/* The sites of a row, NULL: of all rows that pass; to be freed. */
static uint32_t *
sites_find(struct viewer *viewer, const struct row *row, size_t *count)
{
	uint32_t *sites =
	    mem_array(viewer->snapshot->site_count, sizeof(*sites));

	*count = engine_sites(viewer->engine, row, sites,
			      viewer->snapshot->site_count);
	return sites;
}

/* Those of the row that were found at last, when the row is gone. */
static uint32_t *
sites_kept(const struct viewer *viewer, size_t *count)
{
	const struct trace *trace = &viewer->trace;
	uint32_t *sites = mem_array(trace->count, sizeof(*sites));

	*count = trace->count;
	memcpy(sites, trace->sites, trace->count * sizeof(*sites));
	return sites;
}

/* So much at most is spent on it, however many sites there are. */
static bool
is_due(const struct viewer *viewer)
{
	const struct trees *trees = &viewer->trees;

	return trees->view != (int)viewer_view(viewer) ||
	       viewer->now_ns - trees->built_ns >=
		   viewer->snapshot->site_count * SITE_NS;
}

void
trees_update(struct viewer *viewer, bool wanted)
{
	struct trees *trees = &viewer->trees;
	bool flame = viewer_view(viewer) == VIEW_FLAME;
	bool of_row = !flame || trees->flame.of_row;
	const struct row *row = of_row ? row_find(viewer) : NULL;
	struct tree_ask ask = {
	    .way = flame || trees->calls.callees ? TREE_CALLEES : TREE_CALLERS,
	    .growth = trees->growth,
	    /* What libraries did below it is why one looks into a row. */
	    .mine = viewer->query.mine && !of_row,
	    .mark = viewer->query.mark,
	};
	uint32_t *sites = NULL;

	trees->behind = !wanted && !is_due(viewer);
	if (trees->behind)
		return;
	trees->view = (int)viewer_view(viewer);
	trees->built_ns = viewer->now_ns;
	if (row)
		trees->calls.from = tree_from_row(row, viewer->query.group_by);
	ask.from = trees->calls.from;
	if (of_row && !row)
		sites = sites_kept(viewer, &ask.site_count);
	else if (of_row || viewer->query.filter)
		sites = sites_find(viewer, row, &ask.site_count);
	ask.sites = sites;
	tree_build(&trees->tree, viewer->snapshot, &ask);
	free(sites);
	if (flame)
		flame_layout(viewer);
	else
		calls_layout(viewer);
}
