/* view_source.c - source text, with what each line holds at the left. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define WIDE	 110  /* cells from which sizes have their units in full */
#define LINE_MAX 4096 /* bytes of a line that are looked at */

enum { LIVE, GROWTH, COUNT, NUMBERS };
static const struct {
	const char *title;
	int width[2]; /* narrow and wide */
	int from;     /* cells of the screen that it needs to be there */
} numbers[NUMBERS] = {
    [LIVE] = {"LIVE", {7, 11}, 1},
    [GROWTH] = {"GROWTH", {8, 12}, 36},
    [COUNT] = {"COUNT", {6, 9}, 60},
};

static int
number_width(const struct canvas *canvas, int which)
{
	if (canvas->width < numbers[which].from)
		return 0;
	return numbers[which].width[canvas->width >= WIDE];
}

/* Cells of the greatest line number. */
static int
digits_of(const struct listing *listing)
{
	size_t count = listing_count(listing);
	uint32_t last = count ? listing_number(listing, count - 1) : 1;
	int digits = 3;

	for (uint32_t rest = last / 1000; rest; rest /= 10)
		digits++;
	return digits;
}

static void
head_draw(struct viewer *viewer, int y, int digits)
{
	struct canvas *canvas = &viewer->canvas;
	int x = 0;

	canvas_fill(canvas, y, 0, canvas->width, ROLE_HEAD, " ");
	for (int i = 0; i < NUMBERS; i++) {
		int cells = number_width(canvas, i);

		if (cells)
			canvas_right(canvas, y, x, cells, ROLE_HEAD,
				     numbers[i].title);
		x += cells;
	}
	x += digits + 4;
	canvas_text(canvas, y, x, canvas->width - x, ROLE_HEAD,
		    viewer->query.inclusive ? "SOURCE, with callees"
					    : "SOURCE");
}

static enum role
number_text(const struct hot *hot, int which, bool compact,
	    char out[FORMAT_MAX + 1])
{
	switch (which) {
	case LIVE:
		format_size(out, hot->size, compact);
		return hot->size ? ROLE_TEXT : ROLE_DIM;
	case GROWTH:
		if (hot->doubtful)
			*out++ = '~';
		format_size_diff(out, hot->size_diff, compact);
		return growth_role((double)hot->size_diff);
	default:
		format_count(out, hot->count);
		return hot->count ? ROLE_TEXT : ROLE_DIM;
	}
}

/* How hot a line is beside the hottest. */
static enum glyph
heat_of(const struct listing *listing, const struct hot *hot)
{
	double share =
	    listing->most ? (double)hot->size / (double)listing->most : 0;

	return (enum glyph)(GLYPH_BAR_1 + (int)(share * 7));
}

static void
line_draw(struct viewer *viewer, int y, size_t at, int digits)
{
	const struct listing *listing = &viewer->listing;
	uint32_t number = listing_number(listing, at);
	const struct hot *hot = listing_hot(listing, number);
	struct canvas *canvas = &viewer->canvas;
	char text[FORMAT_MAX + 1], line[LINE_MAX];
	int x = 0;

	for (int i = 0; i < NUMBERS; i++) {
		int cells = number_width(canvas, i);

		if (cells && hot) {
			enum role role =
			    number_text(hot, i, canvas->width < WIDE, text);

			canvas_right(canvas, y, x, cells, role, text);
		}
		x += cells;
	}
	if (hot && hot->size)
		canvas_glyph(canvas, y, x + 1, ROLE_ACCENT,
			     heat_of(listing, hot));
	canvas_format(canvas, y, x + 3, digits, hot ? ROLE_LINENO : ROLE_DIM,
		      "%*u", digits, number);
	x += digits + 4;
	listing_text(viewer, number, line, sizeof(line));
	canvas_text(canvas, y, x, canvas->width - x - 1,
		    hot ? ROLE_TEXT : ROLE_SOURCE, line);
	canvas_paint_match(canvas, y, x, canvas->width - x, ROLE_MATCH,
			   viewer->search);
}

/* Why the text may not be what ran, or has no numbers; false: all is well. */
static bool
remark_draw(struct viewer *viewer, int y)
{
	const struct listing *listing = &viewer->listing;
	struct canvas *canvas = &viewer->canvas;
	char clock[TEXT_TIME_MAX];

	if (!listing->there && listing->hot_count)
		canvas_sentence(canvas, y, 1, canvas->width - 2, ROLE_WARNING,
				"the file cannot be read here: only its line "
				"numbers are known");
	else if (listing->newer)
		canvas_format(canvas, y, 1, canvas->width - 2, ROLE_WARNING,
			      "changed at %s, after the program began: lines "
			      "may be others",
			      text_time(clock, listing->changed));
	else if (!listing->hot_count)
		canvas_sentence(canvas, y, 1, canvas->width - 2, ROLE_DIM,
				viewer->query.inclusive
				    ? "no line of it holds memory"
				    : "no line of it holds memory itself; "
				      "i counts what it calls, too");
	return !listing->there || listing->newer || !listing->hot_count;
}

void
view_source_draw(struct viewer *viewer, struct box box)
{
	const struct listing *listing = &viewer->listing;
	struct list *list = &viewer->lists[VIEW_SOURCE];
	int digits = digits_of(listing);

	if (box.height > 2 && remark_draw(viewer, box.y)) {
		box.y++;
		box.height--;
	}
	list_fit(list, listing_count(listing),
		 box.height > 1 ? (size_t)box.height - 1 : 0);
	head_draw(viewer, box.y, digits);
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++) {
		size_t at = list->top + i;
		int y = box.y + 1 + (int)i;

		line_draw(viewer, y, at, digits);
		line_finish(viewer, list, y, box.width, at);
	}
}

bool
view_source_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	if (line >= listing_count(&viewer->listing))
		return false;
	listing_text(viewer, listing_number(&viewer->listing, line), out, size);
	return true;
}
