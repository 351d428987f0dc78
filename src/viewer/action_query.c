/* action_query.c - handlers: what is asked of the model. */
#include "config.h"

#include <string.h>

#include "viewer/action.h"
#include "viewer/view.h"

static unsigned
sort_by(struct viewer *viewer, enum column column)
{
	viewer->query.sort = column;
	viewer->query.ascending = column == COLUMN_SITE;
	viewer->sort_chosen = true;
	return STALE_ROWS | STALE_DRAW;
}

unsigned
do_sort_step(struct viewer *viewer, enum command_id command, uint32_t key)
{
	enum column columns[COLUMN_MAX];
	size_t count = sites_columns(viewer, viewer->canvas.width, columns);
	size_t at = 0;

	(void)key;
	while (at < count && columns[at] != viewer->query.sort)
		at++;
	if (command == COMMAND_SORT_NEXT)
		at = at + 1 < count ? at + 1 : 0;
	else
		at = at > 0 ? at - 1 : count - 1;
	return sort_by(viewer, columns[at]);
}

unsigned
do_sort_digit(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command;
	return sort_by(viewer, (enum column)(key - '1'));
}

static unsigned
choose_sort(struct viewer *viewer, int value)
{
	return sort_by(viewer, (enum column)value);
}

static void
menu_add(struct menu *menu, const char *label, const char *help, int value,
	 bool current)
{
	struct menu_entry *entry = &menu->entries[menu->count];

	*entry =
	    (struct menu_entry){.label = label, .help = help, .value = value};
	entry->key = menu->count < 9 ? '1' + (uint32_t)menu->count : 0;
	if (current)
		menu->cursor = menu->count;
	menu->count++;
}

unsigned
do_sort_menu(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct menu *menu = &viewer->menu;

	(void)command, (void)key;
	*menu = (struct menu){.title = "Sort by", .choose = choose_sort};
	for (int i = 0; i < COLUMN_MAX; i++)
		if (i != COLUMN_PROCESSES ||
		    (viewer->snapshot && viewer->snapshot->merge))
			menu_add(menu, column_infos[i].title,
				 column_infos[i].help, i,
				 viewer->query.sort == (enum column)i);
	return STALE_DRAW;
}
_Static_assert(COLUMN_MAX >= 9, "each digit has its column");
_Static_assert(COLUMN_MAX <= MENU_MAX, "every column has its menu entry");

unsigned
do_invert(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	viewer->query.ascending = !viewer->query.ascending;
	return STALE_ROWS | STALE_DRAW;
}

static unsigned
group_set(struct viewer *viewer, int group)
{
	viewer->query.group_by = (enum group)group;
	viewer->pinned = false;
	return STALE_ROWS | STALE_DRAW;
}

unsigned
do_group(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	return group_set(viewer,
			 ((int)viewer->query.group_by + 1) % GROUP_COUNT);
}

unsigned
do_group_menu(struct viewer *viewer, enum command_id command, uint32_t key)
{
	static const struct {
		const char *label;
		const char *help;
	} groups[GROUP_COUNT] = {
	    [GROUP_LINENO] = {"line", "file and line"},
	    [GROUP_FUNCTION] = {"function", "function and file"},
	    [GROUP_FILENAME] = {"file", "source file"},
	    [GROUP_MODULE] = {"module", "library, or Python file"},
	    [GROUP_TRACEBACK] = {"traceback", "the whole stack"},
	    [GROUP_DOMAIN] = {"allocator", "malloc, pymem, mmap"},
	};
	struct menu *menu = &viewer->menu;

	(void)command, (void)key;
	*menu = (struct menu){.title = "Group by", .choose = group_set};
	for (int i = 0; i < GROUP_COUNT; i++)
		menu_add(menu, groups[i].label, groups[i].help, i,
			 viewer->query.group_by == (enum group)i);
	return STALE_DRAW;
}

unsigned
do_inclusive(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	viewer->query.inclusive = !viewer->query.inclusive;
	viewer_message(viewer, ROLE_ACCENT,
		       viewer->query.inclusive
			   ? "inclusive: a row counts what it calls, too"
			   : "own: a row counts its own blocks only");
	return STALE_ROWS | STALE_DRAW;
}

unsigned
do_mine(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	viewer->query.mine = !viewer->query.mine;
	viewer_message(viewer, ROLE_ACCENT,
		       viewer->query.mine
			   ? "libraries are charged to their caller"
			   : "all code");
	return STALE_ROWS | STALE_DRAW;
}

unsigned
do_clear(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	if (viewer->message[0])
		viewer->message[0] = '\0';
	if (viewer->search[0])
		viewer->search[0] = '\0';
	else if (viewer->filter[0])
		viewer->filter[0] = '\0';
	else if (viewer->past.held_by == HELD_BACK)
		past_return(viewer);
	return STALE_ROWS | STALE_DRAW;
}
