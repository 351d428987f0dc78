/* action_family.c - handlers: which process, or a whole family of them. */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/merge.h"
#include "model/shares.h"
#include "viewer/action.h"
#include "viewer/view.h"

#define HINT_NS (2 * UINT64_C(1000000000)) /* between two looks */

/* Shows a source, which is the viewer's from now on; NULL says why not. */
static unsigned
show(struct viewer *viewer, struct source *source, const struct err *err)
{
	if (!source) {
		viewer_message(viewer, ROLE_WARNING, "%s", err->text);
		return STALE_DRAW;
	}
	viewer_set_feed(viewer, feed_source(source));
	if (viewer->picked)
		source_close(viewer->picked);
	viewer->picked = source;
	viewer->views[0] = VIEW_SITES;
	viewer->depth = 1;
	return viewer_refresh(viewer) | STALE_ROWS | STALE_TERMINAL;
}

unsigned
do_choose(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const struct process_entry *entry =
	    picker_entry(&viewer->picker, viewer->lists[VIEW_PROCESSES].cursor);
	struct err err;

	(void)command, (void)key;
	if (!entry)
		return 0;
	if (!*entry->path) {
		viewer_message(viewer, ROLE_WARNING,
			       "process %u has ended and left nothing to show",
			       entry->process.pid);
		return STALE_DRAW;
	}
	return show(viewer, source_open_segment(entry->path, &err), &err);
}

/* Of those that are shown as one: which has most of the selected row. */
static uint32_t
biggest_pid(struct viewer *viewer)
{
	const struct snapshot *snapshot = viewer->newest;
	const struct row *row = viewer_row(viewer);
	uint32_t pid = snapshot->process.pid;
	struct shares shares = {0};

	if (row)
		shares_make(&shares, viewer->engine, snapshot, NULL, row);
	if (shares.count)
		pid =
		    merge_process(snapshot->merge, shares.each[0].member)->pid;
	shares_fini(&shares);
	return pid;
}

static unsigned
show_family(struct viewer *viewer, uint32_t pid)
{
	struct err err;
	struct source *source = source_open_family(pid, &err);

	if (source && merge_count(source_snapshot(source)->merge) < 2) {
		source_close(source);
		viewer_message(viewer, ROLE_DIM,
			       "process %u has forked none that is profiled",
			       pid);
		return STALE_DRAW;
	}
	return show(viewer, source, &err);
}

unsigned
do_family(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const struct process_entry *entry =
	    picker_entry(&viewer->picker, viewer->lists[VIEW_PROCESSES].cursor);
	struct err err;

	(void)command, (void)key;
	if (viewer_view(viewer) == VIEW_PROCESSES)
		return entry ? show_family(viewer, entry->process.pid) : 0;
	if (!viewer->newest || !viewer->newest->process.pid)
		return 0;
	if (viewer->newest->merge)
		return show(viewer, source_open_pid(biggest_pid(viewer), &err),
			    &err);
	return show_family(viewer, viewer->newest->process.pid);
}

unsigned
picker_sort_by(struct viewer *viewer, enum picker_sort sort)
{
	viewer->picker.sort = sort;
	picker_arrange(&viewer->picker);
	viewer->lists[VIEW_PROCESSES].cursor = 0;
	return STALE_DRAW;
}

unsigned
do_picker_sort(struct viewer *viewer, enum command_id command, uint32_t key)
{
	static const char *const words[PICKER_SORTS] = {
	    "live bytes", "growth", "growth a second", "RSS", "age"};
	enum picker_sort sort =
	    (enum picker_sort)((viewer->picker.sort + 1) % PICKER_SORTS);

	(void)command, (void)key;
	viewer_message(viewer, ROLE_DIM, "sorted by %s", words[sort]);
	return picker_sort_by(viewer, sort);
}

/* Says once that what is shown is not all that runs. */
void
family_hint(struct viewer *viewer)
{
	const struct snapshot *snapshot = viewer->newest;
	struct process_entry *list;
	struct err ignored;
	size_t count, own = 0, members = 0;
	bool *in;

	if (viewer->family_told || !viewer->feed.resolves || !snapshot ||
	    snapshot->merge || !snapshot->process.alive ||
	    viewer->now_ns - viewer->family_ns < HINT_NS)
		return;
	viewer->family_ns = viewer->now_ns;
	if (!process_list(&list, &count, &ignored))
		return;
	in = mem_array(count, sizeof(*in));
	while (own < count &&
	       (list[own].process.pid != snapshot->process.pid ||
		list[own].process.start_ns != snapshot->process.start_ns))
		own++;
	if (own < count)
		process_family(list, count, own, in);
	for (size_t i = 0; i < count; i++)
		members += in[i] && list[i].alive;
	free(in);
	process_list_free(list, count);
	if (members < 2)
		return;
	viewer->family_told = true;
	viewer_message(viewer, ROLE_ACCENT,
		       "one of %zu processes: K shows them as one", members);
}
