/* view_processes.c - the processes to choose from. */
#include "config.h"

#include <string.h>

#include "viewer/format.h"
#include "viewer/view.h"

#define REFRESH_NS UINT64_C(1000000000)

/* Reads the directory again, at most once a second. The cursor stays on its
 * process. */
void
view_processes_open(struct viewer *viewer)
{
	struct list *list = &viewer->lists[VIEW_PROCESSES];
	struct process_entry *entries;
	struct err err;
	size_t count;
	size_t cursor = 0;

	if (viewer->processes_ns &&
	    viewer->now_ns - viewer->processes_ns < REFRESH_NS)
		return;
	viewer->processes_ns = viewer->now_ns ? viewer->now_ns : 1;
	if (!process_list(&entries, &count, &err)) {
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
		return;
	}
	if (list->cursor < viewer->process_count)
		for (size_t i = 0; i < count; i++)
			if (!strcmp(entries[i].path,
				    viewer->processes[list->cursor].path))
				cursor = i;
	process_list_free(viewer->processes, viewer->process_count);
	viewer->processes = entries;
	viewer->process_count = count;
	list->cursor = cursor;
}

static void
head_draw(struct canvas *canvas, int y)
{
	canvas_right(canvas, y, 1, 7, ROLE_HEAD, "PID");
	canvas_right(canvas, y, 9, 9, ROLE_HEAD, "LIVE");
	canvas_right(canvas, y, 19, 7, ROLE_HEAD, "COUNT");
	canvas_text(canvas, y, 28, 8, ROLE_HEAD, "STATE");
	canvas_text(canvas, y, 37, 6, ROLE_HEAD, "PYTHON");
	canvas_text(canvas, y, 45, canvas->width, ROLE_HEAD, "COMMAND");
}

static void
entry_draw(struct canvas *canvas, int y, const struct process_entry *entry)
{
	const struct process *process = &entry->process;
	enum role role = entry->alive ? ROLE_TEXT : ROLE_DIM;
	char text[FORMAT_MAX];
	int room = canvas->width - 46;

	if (entry->problem[0]) {
		const char *name = strrchr(entry->path, '/');

		name = name ? name + 1 : entry->path;
		canvas_format(canvas, y, 1, canvas->width - 2, ROLE_DIM,
			      "%s: %s", name, entry->problem);
		return;
	}
	canvas_format(canvas, y, 1, 7, role, "%7u", process->pid);
	canvas_right(canvas, y, 9, 9, role,
		     format_size(text, entry->live_bytes, false));
	canvas_right(canvas, y, 19, 7, role,
		     format_count(text, entry->live_count));
	canvas_text(canvas, y, 28, 8, entry->alive ? ROLE_ACCENT : ROLE_DIM,
		    process->state ? process->state : "");
	if (process->python)
		canvas_format(canvas, y, 37, 7, role, "%u.%u",
			      process->python >> 24,
			      process->python >> 16 & 255);
	canvas_text(canvas, y, 45, room, role,
		    process->command ? process->command : "");
}

/* Less room than the table needs: the number and the command. */
static void
entry_draw_short(struct canvas *canvas, int y,
		 const struct process_entry *entry)
{
	canvas_format(canvas, y, 0, canvas->width,
		      entry->alive ? ROLE_TEXT : ROLE_DIM, "%u %s",
		      entry->process.pid,
		      entry->process.command ? entry->process.command : "");
}

void
view_processes_draw(struct viewer *viewer, struct box box)
{
	struct canvas *canvas = &viewer->canvas;
	struct list *list = &viewer->lists[VIEW_PROCESSES];
	size_t page = box.height > 1 ? (size_t)box.height - 1 : 0;
	bool table = box.width >= 56;

	list_fit(list, viewer->process_count, page);
	if (!list->count) {
		canvas_text(canvas, box.y, 2, box.width - 2, ROLE_TEXT,
			    "No process is being profiled.");
		canvas_text(canvas, box.y + 1, 2, box.width - 2, ROLE_DIM,
			    "Start one: heaptop run -- COMMAND");
		return;
	}
	if (table)
		head_draw(canvas, box.y);
	else
		canvas_text(canvas, box.y, 0, box.width, ROLE_HEAD,
			    "PID COMMAND");
	for (size_t i = 0; i < page && list->top + i < list->count; i++) {
		size_t line = list->top + i;
		int y = box.y + 1 + (int)i;

		(table ? entry_draw
		       : entry_draw_short)(canvas, y, &viewer->processes[line]);
		if (line == list->cursor)
			canvas_paint(canvas, y, 0, box.width, ROLE_SELECTED);
		zone_add(viewer, y, 0, box.width, ZONE_LINE, line);
	}
}

bool
view_processes_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct process_entry *entry;

	if (line >= viewer->process_count)
		return false;
	entry = &viewer->processes[line];
	snprintf(out, size, "%u %s", entry->process.pid,
		 entry->process.command ? entry->process.command : "");
	return true;
}
