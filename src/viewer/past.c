/* past.c - history, marks, and the list as it was. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/trend.h"
#include "viewer/view.h"

#define RATE_BACK_NS (2 * UINT64_C(1000000000))

static void
unhold(struct viewer *viewer)
{
	struct past *past = &viewer->past;

	if (past->held_by != HELD_NOT)
		snapshot_fini(&past->held);
	past->held_by = HELD_NOT;
	viewer->snapshot = viewer->newest;
	viewer->rows = NULL; /* they are of what was held */
}

void
past_fini(struct viewer *viewer)
{
	struct past *past = &viewer->past;

	unhold(viewer);
	for (size_t i = 0; i < past->mark_count; i++)
		mark_fini(&past->marks[i]);
	history_free(past->history);
	free(past->row_series);
	*past = (struct past){0};
	viewer->mark = (struct mark){0};
	viewer->query.mark = NULL;
	viewer->marked = false;
}

/* Marks */

static void
mark_use(struct viewer *viewer, size_t index)
{
	struct past *past = &viewer->past;

	past->baseline = index;
	viewer->mark = past->marks[index];
	viewer->query.mark = &viewer->mark;
	viewer->marked = index > 0;
}

/* Which sites are in a list of the past depends on what it is compared to. */
void
past_baseline(struct viewer *viewer, size_t index)
{
	struct past *past = &viewer->past;

	mark_use(viewer, index);
	if (past->held_by == HELD_BACK)
		past_go(viewer,
			history_at(past->history, viewer->snapshot->mono_ns));
}

void
past_forget(struct viewer *viewer, size_t index)
{
	struct past *past = &viewer->past;
	size_t baseline = past->baseline;

	mark_fini(&past->marks[index]);
	past->mark_count--;
	memmove(&past->marks[index], &past->marks[index + 1],
		(past->mark_count - index) * sizeof(*past->marks));
	if (index == baseline)
		past_baseline(viewer, 0);
	else
		mark_use(viewer, baseline - (index < baseline));
}

void
past_name(struct viewer *viewer, size_t index, const char *name)
{
	struct mark *mark = &viewer->past.marks[index];

	free(mark->name);
	mark->name = mem_string(name);
	mark_use(viewer, viewer->past.baseline);
}

void
past_mark(struct viewer *viewer, struct mark *of, const char *name)
{
	struct past *past = &viewer->past;
	char own[32];
	struct mark mark;
	size_t at = past->mark_count;

	if (past->mark_count == MARKS_MAX)
		past_forget(viewer, past->baseline == 1 ? 2 : 1);
	if (!name && past->mark_count) {
		past->marks_made++;
		snprintf(own, sizeof(own),
			 past->marks_made > 1 ? "mark %u" : "mark",
			 past->marks_made);
		name = own;
	}
	if (of) {
		mark = *of;
		free(mark.name);
		mark.name = mem_string(name ? name : "start");
	} else {
		mark_take(&mark, viewer->snapshot, name ? name : "start");
		if (past->held_by == HELD_NOT)
			history_pin(past->history, viewer->snapshot);
	}
	/* The start stays the first, and those of one instant in order. */
	for (at = past->mark_count;
	     at > 1 && past->marks[at - 1].mono_ns > mark.mono_ns; at--)
		past->marks[at] = past->marks[at - 1];
	past->marks[at] = mark;
	past->mark_count++;
	past_baseline(viewer, at);
}

/* The list as it was */

/* Rates are those of that time. */
static void
rates_set(struct viewer *viewer)
{
	struct history *history = viewer->past.history;
	uint64_t now = viewer->snapshot->mono_ns;
	size_t at =
	    history_at(history, now > RATE_BACK_NS ? now - RATE_BACK_NS : 0);
	struct mark *rates = viewer->rates;

	for (int i = 0; i < 2; i++)
		mark_fini(&rates[i]);
	if (at < history_reach(history))
		at = history_reach(history);
	viewer->query.rate = NULL;
	if (at >= history_count(history))
		return;
	for (int i = 0; i < 2; i++) {
		history_mark(history, at, viewer->newest, "", &rates[i]);
		viewer->rate_bytes[i] = rates[i].live_bytes;
		viewer->rate_cpu_ns[i] = viewer->snapshot->agent_cpu_ns;
		viewer->rate_events[i] = 0;
	}
	viewer->query.rate = &rates[0];
}

bool
past_go(struct viewer *viewer, size_t index)
{
	struct past *past = &viewer->past;

	if (index >= history_count(past->history) ||
	    !history_moment(past->history, index)->whole)
		return false;
	unhold(viewer);
	history_snapshot(past->history, index, viewer->newest, &viewer->mark,
			 &past->held);
	past->held_by = HELD_BACK;
	viewer->paused = false;
	viewer->snapshot = &past->held;
	rates_set(viewer);
	return true;
}

