/* view_frame.c - what is around every view: status line, function bar, menu. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define STATUS_MAX (TEXT_MAX + 48)

const struct view views[VIEW_COUNT] = {
    [VIEW_SITES] = {NULL, view_sites_draw, view_sites_text, NULL},
    [VIEW_TRACE] = {"Traceback", view_trace_draw, view_trace_text, NULL},
    [VIEW_TYPES] = {"Types", view_types_draw, view_types_text, NULL},
    [VIEW_SUSPECTS] = {"Suspects", view_suspects_draw, view_suspects_text,
		       view_suspects_open},
    [VIEW_SOURCE] = {"Source", view_source_draw, view_source_text, NULL},
    [VIEW_HISTORY] = {"History", view_history_draw, NULL, view_history_open},
    [VIEW_MARKS] = {"Marks", view_marks_draw, view_marks_text, view_marks_open},
    [VIEW_LEDGER] = {"Where resident memory is", view_ledger_draw,
		     view_ledger_text, ledger_follow},
    [VIEW_CALLS] = {"Call tree", view_calls_draw, view_calls_text, NULL},
    [VIEW_FLAME] = {"Flame", view_flame_draw, view_flame_text, NULL},
    [VIEW_OUTPUT] = {"Output", view_output_draw, view_output_text,
		     view_output_open},
    [VIEW_HELP] = {"Help", view_help_draw, NULL, NULL},
    [VIEW_LOSSES] = {"What is not counted", view_losses_draw, NULL, NULL},
    [VIEW_PROCESSES] = {"Profiled processes", view_processes_draw,
			view_processes_text, view_processes_open},
    [VIEW_SETUP] = {"Setup", view_setup_draw, NULL, NULL},
};

void
zone_add(struct viewer *viewer, int y, int begin, int end, int kind,
	 size_t value)
{
	struct zone *zone = &viewer->zones[viewer->zone_count];

	if (viewer->zone_count == ZONES_MAX)
		return;
	*zone =
	    (struct zone){.y = y, .begin = begin, .end = end, .value = value};
	zone->kind = kind;
	viewer->zone_count++;
}

void
line_finish(struct viewer *viewer, const struct list *list, int y, int width,
	    size_t line)
{
	if (line == list->cursor)
		canvas_paint(&viewer->canvas, y, 0, width, ROLE_SELECTED);
	zone_add(viewer, y, 0, width, ZONE_LINE, line);
}

/* Draws a piece of the status line and what separates it from the last. */
static int
status_piece(struct canvas *canvas, int y, int x, enum role role,
	     const char *text)
{
	if (x > 1) {
		canvas_glyph(canvas, y, x + 1, ROLE_DIM, GLYPH_DOT);
		x += 3;
	}
	return x + canvas_text(canvas, y, x, canvas->width - x, role, text);
}

static int
status_query(struct viewer *viewer, int y)
{
	static const char *const groups[GROUP_COUNT] = {
	    [GROUP_LINENO] = "by line",
	    [GROUP_FUNCTION] = "by function",
	    [GROUP_FILENAME] = "by file",
	    [GROUP_MODULE] = "by module",
	    [GROUP_TRACEBACK] = "by traceback",
	    [GROUP_DOMAIN] = "by allocator",
	};
	const struct query *query = &viewer->query;
	struct canvas *canvas = &viewer->canvas;
	char text[TEXT_MAX + 16];
	int x = 1;

	x = status_piece(canvas, y, x,
			 query->group_by == GROUP_LINENO ? ROLE_DIM
							 : ROLE_ACCENT,
			 groups[query->group_by]);
	x = status_piece(canvas, y, x,
			 query->inclusive ? ROLE_ACCENT : ROLE_DIM,
			 query->inclusive ? "inclusive" : "own");
	x = status_piece(canvas, y, x, query->mine ? ROLE_ACCENT : ROLE_DIM,
			 query->mine ? "my code" : "all code");
	if (*viewer->filter) {
		snprintf(text, sizeof(text), "filter: %s", viewer->filter);
		x = status_piece(canvas, y, x, ROLE_WARNING, text);
	}
	if (*viewer->search) {
		snprintf(text, sizeof(text), "search: %s", viewer->search);
		x = status_piece(canvas, y, x, ROLE_ACCENT, text);
	}
	return x;
}

