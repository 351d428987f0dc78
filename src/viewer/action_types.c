/* action_types.c - handlers: what the blocks of a row are. */
#include "config.h"

#include "viewer/action.h"
#include "viewer/view.h"

#define WAIT_NS (2 * UINT64_C(1000000000))

void
told_fini(struct told *told)
{
	types_fini(&told->types);
	told->asked_ns = told->told_ns = 0;
	told->problem[0] = '\0';
}

static unsigned
fail(struct viewer *viewer, const char *why)
{
	told_fini(&viewer->told);
	snprintf(viewer->told.problem, sizeof(viewer->told.problem), "%.255s",
		 why);
	return STALE_DRAW;
}

/* Asks for the row whose stacks are in `trace`. */
static unsigned
ask(struct viewer *viewer)
{
	const struct feed *feed = &viewer->feed;
	const struct trace *trace = &viewer->trace;
	struct told *told = &viewer->told;
	struct err err;

	told_fini(told);
	told->ask = (struct types_ask){0};
	types_ask_row(&told->ask, &told->types, viewer->snapshot, trace->sites,
		      trace->count);
	told->types.left_out += trace->all - trace->count;
	if (viewer->newest->merge)
		return fail(viewer, ONE_AT_A_TIME);
	err_set(&err, "nobody can be asked");
	if (!feed->ask_types || !feed->take_types ||
	    !feed->ask_types(feed->context, &told->ask, &err))
		return fail(viewer, err.text);
	told->asked_ns = viewer->now_ns;
	types_follow(viewer);
	return STALE_DRAW;
}

unsigned
types_follow(struct viewer *viewer)
{
	const struct feed *feed = &viewer->feed;
	struct told *told = &viewer->told;
	struct err err;
	int result;

	if (!told->asked_ns)
		return 0;
	result =
	    feed->take_types(feed->context, &told->ask, &told->types, &err);
	if (result < 0)
		return fail(viewer, err.text);
	if (!result && viewer->now_ns - told->asked_ns > WAIT_NS)
		return fail(viewer, "the agent does not answer; the process "
				    "may be stopped");
	if (!result)
		return 0;
	told->asked_ns = 0;
	told->told_ns = viewer->now_ns;
	return STALE_DRAW;
}

unsigned
do_types(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const struct row *row = viewer_row(viewer);

	(void)command, (void)key;
	if (viewer_view(viewer) == VIEW_SITES) {
		if (!row)
			return 0;
		trace_open(viewer, row);
		viewer_pin(viewer);
	}
	viewer_push(viewer, VIEW_TYPES);
	return ask(viewer);
}
