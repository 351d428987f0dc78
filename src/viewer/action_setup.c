/* action_setup.c - handlers: the screen as the user wants it. */
#include "config.h"

#include <string.h>

#include "model/classify.h"
#include "viewer/action.h"
#include "viewer/settings.h"
#include "viewer/view.h"

static void
theme_value(const struct viewer *viewer, char out[SETUP_VALUE_MAX])
{
	snprintf(out, SETUP_VALUE_MAX, "%s", viewer->theme_name);
}

static unsigned
theme_step(struct viewer *viewer, int by)
{
	struct theme_names names;
	size_t at = 0;
	struct err err;

	theme_names(&names);
	while (at < names.count && strcmp(names.names[at], viewer->theme_name))
		at++;
	if (at == names.count) /* a path: on to the first */
		at = by > 0 ? names.count - 1 : 0;
	at = (at + names.count + (size_t)by) % names.count;
	snprintf(viewer->theme_name, sizeof(viewer->theme_name), "%s",
		 names.names[at]);
	if (!theme_load(&viewer->theme, viewer->theme_name, &err))
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
	return STALE_LOOK | STALE_TERMINAL | STALE_DRAW;
}

static void
units_value(const struct viewer *viewer, char out[SETUP_VALUE_MAX])
{
	(void)viewer;
	snprintf(out, SETUP_VALUE_MAX, "%s", unit_names[text_units()]);
}

static unsigned
units_step(struct viewer *viewer, int by)
{
	(void)viewer;
	text_units_set((enum text_units)(
	    (text_units() + TEXT_UNITS_COUNT + by) % TEXT_UNITS_COUNT));
	return STALE_DRAW;
}

static void
delay_value(const struct viewer *viewer, char out[SETUP_VALUE_MAX])
{
	snprintf(out, SETUP_VALUE_MAX, "%g s", viewer->delay_s);
}

static unsigned
delay_step(struct viewer *viewer, int by)
{
	return do_delay_step(viewer, by > 0 ? COMMAND_SLOWER : COMMAND_FASTER,
			     0);
}

static void
characters_value(const struct viewer *viewer, char out[SETUP_VALUE_MAX])
{
	snprintf(out, SETUP_VALUE_MAX, "%s", viewer->ascii ? "ascii" : "utf-8");
}

static unsigned
characters_step(struct viewer *viewer, int by)
{
	(void)by;
	if (viewer->plain) {
		viewer_message(viewer, ROLE_WARNING,
			       "the locale has no characters beyond ASCII");
		return STALE_DRAW;
	}
	viewer->ascii = viewer->canvas.ascii = !viewer->ascii;
	return STALE_DRAW;
}

static void
mouse_value(const struct viewer *viewer, char out[SETUP_VALUE_MAX])
{
	snprintf(out, SETUP_VALUE_MAX, "%s",
		 viewer->no_mouse ? "terminal's" : "heaptop's");
}

static unsigned
mouse_step(struct viewer *viewer, int by)
{
	(void)by;
	viewer->no_mouse = !viewer->no_mouse;
	return STALE_LOOK | STALE_DRAW;
}

static void
libraries_value(const struct viewer *viewer, char out[SETUP_VALUE_MAX])
{
	(void)viewer;
	snprintf(out, SETUP_VALUE_MAX, "%s",
		 *classify_chosen() ? classify_chosen() : "as known");
}

static unsigned
libraries_step(struct viewer *viewer, int by)
{
	(void)by;
	return prompt_libraries(viewer);
}

unsigned
libraries_typed(struct viewer *viewer)
{
	struct err err;

	if (!classify_choose(viewer->prompt.text, &err)) {
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
		return STALE_DRAW;
	}
	if (viewer->snapshot)
		names_reclassify(viewer->snapshot->names);
	return STALE_ROWS | STALE_TRACE | STALE_DRAW;
}

const struct setup_line setup_lines[SETUP_COUNT] = {
    {"Theme", "dark, light, mono, or one of yours", theme_value, theme_step},
    {"Sizes", "iec KiB, si kB, or plain bytes", units_value, units_step},
    {"Update", "every so many seconds", delay_value, delay_step},
    {"Characters", "utf-8, or ascii for old terminals", characters_value,
     characters_step},
    {"Mouse", "for clicks, or left to the terminal", mouse_value, mouse_step},
    {"Libraries", "what else is no code of yours", libraries_value,
     libraries_step},
};

unsigned
do_setup_change(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t line = viewer->lists[VIEW_SETUP].cursor;

	(void)key;
	if (line < SETUP_COUNT)
		return setup_lines[line].step(
		    viewer, command == COMMAND_SETUP_BACK ? -1 : 1);
	choice_toggle(&viewer->choice,
		      viewer->choice.order[line - SETUP_COUNT]);
	return STALE_DRAW;
}

unsigned
do_setup_move(struct viewer *viewer, enum command_id command, uint32_t key)
{
	size_t *line = &viewer->lists[VIEW_SETUP].cursor;

	(void)key;
	if (*line < SETUP_COUNT)
		viewer_message(viewer, ROLE_DIM, "only columns have places");
	else
		*line = SETUP_COUNT +
			choice_move(&viewer->choice, *line - SETUP_COUNT,
				    command == COMMAND_SETUP_LATER);
	return STALE_DRAW;
}

unsigned
do_setup_default(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	choice_init(&viewer->choice, NULL, 0);
	viewer_message(viewer, ROLE_ACCENT, "the columns are heaptop's own");
	return STALE_DRAW;
}

/* As the screen is now. */
static void
settings_of(const struct viewer *viewer, struct viewer_options *out)
{
	const struct query *query = &viewer->query;

	*out = *viewer->options;
	out->delay_s = viewer->delay_s;
	if (!viewer->plain)
		out->ascii = viewer->ascii;
	out->no_mouse = viewer->no_mouse;
	out->theme = viewer->theme_name;
	out->group_by = query->group_by;
	out->inclusive = query->inclusive;
	out->mine = query->mine;
	out->libraries = classify_chosen();
	out->sort_set = viewer->sort_chosen;
	out->sort = query->sort;
	out->ascending = query->ascending;
	out->units = text_units();
	out->column_count =
	    viewer->choice.own ? choice_list(&viewer->choice, out->columns) : 0;
}

unsigned
do_write(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const char *path = viewer->options->config;
	struct viewer_options now;
	struct err err;

	(void)command, (void)key;
	settings_of(viewer, &now);
	if (!path)
		viewer_message(viewer, ROLE_WARNING,
			       "there is no file of settings here: --no-config "
			       "was given, or HOME is not set");
	else if (settings_write(&now, path, &err))
		viewer_message(viewer, ROLE_ACCENT, "written: %s", path);
	else
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
	return STALE_DRAW;
}