/* What was said last, what is wrong, or which lines are shown. */
static enum role
status_text(struct viewer *viewer, char out[STATUS_MAX])
{
	const struct list *list = viewer_list(viewer);
	size_t last = list->top + list->page;

	*out = '\0';
	if (viewer->message[0]) {
		snprintf(out, STATUS_MAX, "%s", viewer->message);
		return viewer->message_role;
	}
	if (viewer->problem[0]) {
		snprintf(out, STATUS_MAX, "%s", viewer->problem);
		return ROLE_WARNING;
	}
	if (list->count && viewer_view(viewer) != VIEW_FLAME)
		snprintf(out, STATUS_MAX, "%zu-%zu of %zu", list->top + 1,
			 last < list->count ? last : list->count, list->count);
	return ROLE_DIM;
}

/* False: what is shown is now. */
static bool
held_text(const struct viewer *viewer, char out[STATUS_MAX])
{
	char age[FORMAT_MAX];
	char clock[TEXT_TIME_MAX];

	if (viewer->past.held_by == HELD_BACK)
		snprintf(out, STATUS_MAX, "AS OF %s  Esc: now",
			 text_time(clock, viewer->snapshot->time_ns) + 11);
	else if (viewer->paused)
		snprintf(
		    out, STATUS_MAX, "PAUSED %s",
		    format_duration(age, viewer->now_ns - viewer->paused_ns));
	else
		return false;
	return true;
}

static void
status_right(struct viewer *viewer, int y, int begin)
{
	struct canvas *canvas = &viewer->canvas;
	int end = canvas->width - 1;
	char text[STATUS_MAX];
	enum role role = status_text(viewer, text);
	int width = canvas_width(canvas, text);

	/* A message may cover what stands there always. */
	if (end - width <= begin + 1 && role == ROLE_DIM)
		width = 0;
	if (width > end - 1)
		width = end - 1;
	if (width && end - width <= begin + 1)
		canvas_fill(canvas, y, end - width - 1, width + 1, ROLE_TEXT,
			    " ");
	canvas_sentence(canvas, y, end - width, width, role, text);
	if (!held_text(viewer, text))
		return;
	end -= width + 2;
	width = canvas_width(canvas, text);
	if (end - width > 0 && end - width <= begin)
		canvas_fill(canvas, y, end - width - 1, width + 1, ROLE_TEXT,
			    " ");
	if (end - width > 0)
		canvas_text(canvas, y, end - width, width, ROLE_WARNING, text);
}

/* Whether the view is about the row of the traceback. */
static bool
is_of_row(const struct viewer *viewer)
{
	enum view_id view = viewer_view(viewer);

	return view == VIEW_TRACE || view == VIEW_TYPES || view == VIEW_CALLS ||
	       (view == VIEW_FLAME && viewer->trees.flame.of_row);
}

void
status_draw(struct viewer *viewer, int y)
{
	const struct view *view = &views[viewer_view(viewer)];
	struct canvas *canvas = &viewer->canvas;
	int x;

	if (view->title)
		x = status_piece(canvas, y, 1, ROLE_TITLE, view->title);
	else
		x = status_query(viewer, y);
	if (is_of_row(viewer) && viewer->trace.title.file) {
		const struct trace_line *title = &viewer->trace.title;
		struct place place = {.file = title->file,
				      .function = title->function,
				      .module = title->module,
				      .line = title->line};

		x = status_piece(canvas, y, x, ROLE_DIM, "");
		x += place_draw(canvas, y, x, canvas->width - x - 18, ROLE_TEXT,
				&place);
	}
	if (viewer_view(viewer) == VIEW_SOURCE) {
		const char *path = viewer->listing.path;
		struct place place = {
		    .file = path ? path : "", .function = "", .module = ""};

		x = status_piece(canvas, y, x, ROLE_DIM, "");
		x += place_draw(canvas, y, x, canvas->width - x - 18, ROLE_TEXT,
				&place);
	}
	status_right(viewer, y, x);
}

