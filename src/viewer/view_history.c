/*
 * view_history.c - the process over time: live heap, RSS, the selected row.
 *
 * Columns are equal pieces of the time that is shown, the newest at the right;
 * each shows the last moment that it covers, or the one before it.
 */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define SECOND_NS  UINT64_C(1000000000)
#define MARGIN	   8 /* for the numbers at the left */
#define GRAPHS_MAX 3
#define EIGHTHS	   TREND_LEVELS

const uint64_t history_spans[HISTORY_SPANS] = {60, 600, 3600};

/* One graph: the values at all moments, by column. */
struct graph {
	uint64_t *values; /* by column */
	uint64_t low;	  /* at the bottom */
	uint64_t high;
	size_t first; /* column of which something is known */
};

static int
plot_width(const struct canvas *canvas)
{
	return canvas->width > MARGIN + 2 ? canvas->width - MARGIN - 1 : 1;
}

uint64_t
history_column_ns(const struct viewer *viewer)
{
	return history_spans[viewer->past.span] * SECOND_NS /
	       (uint64_t)plot_width(&viewer->canvas);
}

static const struct moment *
newest(const struct viewer *viewer)
{
	const struct history *history = viewer->past.history;

	return history_moment(history, history_count(history) - 1);
}

/* The column of a time; -1 when it is further back. */
static int
column_of(const struct viewer *viewer, uint64_t mono_ns)
{
	uint64_t now = newest(viewer)->mono_ns;
	uint64_t back = mono_ns < now ? now - mono_ns : 0;
	int width = plot_width(&viewer->canvas);
	uint64_t column = back / history_column_ns(viewer);

	return column < (uint64_t)width ? width - 1 - (int)column : -1;
}

unsigned
history_click(struct viewer *viewer, int x)
{
	struct past *past = &viewer->past;
	uint64_t back =
	    (uint64_t)(MARGIN + plot_width(&viewer->canvas) - 1 - x) *
	    history_column_ns(viewer);
	uint64_t now = newest(viewer)->mono_ns;

	past->cursor_ns = !back ? 0 : back < now ? now - back : 1;
	return STALE_DRAW;
}

void
view_history_open(struct viewer *viewer)
{
	struct past *past = &viewer->past;
	uint64_t all = 0;

	if (history_count(past->history))
		all = newest(viewer)->mono_ns -
		      history_moment(past->history, 0)->mono_ns;
	past->span = 0;
	while (past->span + 1 < HISTORY_SPANS &&
	       all > history_spans[past->span] * SECOND_NS)
		past->span++;
	past->cursor_ns =
	    past->held_by == HELD_BACK ? viewer->snapshot->mono_ns : 0;
	past_follow_row(viewer);
}

static uint64_t
value_of(const struct viewer *viewer, int which, size_t index)
{
	const struct past *past = &viewer->past;
	const struct moment *moment = history_moment(past->history, index);

	switch (which) {
	case 0:
		return moment->live_bytes;
	case 1:
		return moment->rss_bytes;
	default:
		return index < past->row_moments ? past->row_series[index] : 0;
	}
}

/* The row's series has as many moments as the history. */
static bool
has_row(const struct viewer *viewer)
{
	const struct past *past = &viewer->past;

	return past->row_series &&
	       past->row_moments == history_count(past->history);
}

/* A graph begins at 0, unless it would be nothing but a block then. */
static void
graph_scale(struct graph *graph, size_t width)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (size_t i = graph->first; i < width; i++) {
		low = graph->values[i] < low ? graph->values[i] : low;
		high = graph->values[i] > high ? graph->values[i] : high;
	}
	graph->low = 0;
	graph->high = high;
	if (low == high)
		graph->high = 2 * high;
	else if (low > high / 2)
		graph->low = low - (high - low) / 4;
}

static void
graph_fill(const struct viewer *viewer, struct graph *graph, int which,
	   size_t width)
{
	const struct history *history = viewer->past.history;
	uint64_t now = newest(viewer)->mono_ns;
	uint64_t column_ns = history_column_ns(viewer);

	graph->first = width - 1;
	for (size_t i = width; i-- > 0;) {
		uint64_t back = (width - 1 - i) * column_ns;
		size_t at;

		if (back > now ||
		    now - back < history_moment(history, 0)->mono_ns)
			break;
		at = history_at(history, now - back);
		graph->values[i] = value_of(viewer, which, at);
		graph->first = i;
	}
	graph_scale(graph, width);
}

