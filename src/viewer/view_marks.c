/* view_marks.c - from when growth may count: our marks, then the program's. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/format.h"
#include "viewer/view.h"

/* Where numbers end, narrow and wide. */
enum { TIME, AGO, LIVE, GROWTH, COLUMNS };
#define WIDE   100
#define NARROW 60 /* below: without AGO */
static const struct {
	const char *title;
	int end[2];
} columns[COLUMNS] = {
    [TIME] = {"TIME", {10, 12}},
    [AGO] = {"AGO", {18, 24}},
    [LIVE] = {"LIVE", {24, 36}},
    [GROWTH] = {"SINCE", {32, 48}},
};

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

/* Where a column ends. */
static int
column_end(const struct canvas *canvas, int which)
{
	int end = columns[which].end[canvas->width >= WIDE];

	if (canvas->width < NARROW && which >= AGO)
		end -= columns[AGO].end[0] - columns[TIME].end[0];
	return end;
}

static void
number_draw(struct viewer *viewer, int y, int which, enum role role,
	    const char *text)
{
	struct canvas *canvas = &viewer->canvas;
	int begin = which ? column_end(canvas, which - 1) : 0;

	canvas_right(canvas, y, begin, column_end(canvas, which) - begin, role,
		     text);
}

static int
name_begin(const struct canvas *canvas)
{
	return column_end(canvas, COLUMNS - 1) + 2;
}

static void
head_draw(struct viewer *viewer, int y)
{
	struct canvas *canvas = &viewer->canvas;
	int x = name_begin(canvas);

	canvas_fill(canvas, y, 0, canvas->width, ROLE_HEAD, " ");
	for (int i = 0; i < COLUMNS; i++)
		number_draw(viewer, y, i, ROLE_HEAD, columns[i].title);
	canvas_text(canvas, y, x, canvas->width - x, ROLE_HEAD, "MARK");
}

static void
times_draw(struct viewer *viewer, int y, uint64_t time_ns)
{
	uint64_t now = viewer->newest->time_ns;
	char clock[TEXT_TIME_MAX], ago[FORMAT_MAX];

	number_draw(viewer, y, TIME, ROLE_TEXT, text_time(clock, time_ns) + 11);
	number_draw(viewer, y, AGO, ROLE_DIM,
		    format_duration(ago, now > time_ns ? now - time_ns : 0));
}

static void
sizes_draw(struct viewer *viewer, int y, uint64_t live)
{
	int64_t growth = (int64_t)(viewer->snapshot->live_bytes - live);
	bool compact = viewer->canvas.width < WIDE;
	char text[FORMAT_MAX];

	number_draw(viewer, y, LIVE, ROLE_TEXT,
		    format_size(text, live, compact));
	number_draw(viewer, y, GROWTH,
		    growth > 0	 ? ROLE_GROW
		    : growth < 0 ? ROLE_SHRINK
				 : ROLE_DIM,
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
	int x = name_begin(canvas);
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
	canvas_text(canvas, y, x + 2, canvas->width - x - 3, ROLE_DIM, remark);
	canvas_paint_match(canvas, y, name_begin(canvas), canvas->width,
			   ROLE_MATCH, viewer->search);
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
	head_draw(viewer, box.y);
	for (size_t i = 0; i < list->page && list->top + i < count; i++) {
		size_t line = list->top + i;
		int y = box.y + 1 + (int)i;

		line_draw(viewer, y, line);
		if (line == list->cursor)
			canvas_paint(&viewer->canvas, y, 0, box.width,
				     ROLE_SELECTED);
		zone_add(viewer, y, 0, box.width, ZONE_LINE, line);
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
