/* calls.c - the lines of the call tree, and what is folded. */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "viewer/view.h"

#define OPEN_SHARE 20 /* a branch begins unfolded from one part in this on */

void
calls_forget(struct calls *calls)
{
	table_clear(&calls->table);
	calls->fold_count = 0;
}

/* Decided at the first look, so that a branch does not fold by itself. */
static struct fold *
fold_of(struct viewer *viewer, uint32_t id)
{
	struct calls *calls = &viewer->trees.calls;
	const struct tree_node *nodes = viewer->trees.tree.nodes;
	uint64_t identity = nodes[id].identity;
	size_t at = table_start(&calls->table, identity);
	uint32_t fold;

	while ((fold = table_next(&calls->table, identity, &at)))
		if (calls->folds[fold - 1].identity == identity)
			return &calls->folds[fold - 1];
	calls->folds = mem_room(calls->folds, &calls->fold_room,
				calls->fold_count, sizeof(*calls->folds));
	calls->folds[calls->fold_count++] = (struct fold){
	    .identity = identity,
	    .open =
		nodes[id].mass && nodes[id].mass >= nodes[0].mass / OPEN_SHARE,
	};
	table_put(&calls->table, identity, (uint32_t)calls->fold_count);
	return &calls->folds[calls->fold_count - 1];
}

static const struct calls_line *
selected(const struct viewer *viewer)
{
	const struct list *list = &viewer->lists[VIEW_CALLS];

	return list->cursor < list->count
		   ? &viewer->trees.calls.lines[list->cursor]
		   : NULL;
}

/* The line of a node, and those of what is unfolded below it are next. A
 * single child is not indented: ways are long. */
static size_t
line_add(struct viewer *viewer, size_t count, uint32_t id, int indent)
{
	struct calls *calls = &viewer->trees.calls;
	const struct tree_node *node = &viewer->trees.tree.nodes[id];

	calls->lines = mem_room(calls->lines, &calls->line_room, count,
				sizeof(*calls->lines));
	calls->lines[count] = (struct calls_line){
	    .node = id,
	    .indent = indent,
	    .folds = node->child,
	    .open = node->child && fold_of(viewer, id)->open,
	    .identity = node->identity,
	};
	return count + 1;
}

/* The node after `id` in the order of the lines, going up where a branch
 * ends; *indent moves along. 0 at the end. */
static uint32_t
next_node(struct viewer *viewer, uint32_t id, bool open, int *indent)
{
	const struct tree_node *nodes = viewer->trees.tree.nodes;

	if (open) {
		*indent += nodes[nodes[id].child].next != 0;
		return nodes[id].child;
	}
	while (id && !nodes[id].next) {
		id = nodes[id].parent;
		/* It has one child only if that is the first and the last. */
		if (id && nodes[nodes[id].child].next)
			(*indent)--;
	}
	return id ? nodes[id].next : 0;
}

void
calls_layout(struct viewer *viewer)
{
	const struct tree *tree = &viewer->trees.tree;
	struct list *list = &viewer->lists[VIEW_CALLS];
	const struct calls_line *was = selected(viewer);
	uint64_t identity = was ? was->identity : 0;
	size_t count = 0;
	int indent = 0;

	for (uint32_t id = tree->count ? tree->nodes[0].child : 0; id;) {
		count = line_add(viewer, count, id, indent);
		id = next_node(viewer, id,
			       viewer->trees.calls.lines[count - 1].open,
			       &indent);
	}
	list_fit(list, count, list->page);
	for (size_t i = 0; i < count; i++)
		if (viewer->trees.calls.lines[i].identity == identity)
			list->cursor = i;
	list_fit(list, count, list->page);
}

void
calls_fold(struct viewer *viewer, bool open)
{
	const struct calls_line *line = selected(viewer);

	if (!line || !line->folds)
		return;
	fold_of(viewer, line->node)->open = open;
	calls_layout(viewer);
}

void
calls_unfold_all(struct viewer *viewer)
{
	const struct tree_node *nodes = viewer->trees.tree.nodes;
	const struct calls_line *line = selected(viewer);
	uint32_t top = line ? line->node : 0;
	uint32_t id = top;

	while (top) {
		fold_of(viewer, id)->open = true;
		if (nodes[id].child) {
			id = nodes[id].child;
			continue;
		}
		while (id != top && !nodes[id].next)
			id = nodes[id].parent;
		if (id == top)
			break;
		id = nodes[id].next;
	}
	calls_layout(viewer);
}
