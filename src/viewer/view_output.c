/* view_output.c - what the child writes, never over the screen. */
#include "config.h"

#include <string.h>

#include "viewer/view.h"

static const struct output_log *
output(const struct viewer *viewer)
{
	return viewer->host ? viewer->host->output : NULL;
}

void
view_output_open(struct viewer *viewer)
{
	viewer->lists[VIEW_OUTPUT].top = SIZE_MAX; /* the end */
}

/* The end of the list stays in sight when it was, and the lines on screen
 * stay where they are when it was not. */
void
view_output_draw(struct viewer *viewer, struct box box)
{
	const struct output_log *log = output(viewer);
	struct canvas *canvas = &viewer->canvas;
	struct list *list = &viewer->lists[VIEW_OUTPUT];
	bool at_end =
	    list->top + list->page >= list->count || list->top == SIZE_MAX;
	int lines = box.height;

	if (!log) {
		list_fit(list, 0, 0);
		canvas_sentence(canvas, box.y, 2, box.width - 3, ROLE_DIM,
				"Output is kept for programs that were started "
				"by heaptop run.");
		return;
	}
	if (viewer->host->output_path && lines > 4) {
		canvas_format(canvas, box.y, 1, box.width - 2, ROLE_DIM,
			      "all of it: %s", viewer->host->output_path);
		box.y++;
		lines--;
	}
	if (at_end)
		list->top = SIZE_MAX;
	list_fit(list, output_log_count(log), (size_t)lines);
	if (!list->count)
		canvas_text(canvas, box.y, 1, box.width, ROLE_DIM,
			    "it has written nothing yet");
	for (int i = 0; i < lines && list->top + (size_t)i < list->count; i++) {
		canvas_text(canvas, box.y + i, 1, box.width - 1, ROLE_TEXT,
			    output_log_line(log, list->top + (size_t)i));
		canvas_paint_match(canvas, box.y + i, 1, box.width - 1,
				   ROLE_MATCH, viewer->search);
	}
}

bool
view_output_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct output_log *log = output(viewer);

	if (!log || line >= output_log_count(log))
		return false;
	snprintf(out, size, "%s", output_log_line(log, line));
	return true;
}
