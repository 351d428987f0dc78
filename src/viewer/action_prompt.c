/* action_prompt.c - handlers: what is typed, and menus. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "model/classify.h"
#include "viewer/action.h"
#include "viewer/settings.h"
#include "viewer/view.h"

static unsigned
prompt_open(struct viewer *viewer, int kind, const char *text)
{
	struct prompt *prompt = &viewer->prompt;

	prompt->open = true;
	prompt->kind = kind;
	snprintf(prompt->text, sizeof(prompt->text), "%s", text);
	snprintf(prompt->before, sizeof(prompt->before), "%s", text);
	return STALE_DRAW;
}

unsigned
do_filter(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	return prompt_open(viewer, PROMPT_FILTER,
			   viewer_view(viewer) == VIEW_PROCESSES
			       ? viewer->picker.filter
			       : viewer->filter);
}

unsigned
do_search(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command;
	/* As in htop, the key that opened the search goes on with it. */
	if (key == INPUT_F3 && viewer->search[0])
		return do_search_step(viewer, COMMAND_SEARCH_NEXT, key);
	return prompt_open(viewer, PROMPT_SEARCH, "");
}

unsigned
prompt_name(struct viewer *viewer, const char *name)
{
	return prompt_open(viewer, PROMPT_NAME, name);
}

unsigned
prompt_libraries(struct viewer *viewer)
{
	return prompt_open(viewer, PROMPT_LIBRARIES, classify_chosen());
}

unsigned
prompt_save(struct viewer *viewer, const char *path)
{
	return prompt_open(viewer, PROMPT_SAVE, path);
}

unsigned
do_delay(struct viewer *viewer, enum command_id command, uint32_t key)
{
	char text[32];

	(void)command, (void)key;
	snprintf(text, sizeof(text), "%g", viewer->delay_s);
	return prompt_open(viewer, PROMPT_DELAY, text);
}

/* Moves to the first line at or after `from` that has the text. */
static bool
search_from(struct viewer *viewer, size_t from, bool back)
{
	const struct view *view = &views[viewer_view(viewer)];
	struct list *list = viewer_list(viewer);
	char text[4096];

	if (!view->text || !list->count || !viewer->search[0])
		return false;
	for (size_t i = 0; i < list->count; i++) {
		size_t at = back ? from + list->count - i : from + i;

		at %= list->count;
		if (!view->text(viewer, at, text, sizeof(text)) ||
		    !strcasestr(text, viewer->search))
			continue;
		if (list->scrolls)
			list->top = at;
		list->cursor = at;
		list_fit(list, list->count, list->page);
		if (viewer_view(viewer) == VIEW_SITES)
			viewer_pin(viewer);
		return true;
	}
	return false;
}

static void
search_failed(struct viewer *viewer)
{
	bool hidden =
	    viewer_view(viewer) == VIEW_FLAME && flame_found(viewer) > 0;

	viewer_message(viewer, ROLE_WARNING,
		       hidden ? "not in sight, try another zoom: %s"
			      : "not found: %s",
		       viewer->search);
}

unsigned
do_search_step(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct list *list = viewer_list(viewer);
	bool back = command == COMMAND_SEARCH_PREVIOUS;
	size_t at = list->scrolls ? list->top : list->cursor;

	(void)key;
	if (!viewer->search[0])
		return do_search(viewer, COMMAND_SEARCH, '/');
	if (list->count)
		at = (at + (back ? list->count - 1 : 1)) % list->count;
	if (!search_from(viewer, at, back))
		search_failed(viewer);
	return STALE_DRAW;
}

/* What has been typed so far takes effect at once. */
static unsigned
prompt_changed(struct viewer *viewer)
{
	struct prompt *prompt = &viewer->prompt;
	struct list *list = viewer_list(viewer);

	switch (prompt->kind) {
	case PROMPT_FILTER:
		if (viewer_view(viewer) == VIEW_PROCESSES) {
			snprintf(viewer->picker.filter,
				 sizeof(viewer->picker.filter), "%.127s",
				 prompt->text);
			picker_arrange(&viewer->picker);
			return STALE_DRAW;
		}
		memcpy(viewer->filter, prompt->text, sizeof(viewer->filter));
		return STALE_ROWS | STALE_DRAW;
	case PROMPT_SEARCH:
		memcpy(viewer->search, prompt->text, sizeof(viewer->search));
		search_from(viewer, list->scrolls ? list->top : list->cursor,
			    false);
		return STALE_DRAW;
	case PROMPT_REPLACE:
		prompt->kind = PROMPT_SAVE;
		break;
	case PROMPT_SAVE:
	case PROMPT_LIBRARIES:
	case PROMPT_DELAY:
	case PROMPT_NAME:
		break;
	}
	return STALE_DRAW;
}

