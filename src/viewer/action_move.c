/* action_move.c - handlers: where one looks. */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "viewer/action.h"
#include "viewer/view.h"

unsigned
do_move(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)key;
	if (viewer_view(viewer) == VIEW_HISTORY)
		history_move(viewer, command);
	else if (viewer_view(viewer) == VIEW_FLAME &&
		 (command == COMMAND_UP || command == COMMAND_DOWN))
		flame_move(viewer, command == COMMAND_DOWN ? 1 : -1, 0);
	else
		list_move(viewer_list(viewer), command);
	if (viewer_view(viewer) == VIEW_SITES)
		viewer_pin(viewer);
	return STALE_DRAW;
}

static unsigned
open_row(struct viewer *viewer, const struct row *row)
{
	if (!row) {
		viewer_message(viewer, ROLE_WARNING, "there is no row");
		return STALE_DRAW;
	}
	trace_open(viewer, row);
	viewer_push(viewer, VIEW_TRACE);
	return STALE_TRACE | STALE_DRAW;
}

unsigned
do_open(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	return open_row(viewer, viewer_view(viewer) == VIEW_SUSPECTS
				    ? suspects_row(viewer)
				    : viewer_row(viewer));
}

unsigned
do_biggest(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const struct rows *rows = viewer->rows;
	size_t biggest;

	(void)command, (void)key;
	if (!rows || !rows->count)
		return open_row(viewer, NULL);
	biggest = rows_biggest(rows);
	viewer->lists[VIEW_SITES].cursor = biggest;
	viewer_pin(viewer);
	return open_row(viewer, rows_get(rows, biggest));
}

unsigned
do_stack(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct trace *trace = &viewer->trace;

	(void)key;
	if (trace->count < 2) {
		viewer_message(viewer, ROLE_DIM, "there is one stack only");
		return STALE_DRAW;
	}
	if (command == COMMAND_STACK_NEXT)
		trace->shown = (trace->shown + 1) % trace->count;
	else
		trace->shown = (trace->shown + trace->count - 1) % trace->count;
	viewer->lists[VIEW_TRACE].top = 0;
	return STALE_TRACE | STALE_DRAW;
}

unsigned
do_paths(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	viewer->trace.full_paths = !viewer->trace.full_paths;
	viewer->lists[VIEW_TRACE].top = 0;
	return STALE_TRACE | STALE_DRAW;
}

unsigned
do_context(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	viewer->trace.context = !viewer->trace.context;
	viewer->lists[VIEW_TRACE].top = 0;
	return STALE_TRACE | STALE_DRAW;
}

unsigned
do_view(struct viewer *viewer, enum command_id command, uint32_t key)
{
	static const enum view_id targets[COMMAND_ID_COUNT] = {
	    [COMMAND_SUSPECTS] = VIEW_SUSPECTS,
	    [COMMAND_HISTORY] = VIEW_HISTORY,
	    [COMMAND_MARKS] = VIEW_MARKS,
	    [COMMAND_LEDGER] = VIEW_LEDGER,
	    [COMMAND_OUTPUT] = VIEW_OUTPUT,
	    [COMMAND_LOSSES] = VIEW_LOSSES,
	    [COMMAND_PROCESSES] = VIEW_PROCESSES,
	    [COMMAND_SETUP] = VIEW_SETUP,
	    [COMMAND_HELP] = VIEW_HELP,
	};

	if (viewer_view(viewer) == targets[command])
		return do_close(viewer, command, key);
	viewer_push(viewer, targets[command]);
	return STALE_DRAW;
}

unsigned
do_close(struct viewer *viewer, enum command_id command, uint32_t key)
{
	if (viewer_view(viewer) == VIEW_FLAME && key != INPUT_ESCAPE &&
	    flame_out(viewer))
		return STALE_DRAW;
	if (viewer->depth > 1) {
		viewer->depth--;
		return STALE_ROWS | STALE_DRAW;
	}
	if (key == 'q')
		return do_quit(viewer, command, key);
	return 0;
}
