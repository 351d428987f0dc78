/* view_types.c - what the blocks of a row are, by Python type. */
#include "config.h"

#include <string.h>

#include "viewer/figures.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define GAP 2 /* cells between the numbers and the names */

enum { SIZE, SHARE, COUNT, AVERAGE, COLUMNS };
static const struct figure columns[COLUMNS] = {
    [SIZE] = {"LIVE", {7, 11}},
    [SHARE] = {"%", {5, 6}},
    [COUNT] = {"COUNT", {7, 8}},
    [AVERAGE] = {"AVG", {7, 11}},
};
static const struct figures figures = {columns, COLUMNS, 100};

static const char *
remark(const struct type_total *total)
{
	switch (total->kind) {
	case TYPE_BUFFER:
		return "of objects: list items, dict keys";
	case TYPE_KEPT:
		return "dead objects, kept for new ones";
	case TYPE_OTHERS:
		return "not told apart";
	case TYPE_OBJECT:
	case TYPE_DOMAIN:
		break;
	}
	return "";
}

static void
total_draw(struct viewer *viewer, int y, const struct type_total *total,
	   uint64_t all)
{
	struct canvas *canvas = &viewer->canvas;
	bool compact = !figures_wide(&figures, canvas);
	double share = all ? (double)total->size / (double)all : 0;
	int begin = figures_width(&figures, canvas) + GAP;
	int x = begin;
	char text[FORMAT_MAX];

	figure_draw(&figures, canvas, y, SIZE, ROLE_TEXT,
		    format_size(text, total->size, compact));
	figure_draw(&figures, canvas, y, SHARE, share_role(share),
		    format_percent(text, share));
	figure_draw(&figures, canvas, y, COUNT, ROLE_TEXT,
		    format_count(text, total->count));
	figure_draw(&figures, canvas, y, AVERAGE, ROLE_DIM,
		    format_size(text, total->size / total->count, compact));
	x += canvas_text(canvas, y, x, canvas->width - x,
			 total->kind == TYPE_OBJECT ? ROLE_FUNCTION : ROLE_TEXT,
			 types_label(viewer->snapshot->names, total));
	canvas_sentence(canvas, y, x + 2, canvas->width - x - 3, ROLE_DIM,
			remark(total));
	canvas_paint_match(canvas, y, begin, canvas->width, ROLE_MATCH,
			   viewer->search);
}

/* How far the numbers may be believed. */
static void
note_draw(struct viewer *viewer, int y)
{
	const struct told *told = &viewer->told;
	struct canvas *canvas = &viewer->canvas;
	char text[TEXT_MAX] = "every block was looked into";
	char count[FORMAT_MAX];

	if (told->types.every > 1)
		snprintf(text, sizeof(text), "estimated from one block in %s",
			 format_count(count, told->types.every));
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "; %s ago",
		 format_duration(count, viewer->now_ns - told->told_ns));
	if (told->types.left_out)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "; without %s small stacks",
			 format_count(count, told->types.left_out));
	if (told->types.part)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "; time was up before all was searched");
	canvas_sentence(canvas, y, 1, canvas->width - 1, ROLE_DIM, text);
}

static void
line_draw(struct viewer *viewer, struct box box, enum role role,
	  const char *text)
{
	canvas_sentence(&viewer->canvas, box.y + (box.height > 2), box.x + 2,
			box.width - 3, role, text);
}

void
view_types_draw(struct viewer *viewer, struct box box)
{
	const struct told *told = &viewer->told;
	struct list *list = &viewer->lists[VIEW_TYPES];
	bool noted = box.height >= 6;
	uint64_t all = 0;

	list_fit(list, told->told_ns ? told->types.count : 0,
		 box.height > 1 + noted ? (size_t)(box.height - 1 - noted) : 0);
	if (told->problem[0])
		line_draw(viewer, box, ROLE_WARNING, told->problem);
	else if (!told->told_ns)
		line_draw(viewer, box, ROLE_DIM,
			  told->asked_ns ? "asking the agent" : "y asks");
	else if (!told->types.count)
		line_draw(viewer, box, ROLE_DIM, "none of its blocks is live");
	if (!list->count)
		return;
	for (size_t i = 0; i < list->count; i++)
		all += told->types.totals[i].size;
	figures_head(&figures, &viewer->canvas, box.y, SIZE, GAP, "TYPE");
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++)
		total_draw(viewer, box.y + 1 + (int)i,
			   &told->types.totals[list->top + i], all);
	if (noted)
		note_draw(viewer, box.y + box.height - 1);
}

bool
view_types_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct told *told = &viewer->told;

	if (!told->told_ns || line >= told->types.count)
		return false;
	snprintf(
	    out, size, "%s",
	    types_label(viewer->snapshot->names, &told->types.totals[line]));
	return true;
}
