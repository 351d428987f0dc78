/* action_time.c - handlers: history and marks. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/action.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define PAGE_COLUMNS 10

/* Back to the list, by growth unless the user has chosen. */
static unsigned
show_growth(struct viewer *viewer)
{
	if (!viewer->sort_chosen && viewer->marked) {
		viewer->query.sort = COLUMN_SIZE_DIFF;
		viewer->query.ascending = false;
	}
	return STALE_ROWS | STALE_DRAW;
}

static unsigned
mark_cursor(struct viewer *viewer)
{
	struct past *past = &viewer->past;
	size_t index = past_cursor(viewer);
	struct mark mark;

	if (index >= history_count(past->history) ||
	    !history_moment(past->history, index)->whole) {
		viewer_message(viewer, ROLE_WARNING,
			       "only totals are kept of that time");
		return STALE_DRAW;
	}
	history_mark(past->history, index, viewer->newest, "", &mark);
	past_mark(viewer, &mark, NULL);
	viewer_message(viewer, ROLE_ACCENT, "marked: growth counts from then");
	return show_growth(viewer);
}

unsigned
do_mark(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	if (!viewer->snapshot || !viewer->snapshot->tick ||
	    !viewer->past.mark_count)
		return 0;
	if (viewer_view(viewer) == VIEW_HISTORY)
		return mark_cursor(viewer);
	past_mark(viewer, NULL, NULL);
	viewer_message(viewer, ROLE_ACCENT, "marked: growth counts from %s",
		       viewer->past.held_by == HELD_NOT ? "now" : "then");
	return show_growth(viewer);
}

/* "0.4 s later", or "" when it is as good as the same moment. */
static void
nearness_text(char *out, size_t size, uint64_t found_ns, uint64_t wanted_ns)
{
	uint64_t apart =
	    found_ns > wanted_ns ? found_ns - wanted_ns : wanted_ns - found_ns;

	out[0] = '\0';
	if (apart >= MARK_NEAR_EXACT)
		snprintf(
		    out, size, ", the nearest that is kept: %.*f s %s",
		    apart<UINT64_C(10000000000), (double)apart / 1e9, found_ns>
			    wanted_ns
			? "later"
			: "earlier");
}

/* The mark of the program becomes one of ours: of the moment that is nearest
 * among those whose sites are known. */
static unsigned
adopt(struct viewer *viewer, const struct program_mark *from)
{
	struct history *history = viewer->past.history;
	size_t index = history_near(history, from->time_ns);
	char name[64], near[64];
	const char *text = names_text(viewer->newest->names, from->text);
	struct mark mark;

	if (index < history_reach(history))
		index = history_reach(history);
	if (index >= history_count(history)) {
		viewer_message(viewer, ROLE_WARNING,
			       "only totals are kept of that time");
		return STALE_DRAW;
	}
	text_clean(name, sizeof(name), text, strlen(text));
	nearness_text(near, sizeof(near),
		      history_moment(history, index)->time_ns, from->time_ns);
	history_mark(history, index, viewer->newest, "", &mark);
	past_mark(viewer, &mark, name);
	viewer_message(viewer, *near ? ROLE_WARNING : ROLE_ACCENT,
		       "growth counts from '%s'%s", name, near);
	return show_growth(viewer);
}

unsigned
do_baseline(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t line = viewer->lists[VIEW_MARKS].cursor;
	const struct program_mark *program = marks_line(viewer, line);

	(void)command, (void)key;
	if (program)
		return adopt(viewer, program);
	if (line >= viewer->past.mark_count)
		return 0;
	past_baseline(viewer, line);
	viewer_message(viewer, ROLE_ACCENT, "growth counts from '%s'",
		       viewer->mark.name);
	return show_growth(viewer);
}