static void
bar_cell(struct canvas *canvas, int y, int x, enum role role, uint64_t eighths)
{
	if (eighths)
		canvas_glyph(
		    canvas, y, x, role,
		    (enum glyph)(GLYPH_BAR_1 - 1 +
				 (eighths < EIGHTHS ? eighths : EIGHTHS)));
}

/* How many of `all` steps a value is high; what there is shows. */
static uint64_t
height_of(uint64_t value, uint64_t low, uint64_t high, uint64_t all)
{
	double share =
	    high > low ? (double)(value - low) / (double)(high - low) : 0;
	uint64_t height = (uint64_t)(share * (double)all + 0.5);

	return value && !height ? 1 : height;
}

static void
graph_draw(struct viewer *viewer, struct box box, const struct graph *graph)
{
	struct canvas *canvas = &viewer->canvas;
	size_t width = (size_t)plot_width(canvas);
	char text[FORMAT_MAX];

	canvas_right(canvas, box.y, 0, MARGIN - 1, ROLE_DIM,
		     format_size(text, graph->high, true));
	if (box.height > 1)
		canvas_right(canvas, box.y + box.height - 1, 0, MARGIN - 1,
			     ROLE_DIM, format_size(text, graph->low, true));
	for (size_t i = graph->first; i < width; i++) {
		uint64_t height =
		    height_of(graph->values[i], graph->low, graph->high,
			      (uint64_t)box.height * EIGHTHS);

		for (int line = 0; line < box.height; line++) {
			uint64_t below = (uint64_t)line * EIGHTHS;

			bar_cell(canvas, box.y + box.height - 1 - line,
				 MARGIN + (int)i, ROLE_ACCENT,
				 height > below ? height - below : 0);
		}
	}
}

/* "Live heap 38.5 MiB" at the cursor, and what it is since the mark. */
static void
title_draw(struct viewer *viewer, int y, int which, size_t cursor)
{
	static const char *const titles[GRAPHS_MAX] = {"Live heap", "RSS",
						       "Row"};
	struct canvas *canvas = &viewer->canvas;
	uint64_t value = value_of(viewer, which, cursor);
	const struct row *row = viewer_row(viewer);
	struct place place;
	char text[FORMAT_MAX], since[128];
	int x = MARGIN;

	x += canvas_text(canvas, y, x, canvas->width - x, ROLE_LABEL,
			 titles[which]) +
	     1;
	x += canvas_text(canvas, y, x, canvas->width - x, ROLE_VALUE,
			 format_size(text, value, false)) +
	     1;
	if (which == 0) {
		int64_t growth = (int64_t)(value - viewer->mark.live_bytes);

		snprintf(since, sizeof(since), "(%s since %s)",
			 format_size_diff(text, growth, false),
			 viewer->mark.name);
		canvas_sentence(canvas, y, x, canvas->width - x,
				growth_role((double)growth), since);
	} else if (which == 2 && row) {
		row_place(viewer, row, &place);
		place_draw(canvas, y, x + 1, canvas->width - x - 2, ROLE_TEXT,
			   &place);
	}
}

/* Shades the time of which only totals are kept. */
static void
lost_draw(struct viewer *viewer, int y)
{
	const struct history *history = viewer->past.history;
	size_t reach = history_reach(history);
	const char *glyph = glyph_text(GLYPH_TRACK, viewer->canvas.ascii);
	int end = plot_width(&viewer->canvas);
	int begin = column_of(viewer, history_moment(history, 0)->mono_ns);

	if (!reach)
		return;
	if (reach < history_count(history))
		end =
		    column_of(viewer, history_moment(history, reach)->mono_ns);
	begin = begin < 0 ? 0 : begin;
	canvas_fill(&viewer->canvas, y, MARGIN + begin,
		    end > begin ? end - begin : 0, ROLE_DIM, glyph);
}

/* A line with the marks on it. */
static void
axis_draw(struct viewer *viewer, int y)
{
	const struct past *past = &viewer->past;
	const struct snapshot *snapshot = viewer->newest;
	struct canvas *canvas = &viewer->canvas;
	uint64_t now = newest(viewer)->mono_ns;
	uint64_t now_time = newest(viewer)->time_ns;

	canvas_fill(canvas, y, MARGIN, plot_width(canvas), ROLE_DIM,
		    glyph_text(GLYPH_LINE, canvas->ascii));
	lost_draw(viewer, y);
	for (size_t i = 0; i < snapshot->mark_count; i++) {
		uint64_t back = now_time - snapshot->marks[i].time_ns;
		int x = back < now ? column_of(viewer, now - back) : -1;

		if (x >= 0)
			canvas_text(canvas, y, MARGIN + x, 1, ROLE_VALUE, "p");
	}
	for (size_t i = 1; i < past->mark_count; i++) {
		int x = column_of(viewer, past->marks[i].mono_ns);

		if (x >= 0)
			canvas_text(canvas, y, MARGIN + x, 1, ROLE_ACCENT, "m");
	}
}

