/* view_suspects.c - rows by evidence of a leak, and the evidence. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/suspects.h"
#include "viewer/figures.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define GAP 3 /* cells between the numbers and the names, with the pointer */

enum { GROWTH, SLOPE, LATELY, GREW, KEPT, BORN, TREND, COLUMNS };
static const struct figure columns[COLUMNS] = {
    [GROWTH] = {"GROWTH", {7, 11}, 60}, [SLOPE] = {"SLOPE", {9, 13}, 50},
    [LATELY] = {"LATELY", {9, 13}, 16}, [GREW] = {"GREW", {6, 7}, 36},
    [KEPT] = {"KEPT", {6, 7}, 72},	[BORN] = {"BORN", {6, 9}, 100},
    [TREND] = {"TREND", {12, 21}, 100},
};

static const struct figures figures = {columns, COLUMNS, 110};

/* The row of a line, or NULL: it was of other rows. */
static const struct row *
line_row(const struct viewer *viewer, size_t line)
{
	const struct suspects *suspects = viewer->suspects;
	const struct rows *rows = viewer->rows;
	const struct suspect *suspect;

	if (!suspects || !rows || line >= suspects->count)
		return NULL;
	suspect = &suspects->list[line];
	if (suspect->row >= rows->count ||
	    rows_get(rows, suspect->row)->identity != suspect->identity)
		return NULL;
	return rows_get(rows, suspect->row);
}

const struct row *
suspects_row(const struct viewer *viewer)
{
	return line_row(viewer, viewer->lists[VIEW_SUSPECTS].cursor);
}

void
suspects_follow(struct viewer *viewer)
{
	struct suspects *suspects = viewer->suspects;
	struct list *list = &viewer->lists[VIEW_SUSPECTS];
	struct history *history = viewer->past.history;
	uint64_t identity = 0;

	if (!suspects || !viewer->rows)
		return;
	if (list->cursor > 0 && list->cursor < suspects->count)
		identity = suspects->list[list->cursor].identity;
	suspects_find(viewer->engine, history, viewer->mark.mono_ns,
		      history_at(history, viewer->snapshot->mono_ns),
		      viewer->rows, viewer->snapshot->site_count, suspects);
	for (size_t i = 0; identity && i < suspects->count; i++)
		if (suspects->list[i].identity == identity)
			list->cursor = i;
}

void
view_suspects_open(struct viewer *viewer)
{
	if (!viewer->suspects)
		viewer->suspects = mem_alloc(sizeof(*viewer->suspects));
	suspects_follow(viewer);
}

static const char *
share_text(char out[FORMAT_MAX], double share)
{
	char percent[FORMAT_MAX];

	snprintf(out, FORMAT_MAX, "%.8s%%", format_percent(percent, share));
	return out;
}

static enum role
number_text(const struct row *row, const struct evidence *evidence, int which,
	    bool compact, char out[FORMAT_MAX + 1])
{
	switch (which) {
	case GROWTH:
		if (row_is_doubtful(row))
			*out++ = '~';
		format_size_diff(out, row->size_diff, compact);
		return growth_role((double)row->size_diff);
	case SLOPE:
		format_rate(out, evidence->slope, compact);
		return growth_role(*out == '0' ? 0 : evidence->slope);
	case LATELY:
		format_rate(out, evidence->lately, compact);
		return growth_role(*out == '0' ? 0 : evidence->lately);
	case GREW:
		share_text(out, evidence->grew);
		return ROLE_TEXT;
	case KEPT:
		if (evidence->born)
			share_text(out, evidence->kept);
		else
			snprintf(out, FORMAT_MAX, "-");
		return ROLE_TEXT;
	case BORN:
		format_count(out, evidence->born);
		return ROLE_DIM;
	}
	*out = '\0';
	return ROLE_TEXT;
}

static void
line_draw(struct viewer *viewer, int y, size_t line)
{
	const struct suspect *suspect = &viewer->suspects->list[line];
	const struct row *row = line_row(viewer, line);
	struct canvas *canvas = &viewer->canvas;
	char text[FORMAT_MAX + 1];
	struct place place;
	bool compact = !figures_wide(&figures, canvas);
	int cells = figure_width(&figures, canvas, TREND);
	int x = figures_width(&figures, canvas);

	if (!row)
		return;
	for (int i = 0; i < TREND; i++) {
		enum role role =
		    number_text(row, &suspect->evidence, i, compact, text);

		figure_draw(&figures, canvas, y, i, role, text);
	}
	if (cells)
		spark_draw(canvas, y, x - cells + 2, cells - 2, ROLE_DIM,
			   &suspect->trend);
	row_place(viewer, row, &place);
	place_draw(canvas, y, x + GAP, canvas->width - x - GAP - 1, ROLE_TEXT,
		   &place);
	if (suspect->evidence.rank > 0)
		canvas_glyph(canvas, y, x + 1, ROLE_ACCENT, GLYPH_POINTER);
	if (suspect->evidence.rank <= 0)
		canvas_paint(canvas, y, 0, canvas->width, ROLE_DIM);
	canvas_paint_match(canvas, y, x + GAP, canvas->width - x - GAP - 1,
			   ROLE_MATCH, viewer->search);
}

/* From when, and what the pointer means. */
static void
note_draw(struct viewer *viewer, int y)
{
	const struct suspects *suspects = viewer->suspects;
	struct canvas *canvas = &viewer->canvas;
	char watched[FORMAT_MAX];
	int x = 1;

	format_duration(watched, suspects->watched_ns);
	if (suspects->moments < EVIDENCE_MOMENTS) {
		canvas_format(canvas, y, x, canvas->width - 1, ROLE_DIM,
			      "too early to tell: watched for %s, %zu of %d "
			      "moments",
			      watched, suspects->moments, EVIDENCE_MOMENTS);
		return;
	}
	x += canvas_format(canvas, y, x, canvas->width - x, ROLE_DIM, "in %s; ",
			   watched);
	x += canvas_glyph(canvas, y, x, ROLE_ACCENT, GLYPH_POINTER);
	canvas_sentence(canvas, y, x, canvas->width - x, ROLE_DIM,
			" evidence; others level off, come and go, or are "
			"within their error");
}

void
view_suspects_draw(struct viewer *viewer, struct box box)
{
	const struct suspects *suspects = viewer->suspects;
	struct list *list = &viewer->lists[VIEW_SUSPECTS];
	bool noted = box.height >= 4;

	list_fit(list, suspects->count,
		 box.height > 1 + noted ? (size_t)(box.height - 1 - noted) : 0);
	figures_head(&figures, &viewer->canvas, box.y, LATELY, GAP, "SITE");
	if (!list->count)
		canvas_text(&viewer->canvas, box.y + 1, 2, box.width - 2,
			    ROLE_DIM, "nothing has grown");
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++) {
		size_t line = list->top + i;
		int y = box.y + 1 + (int)i;

		line_draw(viewer, y, line);
		line_finish(viewer, list, y, box.width, line);
	}
	if (noted)
		note_draw(viewer, box.y + box.height - 1);
}

bool
view_suspects_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct row *row = line_row(viewer, line);
	struct place place;

	if (!viewer->suspects || line >= viewer->suspects->count)
		return false;
	*out = '\0';
	if (row) {
		row_place(viewer, row, &place);
		place_text(out, size, &place);
	}
	return true;
}
