/* view_help.c - the help screen, from the tables, and the losses. */
#include "config.h"

#include <string.h>

#include "viewer/format.h"
#include "viewer/view.h"

#define KEYS_CELLS  18
#define KEYS_LEAST  10 /* where there is less than KEYS_ROOM */
#define KEYS_ROOM   48
#define TWO_COLUMNS 120
#define HELP_LINES  (COMMAND_ID_COUNT + SECTION_COUNT * 2 + COLUMN_MAX + 4)

/* One line of help: a title, a command or a column; all empty: a gap. */
struct help_line {
	const char *title;
	const struct command *command;
	const struct column_info *column;
};

/* The view that is asked about: the one below the help. */
static enum view_id
help_subject(const struct viewer *viewer)
{
	return viewer->views[viewer->depth > 1 ? viewer->depth - 2 : 0];
}

/* Whether a command belongs to a view, rather than to all of them. */
static bool
is_of_view(const struct command *command, enum view_id view)
{
	const unsigned all = (1u << VIEW_COUNT) - 1;

	return (command->views & 1u << view) && command->views != all &&
	       command->section != SECTION_MOVE;
}

/* What is particular to the view stands first, then everything else. */
static size_t
help_lines(const struct viewer *viewer, struct help_line out[HELP_LINES])
{
	enum view_id view = help_subject(viewer);
	const char *title = views[view].title;
	size_t count = 0;

	out[count++] =
	    (struct help_line){.title = title ? title : "Call sites"};
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++)
		if (is_of_view(&commands[i], view))
			out[count++] =
			    (struct help_line){.command = &commands[i]};
	out[count++] = (struct help_line){0};
	for (int section = 0; section < SECTION_COUNT; section++) {
		out[count++] =
		    (struct help_line){.title = section_titles[section]};
		for (size_t i = 0; i < COMMAND_ID_COUNT; i++)
			if (commands[i].section == (enum section)section &&
			    !is_of_view(&commands[i], view))
				out[count++] =
				    (struct help_line){.command = &commands[i]};
		out[count++] = (struct help_line){0};
	}
	out[count++] = (struct help_line){.title = "Columns"};
	for (int i = 0; i < COLUMN_MAX; i++)
		out[count++] = (struct help_line){.column = &column_infos[i]};
	return count;
}

static void
help_line_draw(struct canvas *canvas, int y, int x, int width,
	       const struct help_line *line)
{
	uint32_t keys[COMMAND_KEYS_MAX];
	size_t count;
	int cells = width < KEYS_ROOM ? KEYS_LEAST : KEYS_CELLS;
	int used = 0;

	if (line->title) {
		canvas_text(canvas, y, x, width, ROLE_TITLE, line->title);
		return;
	}
	if (line->column) {
		canvas_text(canvas, y, x + 2, cells, ROLE_ACCENT,
			    line->column->title);
		canvas_sentence(canvas, y, x + 2 + cells, width - cells - 3,
				ROLE_TEXT, line->column->help);
		return;
	}
	if (!line->command)
		return;
	count = command_keys(line->command, keys);
	for (size_t i = 0; i < count; i++) {
		char name[INPUT_NAME_MAX];
		const char *text = input_name(keys[i], canvas->ascii, name);

		if (used + canvas_width(canvas, text) >= cells)
			break;
		used += canvas_text(canvas, y, x + 2 + used, cells - used,
				    ROLE_ACCENT, text) +
			1;
	}
	canvas_sentence(canvas, y, x + 2 + cells, width - cells - 3, ROLE_TEXT,
			line->command->help);
}

void
view_help_draw(struct viewer *viewer, struct box box)
{
	struct help_line lines[HELP_LINES];
	size_t all = help_lines(viewer, lines);
	bool two = box.width >= TWO_COLUMNS;
	size_t half = two ? (all + 1) / 2 : all;
	struct list *list = &viewer->lists[VIEW_HELP];
	int width = two ? box.width / 2 : box.width;

	/* The right column begins with a section, not within one. */
	while (two && half < all && !lines[half].title)
		half++;
	list_fit(list, half, (size_t)box.height);
	for (int i = 0; i < box.height; i++) {
		size_t left = list->top + (size_t)i;

		if (left < half)
			help_line_draw(&viewer->canvas, box.y + i, 1, width - 1,
				       &lines[left]);
		if (two && half + left < all)
			help_line_draw(&viewer->canvas, box.y + i, width,
				       width - 1, &lines[half + left]);
	}
}

/* Draws text in lines of `width` cells, broken at spaces. Returns how many. */
static int
wrapped(struct canvas *canvas, int y, int x, int width, enum role role,
	const char *text)
{
	int lines = 0;

	while (*text) {
		size_t size = strlen(text);
		char line[512];

		if (size > (size_t)width)
			size = (size_t)width;
		if (size >= sizeof(line))
			size = sizeof(line) - 1;
		if (text[size] && text[size] != ' ')
			for (size_t at = size; at > 0; at--)
				if (text[at] == ' ') {
					size = at;
					break;
				}
		memcpy(line, text, size);
		line[size] = '\0';
		canvas_text(canvas, y + lines, x, width, role, line);
		lines++;
		text += size;
		text += strspn(text, " ");
	}
	return lines;
}

/* What is not as usual, without any loss. Returns the lines it took. */
static int
remarks_draw(struct viewer *viewer, struct box box)
{
	const struct snapshot *snapshot = viewer->snapshot;
	char text[128];

	if (!snapshot || !snapshot->process.live_map)
		return 0;
	snprintf(text, sizeof(text), "live map: %.100s",
		 snapshot->process.live_map);
	return wrapped(&viewer->canvas, box.y, 2,
		       box.width > 8 ? box.width - 4 : 4, ROLE_DIM, text) +
	       1;
}

void
view_losses_draw(struct viewer *viewer, struct box box)
{
	static const char *const nothing =
	    "Nothing was lost: every allocation since the agent started is in "
	    "the totals, with its stack.";
	static const char *const sampled =
	    "Nothing was lost, but the totals are estimates: one block in so "
	    "many bytes on average is recorded. ERROR is one standard error; ~ "
	    "marks growth within two of them, which may be chance.";
	const struct snapshot *snapshot = viewer->snapshot;
	struct canvas *canvas = &viewer->canvas;
	struct list *list = &viewer->lists[VIEW_LOSSES];
	size_t count = snapshot ? snapshot->loss_count : 0;
	int bottom = box.y + box.height;
	int y = box.y + remarks_draw(viewer, box);

	list_fit(list, count, box.height > 3 ? (size_t)box.height / 2 : 1);
	if (!count) {
		wrapped(canvas, y, 2, box.width > 8 ? box.width - 4 : 4,
			ROLE_TEXT,
			!snapshot			? "no totals yet"
			: snapshot_is_sampled(snapshot) ? sampled
							: nothing);
		return;
	}
	for (size_t i = list->top; i < count && y < bottom; i++) {
		const struct loss *loss = &snapshot->losses[i];
		char text[FORMAT_MAX];

		canvas_right(canvas, y, 1, 8, ROLE_WARNING,
			     format_count(text, loss->count));
		y += wrapped(canvas, y, 11, box.width > 20 ? box.width - 12 : 8,
			     ROLE_TEXT, loss->text ? loss->text : loss->name);
	}
}
