/* view_ledger.c - where resident memory is, and which part of it grows. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/figures.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define GAP	     2	/* cells between the numbers and the names */
#define LABEL	     20 /* cells of a label and what follows it */
#define REMARK_WIDTH 70 /* cells of the screen from which there are remarks */

enum { SIZE, SHARE, GROWTH, COLUMNS };
static const struct figure columns[COLUMNS] = {
    [SIZE] = {"NOW", {7, 12}},
    [SHARE] = {"%", {5, 6}},
    [GROWTH] = {"SINCE", {8, 13}},
};
static const struct figures figures = {columns, COLUMNS, 100};

static void
numbers_draw(struct viewer *viewer, int y, int64_t now, int64_t then)
{
	const struct ledger_follow *ledger = &viewer->ledger;
	struct canvas *canvas = &viewer->canvas;
	bool compact = !figures_wide(&figures, canvas);
	int64_t growth = now - then;
	double share =
	    ledger->now.rss ? (double)now / (double)ledger->now.rss : 0;
	char text[FORMAT_MAX];

	figure_draw(&figures, canvas, y, SIZE, now ? ROLE_TEXT : ROLE_DIM,
		    now < 0 ? format_size_diff(text, now, compact)
			    : format_size(text, (uint64_t)now, compact));
	if (now >= 0)
		figure_draw(&figures, canvas, y, SHARE, share_role(share),
			    format_percent(text, share));
	figure_draw(&figures, canvas, y, GROWTH, growth_role((double)growth),
		    format_size_diff(text, growth, compact));
}

static void
line_draw(struct viewer *viewer, int y, size_t line)
{
	const struct ledger_follow *ledger = &viewer->ledger;
	struct canvas *canvas = &viewer->canvas;
	int x = figures_width(&figures, canvas) + GAP;

	if (line == LEDGER_COUNT) {
		numbers_draw(viewer, y, (int64_t)ledger->now.rss,
			     (int64_t)ledger->base.rss);
		canvas_text(canvas, y, x, canvas->width - x, ROLE_TITLE,
			    "RSS, the sum");
		return;
	}
	numbers_draw(viewer, y, ledger->now.bytes[line],
		     ledger->base.bytes[line]);
	canvas_text(canvas, y, x, canvas->width - x,
		    ledger->now.bytes[line] ? ROLE_TEXT : ROLE_DIM,
		    ledger_infos[line].label);
	if (canvas->width >= REMARK_WIDTH)
		canvas_sentence(canvas, y, x + LABEL, canvas->width - x - LABEL,
				ROLE_DIM, ledger_infos[line].remark);
	canvas_paint_match(canvas, y, x, canvas->width, ROLE_MATCH,
			   viewer->search);
}

/* From when growth counts, and what may be wrong. */
static void
note_draw(struct viewer *viewer, int y)
{
	const struct ledger_follow *ledger = &viewer->ledger;
	char clock[TEXT_TIME_MAX];

	canvas_format(&viewer->canvas, y, 1, viewer->canvas.width - 1, ROLE_DIM,
		      "since %s%s", text_time(clock, ledger->base.time_ns) + 11,
		      ledger->now.part ? "; there was no time for all mappings"
				       : "");
}

static void
lines_draw(struct viewer *viewer, struct box box)
{
	struct list *list = &viewer->lists[VIEW_LEDGER];
	struct verdict verdict =
	    ledger_judge(&viewer->ledger.now, &viewer->ledger.base);
	char text[LEDGER_TEXT_MAX];
	bool noted = box.height >= 8;
	int above = box.height >= 3;

	list_fit(list, LEDGER_COUNT + 1,
		 box.height > 1 + above + noted
		     ? (size_t)(box.height - 1 - above - noted)
		     : 0);
	if (above)
		canvas_sentence(&viewer->canvas, box.y, 1, box.width - 1,
				verdict.growing ? ROLE_ACCENT : ROLE_TEXT,
				ledger_text(text, &verdict));
	figures_head(&figures, &viewer->canvas, box.y + above, -1, GAP,
		     "WHERE");
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++)
		line_draw(viewer, box.y + above + 1 + (int)i, list->top + i);
	if (noted)
		note_draw(viewer, box.y + box.height - 1);
}

void
view_ledger_draw(struct viewer *viewer, struct box box)
{
	const struct ledger_follow *ledger = &viewer->ledger;

	if (ledger->now.time_ns) {
		lines_draw(viewer, box);
		return;
	}
	list_fit(&viewer->lists[VIEW_LEDGER], 0, 0);
	canvas_sentence(
	    &viewer->canvas, box.y + (box.height > 2), 2, box.width - 3,
	    ledger->problem[0] ? ROLE_WARNING : ROLE_DIM,
	    ledger->problem[0] ? ledger->problem : "nothing has been seen yet");
}

bool
view_ledger_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	if (!viewer->ledger.now.time_ns || line > LEDGER_COUNT)
		return false;
	snprintf(out, size, "%s",
		 line == LEDGER_COUNT ? "RSS, the sum"
				      : ledger_infos[line].label);
	return true;
}