static void
prompt_draw(struct viewer *viewer, int y)
{
	static const char *const titles[] = {
	    [PROMPT_SEARCH] = "Search: ",
	    [PROMPT_FILTER] = "Filter: ",
	    [PROMPT_NAME] = "Name of the mark: ",
	    [PROMPT_SAVE] = "Save as: ",
	    [PROMPT_REPLACE] = "It exists; Enter replaces it: ",
	    [PROMPT_LIBRARIES] = "Libraries too (!PATH is yours): ",
	    [PROMPT_DELAY] = "Seconds between updates: ",
	};
	struct canvas *canvas = &viewer->canvas;
	const struct prompt *prompt = &viewer->prompt;
	const char *text = prompt->text;
	int x = 1 + canvas_text(canvas, y, 1, canvas->width, ROLE_BAR_KEY,
				titles[prompt->kind]);

	/* The end of a long text stays in sight. */
	while (*text && canvas_width(canvas, text) > canvas->width - x - 1)
		do
			text++;
		while ((*text & 0xc0) == 0x80);
	x += canvas_text(canvas, y, x, canvas->width - x, ROLE_PROMPT, text);
	canvas->cursor_y = y;
	canvas->cursor_x = x < canvas->width ? x : canvas->width - 1;
}

/* Cells of a command in the bar, with the space behind it. */
static int
bar_width(const struct canvas *canvas, const struct command *command,
	  char name[INPUT_NAME_MAX])
{
	uint32_t keys[COMMAND_KEYS_MAX];

	command_keys(command, keys);
	input_name(keys[0], canvas->ascii, name);
	return canvas_width(canvas, name) + 1 +
	       canvas_width(canvas, command->label) + 2;
}

/* By priority as many as fit whole. */
static void
bar_choose(const struct viewer *viewer, bool shown[COMMAND_ID_COUNT])
{
	enum command_id other =
	    viewer->depth > 1 ? COMMAND_QUIT : COMMAND_CLOSE;
	int room = viewer->canvas.width - 1;
	char name[INPUT_NAME_MAX];

	for (int priority = 1; priority <= PRIORITY_LAST; priority++)
		for (size_t i = 0; i < COMMAND_ID_COUNT; i++) {
			const struct command *command = &commands[i];
			int width;

			if (command->priority != priority ||
			    command->id == other ||
			    !(command->views & 1u << viewer_view(viewer)))
				continue;
			width = bar_width(&viewer->canvas, command, name);
			shown[i] = width - 2 < room;
			room -= shown[i] ? width : 0;
		}
}

void
bar_draw(struct viewer *viewer, int y)
{
	struct canvas *canvas = &viewer->canvas;
	bool shown[COMMAND_ID_COUNT] = {false};
	char name[INPUT_NAME_MAX];
	int x = 1;

	if (viewer->prompt.open) {
		prompt_draw(viewer, y);
		return;
	}
	bar_choose(viewer, shown);
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++) {
		int begin = x;

		if (!shown[i])
			continue;
		bar_width(canvas, &commands[i], name);
		x += canvas_text(canvas, y, x, canvas->width, ROLE_BAR_KEY,
				 name) +
		     1;
		x += canvas_text(canvas, y, x, canvas->width, ROLE_BAR,
				 commands[i].label) +
		     2;
		zone_add(viewer, y, begin, x, ZONE_COMMAND, i);
	}
}

static void
menu_frame(struct canvas *canvas, struct box box, const char *title)
{
	int right = box.x + box.width - 1;
	int bottom = box.y + box.height - 1;
	const char *line = glyph_text(GLYPH_LINE, canvas->ascii);

	for (int y = box.y; y <= bottom; y++)
		canvas_fill(canvas, y, box.x, box.width, ROLE_MENU, " ");
	canvas_fill(canvas, box.y, box.x, box.width, ROLE_DIM, line);
	canvas_fill(canvas, bottom, box.x, box.width, ROLE_DIM, line);
	for (int y = box.y + 1; y < bottom; y++) {
		canvas_glyph(canvas, y, box.x, ROLE_DIM, GLYPH_SIDE);
		canvas_glyph(canvas, y, right, ROLE_DIM, GLYPH_SIDE);
	}
	canvas_glyph(canvas, box.y, box.x, ROLE_DIM, GLYPH_TOP_LEFT);
	canvas_glyph(canvas, box.y, right, ROLE_DIM, GLYPH_TOP_RIGHT);
	canvas_glyph(canvas, bottom, box.x, ROLE_DIM, GLYPH_LOW_LEFT);
	canvas_glyph(canvas, bottom, right, ROLE_DIM, GLYPH_LOW_RIGHT);
	canvas_format(canvas, box.y, box.x + 2, box.width - 4, ROLE_TITLE,
		      " %s ", title);
}

