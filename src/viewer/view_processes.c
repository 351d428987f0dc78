/* view_processes.c - the processes to choose from: numbers first, families as
 * trees. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/merge.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define REFRESH_NS UINT64_C(1000000000)
#define INDENT	   2

enum column_id { PID, RSS, LIVE, GROWTH, RATE, KIND, STATE, COLUMNS };

/* Cells with the space before them, and the narrowest screen that has room. */
static const struct {
	const char *title;
	int width;
	int from;
	enum picker_sort sort;
} columns[COLUMNS] = {
    [PID] = {"PID", 8, 0, PICKER_AGE},
    [RSS] = {"RSS", 7, 56, PICKER_RSS},
    [LIVE] = {"LIVE", 7, 0, PICKER_LIVE},
    [GROWTH] = {"+/-", 8, 30, PICKER_GROWTH},
    [RATE] = {"RATE", 9, 64, PICKER_RATE},
    [KIND] = {"KIND", 9, 72, PICKER_SORTS},
    [STATE] = {"STATE", 10, 48, PICKER_SORTS},
};

/* Those that the viewer has seen end: they have left no segment. */
static void
add_gone(struct process_entry **list, size_t *count, const struct merge *merge)
{
	size_t found = *count;

	for (size_t i = 0; i < merge_count(merge); i++) {
		const struct process *process = merge_process(merge, i);
		size_t at = 0;

		while (at < found &&
		       ((*list)[at].process.pid != process->pid ||
			(*list)[at].process.start_ns != process->start_ns))
			at++;
		if (at < found)
			continue;
		*list = mem_grow(*list, *count + 1, sizeof(**list));
		(*list)[*count] = (struct process_entry){
		    .path = mem_string(""),
		    .process = *process,
		    .live_bytes = merge_total(merge, i).size,
		    .live_count = merge_total(merge, i).count,
		};
		(*list)[*count].process.command = mem_string(process->command);
		(*list)[(*count)++].process.exe = mem_string(process->exe);
	}
}

/* The line of a process, 0 when it is not there any more. */
static size_t
find_line(const struct picker *picker, uint32_t pid, uint64_t start_ns)
{
	for (size_t i = 0; i < picker->count; i++) {
		const struct process *process =
		    &picker_entry(picker, i)->process;

		if (process->pid == pid && process->start_ns == start_ns)
			return i;
	}
	return 0;
}

/* Reads the directory again, at most once a second. The cursor stays on its
 * process. */
void
view_processes_open(struct viewer *viewer)
{
	struct list *list = &viewer->lists[VIEW_PROCESSES];
	struct picker *picker = &viewer->picker;
	const struct process_entry *at = picker_entry(picker, list->cursor);
	struct process_entry *entries;
	uint64_t start_ns = at ? at->process.start_ns : 0;
	uint32_t pid = at ? at->process.pid : 0;
	struct err err;
	size_t count;

	if (picker->read_ns && viewer->now_ns - picker->read_ns < REFRESH_NS)
		return;
	if (!process_list(&entries, &count, &err)) {
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
		return;
	}
	if (viewer->newest && viewer->newest->merge)
		add_gone(&entries, &count, viewer->newest->merge);
	picker_take(picker, entries, count,
		    viewer->now_ns ? viewer->now_ns : 1);
	if (at)
		list->cursor = find_line(picker, pid, start_ns);
}

static void
head_draw(struct viewer *viewer, int y, int width)
{
	const struct picker *picker = &viewer->picker;
	struct canvas *canvas = &viewer->canvas;
	int x = 0;

	canvas_fill(canvas, y, 0, width, ROLE_HEAD, " ");
	for (int i = 0; i < COLUMNS; i++) {
		bool sorts = columns[i].sort == picker->sort;
		enum role role = sorts ? ROLE_SORTED : ROLE_HEAD;

		if (width < columns[i].from)
			continue;
		if (i == KIND || i == STATE)
			canvas_text(canvas, y, x + 2, columns[i].width - 2,
				    role, columns[i].title);
		else
			canvas_right(canvas, y, x, columns[i].width, role,
				     columns[i].title);
		if (columns[i].sort < PICKER_SORTS)
			zone_add(viewer, y, x, x + columns[i].width,
				 ZONE_PICKER, columns[i].sort);
		x += columns[i].width;
	}
	x += 2 +
	     canvas_text(canvas, y, x + 2, width - x - 2, ROLE_HEAD, "COMMAND");
	if (*picker->filter)
		canvas_format(canvas, y, x + 2, width - x - 2, ROLE_ACCENT,
			      "with \"%s\"", picker->filter);
}

