/* action_trees.c - handlers: flame and call tree. */
#include "config.h"

#include "viewer/action.h"
#include "viewer/view.h"

unsigned
do_flame(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct flame *flame = &viewer->trees.flame;
	enum view_id from = viewer_view(viewer);

	(void)command, (void)key;
	if (!viewer->rows) {
		viewer_message(viewer, ROLE_WARNING, "there is no row");
		return STALE_DRAW;
	}
	flame->of_row = from != VIEW_SITES;
	flame->zoom_count = 0;
	viewer->lists[VIEW_FLAME].count = 0;
	viewer_push(viewer, VIEW_FLAME);
	return STALE_TREE | STALE_DRAW;
}

unsigned
do_flame_move(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)key;
	flame_move(
	    viewer,
	    (command == COMMAND_FLAME_DOWN) - (command == COMMAND_FLAME_UP),
	    (command == COMMAND_FLAME_RIGHT) - (command == COMMAND_FLAME_LEFT));
	return STALE_DRAW;
}

unsigned
do_flame_zoom(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	flame_zoom(viewer);
	return STALE_DRAW;
}

unsigned
do_flame_out(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	if (!flame_out(viewer))
		viewer_message(viewer, ROLE_DIM, "this is all");
	return STALE_DRAW;
}

unsigned
do_growth(struct viewer *viewer, enum command_id command, uint32_t key)
{
	bool growth = !viewer->trees.growth;

	(void)command, (void)key;
	viewer->trees.growth = growth;
	viewer_message(viewer, ROLE_ACCENT,
		       growth ? "by what grew or shrank since the mark"
			      : "by live bytes");
	return STALE_TREE | STALE_DRAW;
}

unsigned
do_calls(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	calls_forget(&viewer->trees.calls);
	viewer->lists[VIEW_CALLS].count = 0;
	viewer_push(viewer, VIEW_CALLS);
	return STALE_TREE | STALE_DRAW;
}

unsigned
do_calls_way(struct viewer *viewer, enum command_id command, uint32_t key)
{
	bool callees = !viewer->trees.calls.callees;

	(void)command, (void)key;
	viewer->trees.calls.callees = callees;
	calls_forget(&viewer->trees.calls);
	viewer->lists[VIEW_CALLS].cursor = 0;
	viewer_message(viewer, ROLE_ACCENT,
		       callees ? "from the outermost call inwards"
			       : "from the row to its callers");
	return STALE_TREE | STALE_DRAW;
}

unsigned
do_fold(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct list *list = &viewer->lists[VIEW_CALLS];
	const struct calls_line *lines = viewer->trees.calls.lines;
	const struct tree_node *nodes = viewer->trees.tree.nodes;
	size_t at = list->cursor;

	if (at >= list->count)
		return 0;
	if (command == COMMAND_UNFOLD_ALL) {
		calls_unfold_all(viewer);
	} else if (key == INPUT_LEFT && !lines[at].open) {
		uint32_t parent = nodes[lines[at].node].parent;

		while (at && lines[at].node != parent)
			at--;
		if (lines[at].node == parent)
			list->cursor = at;
		list_fit(list, list->count, list->page);
	} else {
		calls_fold(viewer, command == COMMAND_UNFOLD ||
				       (command == COMMAND_FOLD_TURN &&
					!lines[at].open));
	}
	return STALE_DRAW;
}