/* Saved history and marks are the viewer's from now on. */
static void
past_restore(struct viewer *viewer, struct saved *saved)
{
	struct past *past = &viewer->past;

	past->history = saved->history;
	saved->history = NULL;
	while (past->mark_count < saved->mark_count &&
	       past->mark_count < MARKS_MAX) {
		struct mark *mark = &saved->marks[past->mark_count];

		past->marks[past->mark_count++] = *mark;
		*mark = (struct mark){0};
	}
	rates_set(viewer);
	if (!past->mark_count)
		return;
	past->marks_made = (unsigned)past->mark_count - 1;
	mark_use(viewer,
		 saved->baseline < past->mark_count ? saved->baseline : 0);
	if (viewer->marked && !viewer->sort_chosen)
		viewer->query.sort = COLUMN_SIZE_DIFF;
}

void
past_init(struct viewer *viewer)
{
	const struct feed *feed = &viewer->feed;
	struct saved *saved =
	    feed->context && feed->saved ? feed->saved(feed->context) : NULL;

	viewer->past = (struct past){0};
	if (saved && saved->history)
		past_restore(viewer, saved);
	else
		viewer->past.history =
		    history_new(viewer->options->history_bytes);
}

struct saved
past_saved(const struct viewer *viewer)
{
	const struct past *past = &viewer->past;

	return (struct saved){
	    .history = past->history,
	    .marks = (struct mark *)past->marks,
	    .mark_count = past->mark_count,
	    .baseline = past->baseline,
	};
}

void
past_return(struct viewer *viewer)
{
	if (viewer->past.held_by == HELD_NOT)
		return;
	unhold(viewer);
	viewer->paused = false;
	rates_set(viewer);
}

void
past_pause(struct viewer *viewer, bool on)
{
	struct past *past = &viewer->past;

	/* The past does not move: to go on is to come back. */
	if (past->held_by == HELD_BACK) {
		past_return(viewer);
		return;
	}
	viewer->paused = on;
	viewer->paused_ns = viewer->now_ns;
	if (!on) {
		unhold(viewer);
	} else if (viewer->newest) {
		snapshot_clone(&past->held, viewer->newest);
		past->held_by = HELD_PAUSED;
		viewer->snapshot = &past->held;
	}
}

void
past_step(struct viewer *viewer, bool last)
{
	struct past *past = &viewer->past;

	if (last)
		history_pin(past->history, viewer->newest);
	else if (!history_add(past->history, viewer->newest))
		return;
	if (viewer_view(viewer) == VIEW_HISTORY)
		past_follow_row(viewer);
	if (viewer_view(viewer) == VIEW_SUSPECTS)
		suspects_follow(viewer);
}

/* History of rows */

size_t
past_cursor(const struct viewer *viewer)
{
	const struct past *past = &viewer->past;

	return history_at(past->history,
			  past->cursor_ns ? past->cursor_ns : UINT64_MAX);
}

void
past_follow_row(struct viewer *viewer)
{
	struct past *past = &viewer->past;
	const struct row *row = viewer_row(viewer);

	free(past->row_series);
	past->row_series = NULL;
	past->row_moments = history_count(past->history);
	if (row)
		past->row_series =
		    trend_series(viewer->engine, past->history, row,
				 viewer->snapshot->site_count);
}

static void
trends_make(struct viewer *viewer, size_t first, size_t count)
{
	struct past *past = &viewer->past;
	struct trends *trends = &past->trends;
	struct row *rows = mem_array(count, sizeof(*rows));

	for (size_t i = 0; i < count; i++)
		rows[i] = *rows_get(viewer->rows, first + i);
	trend_rows(viewer->engine, past->history,
		   history_at(past->history, viewer->snapshot->mono_ns), rows,
		   count, viewer->snapshot->site_count, trends->trends);
	for (size_t i = 0; i < count; i++)
		trends->identities[i] = rows[i].identity;
	trends->count = count;
	free(rows);
}

static const struct trend *
trends_find(const struct trends *trends, uint64_t identity)
{
	for (size_t i = 0; i < trends->count; i++)
		if (trends->identities[i] == identity)
			return &trends->trends[i];
	return NULL;
}

const struct trend *
past_trend(struct viewer *viewer, size_t row, size_t first, size_t count)
{
	struct past *past = &viewer->past;
	struct trends *trends = &past->trends;
	const struct query *query = &viewer->query;
	uint64_t identity = rows_get(viewer->rows, row)->identity;
	const struct trend *found;
	uint64_t mono_ns;

	if (!history_count(past->history))
		return NULL;
	mono_ns =
	    history_moment(past->history,
			   history_at(past->history, viewer->snapshot->mono_ns))
		->mono_ns;
	if (trends->mono_ns != mono_ns || trends->group_by != query->group_by ||
	    trends->inclusive != query->inclusive ||
	    trends->mine != query->mine)
		trends->count = 0;
	trends->mono_ns = mono_ns;
	trends->group_by = query->group_by;
	trends->inclusive = query->inclusive;
	trends->mine = query->mine;
	found = trends_find(trends, identity);
	if (found || row - first >= TREND_ROWS_MAX)
		return found;
	trends_make(viewer, first,
		    count < TREND_ROWS_MAX ? count : TREND_ROWS_MAX);
	return trends_find(trends, identity);
}
