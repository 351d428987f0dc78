/* view_setup.c - what the user may change: the screen, then its columns. */
#include "config.h"

#include "viewer/view.h"

/* Where things begin; on a narrow screen all of it further to the left, over
 * the words of the sections. */
enum { NAME = 11, VALUE = 25, HELP = 41, NARROW = 48 };

static int
begin(const struct canvas *canvas, int x)
{
	return canvas->width < NARROW ? x - NAME + 1 : x;
}

/* From x to the end of the line. */
static void
piece(struct canvas *canvas, int y, int x, enum role role, const char *text)
{
	x = begin(canvas, x);
	canvas_text(canvas, y, x, canvas->width - x - 1, role, text);
}

static void
setting_draw(struct viewer *viewer, int y, size_t line)
{
	struct canvas *canvas = &viewer->canvas;
	const struct setup_line *setup = &setup_lines[line];
	char value[SETUP_VALUE_MAX];

	setup->value(viewer, value);
	piece(canvas, y, NAME, ROLE_TEXT, setup->name);
	piece(canvas, y, VALUE, ROLE_ACCENT, value);
	if (canvas_width(canvas, value) < HELP - VALUE &&
	    begin(canvas, HELP) + canvas_width(canvas, setup->help) <
		canvas->width)
		piece(canvas, y, HELP, ROLE_DIM, setup->help);
}

static void
column_draw(struct viewer *viewer, int y, enum column column)
{
	struct canvas *canvas = &viewer->canvas;
	bool on = viewer->choice.on[column];
	int help = begin(canvas, VALUE);

	piece(canvas, y, NAME, on ? ROLE_ACCENT : ROLE_DIM, on ? "[x]" : "[ ]");
	piece(canvas, y, NAME + 4, on ? ROLE_TEXT : ROLE_DIM,
	      column_infos[column].title);
	canvas_sentence(canvas, y, help, canvas->width - help - 1, ROLE_DIM,
			column_infos[column].help);
}

void
view_setup_draw(struct viewer *viewer, struct box box)
{
	struct list *list = &viewer->lists[VIEW_SETUP];
	struct canvas *canvas = &viewer->canvas;

	list_fit(list, SETUP_COUNT + CHOICES, (size_t)box.height);
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++) {
		size_t line = list->top + i;
		int y = box.y + (int)i;

		if (box.width >= NARROW && (!line || line == SETUP_COUNT))
			canvas_text(canvas, y, 1, NAME - 2, ROLE_TITLE,
				    line ? "Columns" : "Screen");
		if (line < SETUP_COUNT)
			setting_draw(viewer, y, line);
		else
			column_draw(viewer, y,
				    viewer->choice.order[line - SETUP_COUNT]);
		if (line == list->cursor)
			canvas_paint(canvas, y, begin(canvas, NAME) - 1,
				     box.width, ROLE_SELECTED);
		zone_add(viewer, y, 0, box.width, ZONE_LINE, line);
	}
}
