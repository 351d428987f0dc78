/* listing.c - see listing.h. */
#include "config.h"

#include "viewer/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "symbol/symbol.h"
#include "viewer/state.h"

#define TAB 8

void
listing_fini(struct listing *listing)
{
	engine_free(listing->engine);
	free(listing->path);
	free(listing->hots);
	*listing = (struct listing){0};
}

static const char *
root_of(const struct viewer *viewer)
{
	return viewer->resolve ? resolve_root(viewer->resolve) : NULL;
}

static void
file_look(struct viewer *viewer)
{
	struct listing *listing = &viewer->listing;

	listing->lines = 0;
	listing->there = source_text_file(root_of(viewer), listing->path,
					  &listing->lines, &listing->changed);
	listing->newer = listing->there && viewer->snapshot->process.start_ns &&
			 listing->changed > viewer->snapshot->process.start_ns;
}

static int
compare_lines(const void *left, const void *right)
{
	uint32_t a = ((const struct hot *)left)->line;
	uint32_t b = ((const struct hot *)right)->line;

	return a < b ? -1 : a > b;
}

static void
hot_add(struct listing *listing, const struct row *row)
{
	struct hot *hot = &listing->hots[listing->hot_count++];

	*hot = (struct hot){
	    .line = row->line,
	    .size = row->size,
	    .count = row->count,
	    .size_diff = row->size_diff,
	    .doubtful = row_is_doubtful(row),
	};
	if (hot->size > listing->most)
		listing->most = hot->size;
}

void
listing_follow(struct viewer *viewer)
{
	struct listing *listing = &viewer->listing;
	struct query query = viewer->query;
	const struct names *names;
	const struct rows *rows;

	if (!listing->path || !viewer->snapshot)
		return;
	names = viewer->snapshot->names;
	file_look(viewer);
	if (!listing->engine)
		listing->engine = engine_new();
	query.group_by = GROUP_LINENO;
	query.filter = listing->path;
	query.sort = COLUMN_SIZE;
	query.ascending = false;
	query.top = 0;
	query.later = false;
	rows = engine_run(listing->engine, viewer->snapshot, &query);
	listing->hot_count = 0;
	listing->most = 0;
	listing->hots =
	    mem_grow(listing->hots, rows->count, sizeof(*listing->hots));
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].line &&
		    (rows->rows[i].size || rows->rows[i].size_diff) &&
		    !strcmp(names_text(names, rows->rows[i].file),
			    listing->path))
			hot_add(listing, &rows->rows[i]);
	if (listing->hot_count)
		qsort(listing->hots, listing->hot_count, sizeof(*listing->hots),
		      compare_lines);
}

void
listing_choose(struct viewer *viewer, const char *path)
{
	struct listing *listing = &viewer->listing;
	char *copy = mem_string(path);

	free(listing->path);
	listing->path = copy;
	listing_follow(viewer);
}

size_t
listing_count(const struct listing *listing)
{
	return listing->lines ? listing->lines : listing->hot_count;
}

uint32_t
listing_number(const struct listing *listing, size_t at)
{
	if (listing->lines)
		return (uint32_t)at + 1;
	return at < listing->hot_count ? listing->hots[at].line : 0;
}

size_t
listing_place(const struct listing *listing, uint32_t number)
{
	size_t at = 0;

	if (listing->lines)
		return number ? number - 1 : 0;
	while (at < listing->hot_count && listing->hots[at].line < number)
		at++;
	return at;
}

const struct hot *
listing_hot(const struct listing *listing, uint32_t number)
{
	struct hot key = {.line = number};

	if (!listing->hot_count)
		return NULL;
	return bsearch(&key, listing->hots, listing->hot_count, sizeof(key),
		       compare_lines);
}

const char *
listing_text(const struct viewer *viewer, uint32_t number, char *out,
	     size_t size)
{
	const struct listing *listing = &viewer->listing;
	const char *text = NULL;
	size_t used = 0;

	if (listing->lines)
		text = source_text_kept(root_of(viewer), listing->path, number);
	for (; text && *text && used + TAB < size; text++)
		if (*text == '\t')
			do
				out[used++] = ' ';
			while (used % TAB);
		else
			out[used++] = *text;
	out[used] = '\0';
	return out;
}