static int
menu_width(const struct canvas *canvas, const struct menu *menu, int *labels)
{
	int helps = 0;

	*labels = 0;
	for (size_t i = 0; i < menu->count; i++) {
		int label = canvas_width(canvas, menu->entries[i].label);
		int help = canvas_width(canvas, menu->entries[i].help);

		*labels = label > *labels ? label : *labels;
		helps = help > helps ? help : helps;
	}
	helps += *labels + 10;
	return helps > canvas_width(canvas, menu->title) + 8
		   ? helps
		   : canvas_width(canvas, menu->title) + 8;
}

static void
menu_line(struct viewer *viewer, struct box at, int y, int labels, size_t line)
{
	const struct menu_entry *entry = &viewer->menu.entries[line];
	struct canvas *canvas = &viewer->canvas;
	int room = at.width - 4;

	canvas_format(canvas, y, at.x + 2, room, ROLE_BAR_KEY, "%c",
		      entry->key ? (char)entry->key : ' ');
	canvas_text(canvas, y, at.x + 4, room - 2, ROLE_MENU, entry->label);
	canvas_sentence(canvas, y, at.x + 6 + labels, room - 4 - labels,
			ROLE_DIM, entry->help);
	if (line == viewer->menu.cursor)
		canvas_paint(canvas, y, at.x + 1, at.width - 2,
			     ROLE_MENU_SELECTED);
	zone_add(viewer, y, at.x + 1, at.x + at.width - 1, ZONE_MENU, line);
}

void
menu_draw(struct viewer *viewer, struct box box)
{
	const struct menu *menu = &viewer->menu;
	struct canvas *canvas = &viewer->canvas;
	struct box at;
	int labels;
	size_t top = 0;

	at.width = menu_width(canvas, menu, &labels);
	at.height = (int)menu->count + 2;
	at.width = at.width < box.width ? at.width : box.width;
	at.height = at.height < box.height ? at.height : box.height;
	at.x = box.x + (box.width - at.width) / 2;
	at.y = box.y + (box.height - at.height) / 2;
	if (at.height < 3) { /* no room for a frame: the chosen entry */
		canvas_fill(canvas, at.y, at.x, at.width, ROLE_MENU_SELECTED,
			    " ");
		canvas_text(canvas, at.y, at.x, at.width, ROLE_MENU_SELECTED,
			    menu->entries[menu->cursor].label);
		return;
	}
	menu_frame(canvas, at, menu->title);
	if (menu->cursor >= (size_t)at.height - 2)
		top = menu->cursor - (size_t)at.height + 3;
	for (size_t i = top; i < menu->count && i - top + 2 < (size_t)at.height;
	     i++)
		menu_line(viewer, at, at.y + 1 + (int)(i - top), labels, i);
}

/* Less than a list: what grew, in the middle. */
static void
tiny_draw(struct viewer *viewer)
{
	struct canvas *canvas = &viewer->canvas;
	char text[64];
	char live[FORMAT_MAX];
	char diff[FORMAT_MAX];
	int width;

	if (!viewer->rows) {
		snprintf(text, sizeof(text), "waiting");
	} else {
		const struct row *total = &viewer->rows->total;

		snprintf(text, sizeof(text), "%s %s",
			 format_size(live, total->size, true),
			 format_size_diff(diff, total->size_diff, true));
		if (canvas_width(canvas, text) > canvas->width)
			snprintf(text, sizeof(text), "%s", live);
	}
	width = canvas_width(canvas, text);
	canvas_text(canvas, canvas->height / 2,
		    width < canvas->width ? (canvas->width - width) / 2 : 0,
		    canvas->width, ROLE_VALUE, text);
}

void
viewer_draw(struct viewer *viewer)
{
	struct canvas *canvas = &viewer->canvas;
	int bar = canvas->height >= 6 || viewer->prompt.open;
	struct box box = {.width = canvas->width};

	canvas_clear(canvas);
	viewer->zone_count = 0;
	if (canvas->height < 3 || canvas->width < 12) {
		tiny_draw(viewer);
		box.height = canvas->height;
	} else {
		box.y = header_draw(viewer, canvas->height);
		if (canvas->height >= 10)
			box.y++;
		box.height = canvas->height - box.y - bar;
		views[viewer_view(viewer)].draw(viewer, box);
		if (canvas->height >= 10)
			status_draw(viewer, box.y - 1);
		if (bar)
			bar_draw(viewer, canvas->height - 1);
	}
	if (viewer->menu.title)
		menu_draw(viewer, box);
}
