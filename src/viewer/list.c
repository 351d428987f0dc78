/* list.c - moving over lines. */
#include "config.h"

#include "viewer/state.h"

void
list_fit(struct list *list, size_t count, size_t page)
{
	size_t last = count ? count - 1 : 0;
	size_t last_top = count > page ? count - page : 0;

	list->count = count;
	list->page = page;
	if (list->scrolls) {
		if (list->top > last_top)
			list->top = last_top;
		list->cursor = list->top;
		return;
	}
	if (list->cursor > last)
		list->cursor = last;
	if (list->top > list->cursor)
		list->top = list->cursor;
	if (page && list->cursor >= list->top + page)
		list->top = list->cursor - page + 1;
	if (list->top > last_top)
		list->top = last_top;
}

static size_t
moved(size_t from, size_t count, size_t page, enum command_id command)
{
	size_t last = count ? count - 1 : 0;

	switch (command) {
	case COMMAND_UP:
		return from ? from - 1 : 0;
	case COMMAND_DOWN:
		return from < last ? from + 1 : last;
	case COMMAND_PAGE_UP:
		return from > page ? from - page : 0;
	case COMMAND_PAGE_DOWN:
		return from + page < last ? from + page : last;
	case COMMAND_LAST:
		return last;
	default:
		return 0;
	}
}

void
list_move(struct list *list, enum command_id command)
{
	size_t page = list->page > 1 ? list->page - 1 : 1;

	if (list->scrolls)
		list->top = moved(list->top, list->count, page, command);
	else
		list->cursor = moved(list->cursor, list->count, page, command);
	list_fit(list, list->count, list->page);
}