static unsigned
prompt_done(struct viewer *viewer)
{
	struct prompt *prompt = &viewer->prompt;
	struct err err;

	if (prompt->kind == PROMPT_SAVE || prompt->kind == PROMPT_REPLACE)
		return save_typed(viewer);
	prompt->open = false;
	if (prompt->kind == PROMPT_SEARCH && viewer->search[0] &&
	    !search_from(viewer, viewer_list(viewer)->cursor, false))
		search_failed(viewer);
	if (prompt->kind == PROMPT_NAME && prompt->text[0])
		past_name(viewer, viewer->lists[VIEW_MARKS].cursor,
			  prompt->text);
	if (prompt->kind == PROMPT_LIBRARIES)
		return libraries_typed(viewer);
	if (prompt->kind != PROMPT_DELAY)
		return STALE_ROWS | STALE_DRAW;
	if (!delay_parse(prompt->text, &viewer->delay_s, &err))
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
	return STALE_DRAW;
}

static unsigned
prompt_cancel(struct viewer *viewer)
{
	struct prompt *prompt = &viewer->prompt;

	prompt->open = false;
	memcpy(prompt->text, prompt->before, sizeof(prompt->text));
	return prompt_changed(viewer);
}

static size_t
utf8_put(uint32_t code, char out[5])
{
	if (code < 0x80)
		return (size_t)snprintf(out, 5, "%c", (char)code);
	if (code < 0x800)
		return (size_t)snprintf(out, 5, "%c%c",
					(char)(0xc0 | code >> 6),
					(char)(0x80 | (code & 63)));
	if (code < 0x10000)
		return (size_t)snprintf(out, 5, "%c%c%c",
					(char)(0xe0 | code >> 12),
					(char)(0x80 | (code >> 6 & 63)),
					(char)(0x80 | (code & 63)));
	return (size_t)snprintf(out, 5, "%c%c%c%c", (char)(0xf0 | code >> 18),
				(char)(0x80 | (code >> 12 & 63)),
				(char)(0x80 | (code >> 6 & 63)),
				(char)(0x80 | (code & 63)));
}

static void
erase_character(char *text)
{
	size_t size = strlen(text);

	while (size > 0 && ((unsigned char)text[--size] & 0xc0) == 0x80)
		;
	text[size] = '\0';
}

static void
erase_word(char *text)
{
	size_t size = strlen(text);

	while (size > 0 && text[size - 1] == ' ')
		size--;
	while (size > 0 && text[size - 1] != ' ')
		size--;
	text[size] = '\0';
}

unsigned
prompt_key(struct viewer *viewer, uint32_t key)
{
	struct prompt *prompt = &viewer->prompt;
	size_t size = strlen(prompt->text);
	char code[5];
	size_t bytes;

	switch (key) {
	case INPUT_ENTER:
		return prompt_done(viewer);
	case INPUT_ESCAPE:
	case 3: /* C-c */
		return prompt_cancel(viewer);
	case INPUT_BACKSPACE:
		if (!size)
			return prompt_cancel(viewer);
		erase_character(prompt->text);
		return prompt_changed(viewer);
	case 21: /* C-u */
		prompt->text[0] = '\0';
		return prompt_changed(viewer);
	case 23: /* C-w */
		erase_word(prompt->text);
		return prompt_changed(viewer);
	}
	if (key < ' ' || key >= INPUT_BASE)
		return 0;
	bytes = utf8_put(key, code);
	if (size + bytes < sizeof(prompt->text))
		memcpy(prompt->text + size, code, bytes + 1);
	return prompt_changed(viewer);
}

static unsigned
menu_choose(struct viewer *viewer, size_t entry)
{
	struct menu *menu = &viewer->menu;

	menu->title = NULL;
	return menu->choose(viewer, menu->entries[entry].value) | STALE_DRAW;
}

unsigned
menu_key(struct viewer *viewer, uint32_t key)
{
	struct menu *menu = &viewer->menu;

	switch (key) {
	case INPUT_UP:
	case INPUT_WHEEL_UP:
	case 'k':
		menu->cursor = (menu->cursor + menu->count - 1) % menu->count;
		return STALE_DRAW;
	case INPUT_DOWN:
	case INPUT_WHEEL_DOWN:
	case 'j':
		menu->cursor = (menu->cursor + 1) % menu->count;
		return STALE_DRAW;
	case INPUT_HOME:
	case 'g':
		menu->cursor = 0;
		return STALE_DRAW;
	case INPUT_END:
	case 'G':
		menu->cursor = menu->count - 1;
		return STALE_DRAW;
	case INPUT_ENTER:
		return menu_choose(viewer, menu->cursor);
	}
	for (size_t i = 0; i < menu->count; i++)
		if (key && key == menu->entries[i].key)
			return menu_choose(viewer, i);
	if (key == INPUT_ESCAPE || key == 'q' || key == 3) {
		menu->title = NULL;
		return STALE_DRAW;
	}
	return 0;
}