/* "-10:00 ... 12:03:20, 0:42 ago ... now", and what cannot be had. */
static void
times_draw(struct viewer *viewer, int y, size_t cursor)
{
	const struct history *history = viewer->past.history;
	const struct moment *moment = history_moment(history, cursor);
	struct canvas *canvas = &viewer->canvas;
	char text[128], clock[TEXT_TIME_MAX], ago[FORMAT_MAX], span[FORMAT_MAX];
	int width, x;

	snprintf(
	    text, sizeof(text), "%s, %s ago%s",
	    text_time(clock, moment->time_ns) + 11,
	    format_duration(ago, newest(viewer)->mono_ns - moment->mono_ns),
	    moment->whole ? "" : ": only totals are kept");
	snprintf(
	    span, sizeof(span), "-%s",
	    format_duration(ago, history_spans[viewer->past.span] * SECOND_NS));
	canvas_text(canvas, y, MARGIN, canvas->width, ROLE_DIM, span);
	canvas_right(canvas, y, canvas->width - 5, 4, ROLE_DIM, "now");
	width = canvas_width(canvas, text);
	x = MARGIN + column_of(viewer, moment->mono_ns) - width / 2;
	if (x > canvas->width - 6 - width)
		x = canvas->width - 6 - width;
	if (x < MARGIN + canvas_width(canvas, span) + 1)
		x = MARGIN + canvas_width(canvas, span) + 1;
	canvas_text(canvas, y, x, canvas->width - x,
		    moment->whole ? ROLE_ACCENT : ROLE_WARNING, text);
}

static void
cursor_draw(struct viewer *viewer, struct box box, size_t cursor)
{
	const struct history *history = viewer->past.history;
	int x = column_of(viewer, history_moment(history, cursor)->mono_ns);

	for (int y = box.y; y < box.y + box.height; y++) {
		if (x >= 0)
			canvas_paint(&viewer->canvas, y, MARGIN + x, 1,
				     ROLE_SELECTED);
		zone_add(viewer, y, MARGIN, box.width - 1, ZONE_TIME, 0);
	}
}

void
view_history_draw(struct viewer *viewer, struct box box)
{
	struct canvas *canvas = &viewer->canvas;
	uint64_t values[512] = {0};
	struct graph graph = {.values = values};
	size_t width = (size_t)plot_width(canvas);
	int foot = box.height >= 5 ? 2 : box.height >= 3;
	int graphs = (box.height - foot) / 3;
	int all = has_row(viewer) ? GRAPHS_MAX : GRAPHS_MAX - 1;
	int y = box.y;
	size_t cursor;

	if (!history_count(viewer->past.history)) {
		canvas_text(canvas, box.y, 2, box.width - 2, ROLE_DIM,
			    "nothing is kept yet");
		return;
	}
	cursor = past_cursor(viewer);
	graphs = graphs < 1 ? 1 : graphs > all ? all : graphs;
	for (int i = 0; i < graphs; i++) {
		int height = (box.y + box.height - foot - y) / (graphs - i);
		struct box plot = {y + 1, 0, height - 1, box.width};

		if (width > sizeof(values) / sizeof(*values))
			break;
		title_draw(viewer, y, i, cursor);
		graph_fill(viewer, &graph, i, width);
		graph_draw(viewer, plot, &graph);
		cursor_draw(viewer, plot, cursor);
		y += height;
	}
	if (foot > 1)
		axis_draw(viewer, y++);
	if (foot > 0)
		times_draw(viewer, y, cursor);
}

void
spark_draw(struct canvas *canvas, int y, int x, int width, enum role role,
	   const struct trend *trend)
{
	unsigned char levels[TREND_SLOTS];
	size_t cells = width < TREND_SLOTS ? (size_t)width : TREND_SLOTS;

	trend_levels(trend, levels, cells);
	for (size_t i = 0; i < cells; i++)
		bar_cell(canvas, y, x + (int)i, role, levels[i]);
}