static void
kind_text(const struct process *process, char out[FORMAT_MAX])
{
	if (process->python)
		snprintf(out, FORMAT_MAX, "py %u.%u", process->python >> 24,
			 process->python >> 16 & 255);
	else
		snprintf(out, FORMAT_MAX, "native");
}

/* The text of a cell; returns its role. */
static enum role
cell_text(const struct process_entry *entry, const struct picker_line *line,
	  int column, char out[FORMAT_MAX])
{
	const struct process *process = &entry->process;
	enum role role = entry->alive ? ROLE_TEXT : ROLE_DIM;

	switch (column) {
	case PID:
		snprintf(out, FORMAT_MAX, "%u", process->pid);
		break;
	case RSS:
		if (entry->alive)
			format_size(out, process->rss_bytes, true);
		else
			snprintf(out, FORMAT_MAX, "-");
		break;
	case LIVE:
		format_size(out, entry->live_bytes, true);
		break;
	case GROWTH:
		format_size_diff(out, line->growth, true);
		return growth_role((double)line->growth);
	case RATE:
		format_rate(out, line->rate, true);
		return growth_role(line->rate);
	case KIND:
		kind_text(process, out);
		return ROLE_DIM;
	case STATE:
		snprintf(out, FORMAT_MAX, "%.20s",
			 process->state ? process->state : "");
		return entry->alive ? ROLE_ACCENT : ROLE_DIM;
	}
	return role;
}

static void
entry_draw(struct canvas *canvas, int y, int width,
	   const struct process_entry *entry, const struct picker_line *line)
{
	enum role role = entry->alive ? ROLE_TEXT : ROLE_DIM;
	char text[FORMAT_MAX];
	int x = 0;

	if (entry->problem[0]) {
		const char *name = strrchr(entry->path, '/');

		name = name ? name + 1 : entry->path;
		canvas_format(canvas, y, 1, width - 2, ROLE_DIM, "%s: %s", name,
			      entry->problem);
		return;
	}
	for (int i = 0; i < COLUMNS; i++) {
		enum role cell;

		if (width < columns[i].from)
			continue;
		cell = cell_text(entry, line, i, text);
		if (i == KIND || i == STATE)
			canvas_text(canvas, y, x + 2, columns[i].width - 2,
				    cell, text);
		else
			canvas_right(canvas, y, x, columns[i].width, cell,
				     text);
		x += columns[i].width;
	}
	x += 2 + INDENT * (int)(line->depth < 8 ? line->depth : 8);
	command_draw(canvas, y, x, width - x, role,
		     entry->process.command ? entry->process.command : "");
}

static void
empty_draw(struct viewer *viewer, struct box box)
{
	struct canvas *canvas = &viewer->canvas;

	if (*viewer->picker.filter) {
		canvas_format(canvas, box.y, 2, box.width - 2, ROLE_DIM,
			      "no process has \"%s\" in its command or PID",
			      viewer->picker.filter);
		return;
	}
	canvas_text(canvas, box.y, 2, box.width - 2, ROLE_TEXT,
		    "No process is being profiled.");
	canvas_text(canvas, box.y + 1, 2, box.width - 2, ROLE_DIM,
		    "Start one: heaptop run -- COMMAND");
}

void
view_processes_draw(struct viewer *viewer, struct box box)
{
	const struct picker *picker = &viewer->picker;
	struct canvas *canvas = &viewer->canvas;
	struct list *list = &viewer->lists[VIEW_PROCESSES];
	size_t page = box.height > 1 ? (size_t)box.height - 1 : 0;

	list_fit(list, picker->count, page);
	if (!list->count) {
		empty_draw(viewer, box);
		return;
	}
	head_draw(viewer, box.y, box.width);
	for (size_t i = 0; i < page && list->top + i < list->count; i++) {
		size_t line = list->top + i;
		int y = box.y + 1 + (int)i;

		entry_draw(canvas, y, box.width, picker_entry(picker, line),
			   &picker->lines[line]);
		line_finish(viewer, list, y, box.width, line);
	}
}

bool
view_processes_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct process_entry *entry = picker_entry(&viewer->picker, line);

	if (!entry)
		return false;
	snprintf(out, size, "%u %s", entry->process.pid,
		 entry->process.command ? entry->process.command : "");
	return true;
}