static unsigned
go(struct viewer *viewer, size_t index)
{
	if (!past_go(viewer, index)) {
		viewer_message(viewer, ROLE_WARNING,
			       "only totals are kept of that time");
		return STALE_DRAW;
	}
	viewer->depth = 1;
	viewer->views[0] = VIEW_SITES;
	return show_growth(viewer);
}

unsigned
do_mark_show(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t line = viewer->lists[VIEW_MARKS].cursor;
	const struct program_mark *program = marks_line(viewer, line);
	uint64_t wanted_ns;
	size_t index;
	unsigned stale;
	char near[64];

	(void)command, (void)key;
	if (!program && line >= viewer->past.mark_count)
		return 0;
	wanted_ns =
	    program ? program->time_ns : viewer->past.marks[line].time_ns;
	index = history_near(viewer->past.history, wanted_ns);
	stale = go(viewer, index);
	if (!(stale & STALE_ROWS))
		return stale;
	nearness_text(near, sizeof(near), viewer->snapshot->time_ns, wanted_ns);
	if (*near)
		viewer_message(viewer, ROLE_WARNING, "as of then%s", near);
	return stale;
}

/* The start and the program's marks have their names. */
static size_t
own_line(struct viewer *viewer)
{
	size_t line = viewer->lists[VIEW_MARKS].cursor;

	if (line > 0 && line < viewer->past.mark_count)
		return line;
	viewer_message(viewer, ROLE_WARNING, "that is not one of your marks");
	return 0;
}

unsigned
do_mark_name(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t line = own_line(viewer);

	(void)command, (void)key;
	return line ? prompt_name(viewer, viewer->past.marks[line].name)
		    : STALE_DRAW;
}

unsigned
do_mark_forget(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t line = own_line(viewer);

	(void)command, (void)key;
	if (!line)
		return STALE_DRAW;
	past_forget(viewer, line);
	return STALE_ROWS | STALE_DRAW;
}

unsigned
do_as_of(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	if (past_cursor(viewer) + 1 >= history_count(viewer->past.history)) {
		past_return(viewer);
		viewer->depth = 1;
		return STALE_ROWS | STALE_DRAW;
	}
	return go(viewer, past_cursor(viewer));
}

/* Moves by columns, and by one moment at least. */
static void
cursor_by(struct viewer *viewer, bool back, uint64_t columns)
{
	struct past *past = &viewer->past;
	size_t last = history_count(past->history) - 1;
	size_t from = past_cursor(viewer);
	uint64_t at = history_moment(past->history, from)->mono_ns;
	uint64_t by = columns * history_column_ns(viewer);
	size_t to =
	    history_at(past->history, back ? (at > by ? at - by : 0) : at + by);

	if (to == from && back)
		to = from ? from - 1 : 0;
	else if (to == from)
		to = from < last ? from + 1 : last;
	past->cursor_ns =
	    to == last ? 0 : history_moment(past->history, to)->mono_ns;
}

void
history_move(struct viewer *viewer, enum command_id command)
{
	struct past *past = &viewer->past;

	if (!history_count(past->history))
		return;
	switch (command) {
	case COMMAND_FIRST:
		past->cursor_ns = history_moment(past->history, 0)->mono_ns;
		break;
	case COMMAND_LAST:
		past->cursor_ns = 0;
		break;
	case COMMAND_PAGE_UP:
	case COMMAND_PAGE_DOWN:
		cursor_by(viewer, command == COMMAND_PAGE_UP, PAGE_COLUMNS);
		break;
	default:
		cursor_by(viewer,
			  command == COMMAND_UP || command == COMMAND_EARLIER,
			  1);
	}
}

unsigned
do_time(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)key;
	history_move(viewer, command);
	return STALE_DRAW;
}

unsigned
do_span(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t *span = &viewer->past.span;

	(void)key;
	if (command == COMMAND_SPAN_LESS)
		*span -= *span > 0;
	else
		*span += *span + 1 < HISTORY_SPANS;
	return STALE_DRAW;
}
