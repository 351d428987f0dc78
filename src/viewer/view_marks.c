/* view_marks.c - from when growth may count: our marks, then the program's. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/figures.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define GAP 2 /* cells between the numbers and the names */

enum { TIME, AGO, LIVE, GROWTH, COLUMNS };
static const struct figure columns[COLUMNS] = {
    [TIME] = {"TIME", {10, 12}},
    [AGO] = {"AGO", {8, 12}, 60},
    [LIVE] = {"LIVE", {6, 12}},
    [GROWTH] = {"SINCE", {8, 12}},
};
static const struct figures figures = {columns, COLUMNS, 100};

const struct program_mark *
marks_line(const struct viewer *viewer, size_t line)
{
	const struct snapshot *snapshot = viewer->newest;
	size_t own = viewer->past.mark_count;

	if (!snapshot || line < own || line - own >= snapshot->mark_count)
		return NULL;
	/* The newest first. */
	return &snapshot->marks[snapshot->mark_count - 1 - (line - own)];
}

static void
times_draw(struct viewer *viewer, int y, uint64_t time_ns)
{
	uint64_t now = viewer->newest->time_ns;
	struct canvas *canvas = &viewer->canvas;
	char clock[TEXT_TIME_MAX], ago[FORMAT_MAX];

	figure_draw(&figures, canvas, y, TIME, ROLE_TEXT,
		    text_time(clock, time_ns) + 11);
	figure_draw(&figures, canvas, y, AGO, ROLE_DIM,
		    format_duration(ago, now > time_ns ? now - time_ns : 0));
}

static void
sizes_draw(struct viewer *viewer, int y, uint64_t live)
{
	int64_t growth = (int64_t)(viewer->snapshot->live_bytes - live);
	struct canvas *canvas = &viewer->canvas;
	bool compact = !figures_wide(&figures, canvas);
	char text[FORMAT_MAX];

	figure_draw(&figures, canvas, y, LIVE, ROLE_TEXT,
		    format_size(text, live, compact));
	figure_draw(&figures, canvas, y, GROWTH, growth_role((double)growth),
		    format_size_diff(text, growth, compact));
}

/* The text of a line's name; returns what is said of it. */
static const char *
line_name(const struct viewer *viewer, size_t line, const char **name)
{
	const struct program_mark *program = marks_line(viewer, line);
	const struct past *past = &viewer->past;

	if (program) {
		*name = names_text(viewer->newest->names, program->text);
		return "the program's";
	}
	*name = past->marks[line].name;
	return past->baseline == line ? "growth counts from here"
	       : line		      ? ""
				      : "the first that was seen";
}

static void
line_draw(struct viewer *viewer, int y, size_t line)
{
	const struct program_mark *program = marks_line(viewer, line);
	const struct past *past = &viewer->past;
	struct canvas *canvas = &viewer->canvas;
	bool counts = !program && past->baseline == line;
	int begin = figures_width(&figures, canvas) + GAP;
	int x = begin;
	const char *name;
	const char *remark = line_name(viewer, line, &name);

	if (counts)
		canvas_glyph(canvas, y, 0, ROLE_ACCENT, GLYPH_POINTER);
	times_draw(viewer, y,
		   program ? program->time_ns : past->marks[line].time_ns);
	sizes_draw(viewer, y,
		   program ? program->live_bytes
			   : past->marks[line].live_bytes);
	x += canvas_text(canvas, y, x, canvas->width - x - 1,
			 counts ? ROLE_ACCENT : ROLE_TEXT, name);
	canvas_sentence(canvas, y, x + 2, canvas->width - x - 3, ROLE_DIM,
			remark);
	canvas_paint_match(canvas, y, begin, canvas->width, ROLE_MATCH,
			   viewer->search);
}

void
view_marks_draw(struct viewer *viewer, struct box box)
{
	struct list *list = &viewer->lists[VIEW_MARKS];
	size_t count = viewer->past.mark_count;

	if (count)
		count += viewer->newest->mark_count;
	list_fit(list, count, box.height > 1 ? (size_t)box.height - 1 : 0);
	if (!count) {
		canvas_text(&viewer->canvas, box.y, 2, box.width - 2, ROLE_DIM,
			    "nothing has been seen yet");
		return;
	}
	figures_head(&figures, &viewer->canvas, box.y, -1, GAP, "MARK");
	for (size_t i = 0; i < list->page && list->top + i < count; i++) {
		size_t line = list->top + i;
		int y = box.y + 1 + (int)i;

		line_draw(viewer, y, line);
		line_finish(viewer, list, y, box.width, line);
	}
}

void
view_marks_open(struct viewer *viewer)
{
	viewer->lists[VIEW_MARKS].cursor = viewer->past.baseline;
}

bool
view_marks_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const char *name;

	if (line >= viewer->past.mark_count && !marks_line(viewer, line))
		return false;
	line_name(viewer, line, &name);
	snprintf(out, size, "%s", name);
	return true;
}
