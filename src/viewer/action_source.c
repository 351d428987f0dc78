/* action_source.c - handlers: a source file with what its lines hold. */
#include "config.h"

#include "viewer/action.h"
#include "viewer/view.h"

#define ABOVE 6 /* lines to see before the one that was asked for */

/* A file and a line of it. */
struct wanted {
	const char *file; /* NULL: none */
	uint32_t line;
};

/* Of the first frame on the screen that has one. */
static struct wanted
wanted_of_trace(const struct viewer *viewer)
{
	const struct trace *trace = &viewer->trace;

	for (size_t i = viewer->lists[VIEW_TRACE].top; i < trace->line_count;
	     i++) {
		const struct trace_line *line = &trace->lines[i];

		if (!line->text && *line->file && line->line)
			return (struct wanted){line->file, line->line};
	}
	return (struct wanted){0};
}

static struct wanted
wanted_of_row(const struct viewer *viewer, const struct row *row)
{
	if (!row || !row->file)
		return (struct wanted){0};
	return (struct wanted){names_text(viewer->snapshot->names, row->file),
			       row->line};
}

/* The hottest line, when none was asked for. */
static uint32_t
hottest(const struct listing *listing)
{
	for (size_t i = 0; i < listing->hot_count; i++)
		if (listing->hots[i].size == listing->most)
			return listing->hots[i].line;
	return 1;
}

unsigned
do_source(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct list *list = &viewer->lists[VIEW_SOURCE];
	struct wanted wanted;

	(void)command, (void)key;
	if (viewer_view(viewer) == VIEW_TRACE)
		wanted = wanted_of_trace(viewer);
	else
		wanted =
		    wanted_of_row(viewer, viewer_view(viewer) == VIEW_SUSPECTS
					      ? suspects_row(viewer)
					      : viewer_row(viewer));
	if (!wanted.file) {
		viewer_message(viewer, ROLE_WARNING,
			       "no source file is known of it");
		return STALE_DRAW;
	}
	listing_choose(viewer, wanted.file);
	viewer_push(viewer, VIEW_SOURCE);
	list->cursor = listing_place(&viewer->listing,
				     wanted.line ? wanted.line
						 : hottest(&viewer->listing));
	list->top = list->cursor > ABOVE ? list->cursor - ABOVE : 0;
	return STALE_DRAW;
}

unsigned
do_hot(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const struct listing *listing = &viewer->listing;
	struct list *list = &viewer->lists[VIEW_SOURCE];
	uint32_t number = listing_number(listing, list->cursor);
	size_t at = 0;

	(void)key;
	while (at < listing->hot_count && listing->hots[at].line < number)
		at++;
	if (command == COMMAND_HOT_PREVIOUS)
		at = at ? at - 1 : listing->hot_count;
	else if (at < listing->hot_count && listing->hots[at].line == number)
		at++;
	if (at >= listing->hot_count) {
		viewer_message(viewer, ROLE_DIM, "no other line holds memory");
		return STALE_DRAW;
	}
	list->cursor = listing_place(listing, listing->hots[at].line);
	list_fit(list, listing_count(listing), list->page);
	return STALE_DRAW;
}
