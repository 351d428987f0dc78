/* flame.c - the boxes of the flame view, and moving among them. */
#include "config.h"

#include <math.h>

#include "base/mem.h"
#include "viewer/view.h"

const struct flame_box *
flame_selected(const struct viewer *viewer)
{
	const struct list *list = &viewer->lists[VIEW_FLAME];

	return list->cursor < list->count
		   ? &viewer->trees.flame.boxes[list->cursor]
		   : NULL;
}

static void
box_add(struct viewer *viewer, size_t *count, uint32_t node, int begin, int end)
{
	struct flame *flame = &viewer->trees.flame;
	const struct tree_node *of = &viewer->trees.tree.nodes[node];

	flame->boxes = mem_room(flame->boxes, &flame->box_room, *count,
				sizeof(*flame->boxes));
	flame->boxes[(*count)++] = (struct flame_box){.node = node,
						      .depth = (int)of->depth,
						      .begin = begin,
						      .end = end,
						      .identity = of->identity};
	flame->depth = (int)of->depth;
}

/* The boxes below one: each begins where the share of those before it ends. */
static void
children_add(struct viewer *viewer, size_t *count, struct flame_box box)
{
	const struct tree_node *nodes = viewer->trees.tree.nodes;
	double mass = (double)nodes[box.node].mass;
	double width = box.end - box.begin;
	double before = 0;

	for (uint32_t id = nodes[box.node].child; id && mass > 0;
	     id = nodes[id].next) {
		int begin = box.begin + (int)lround(before / mass * width);
		int end;

		before += (double)nodes[id].mass;
		end = box.begin + (int)lround(before / mass * width);
		if (end > begin)
			box_add(viewer, count, id, begin, end);
	}
}

/* From the root to the node, each as wide as the screen. */
static void
way_add(struct viewer *viewer, size_t *count, uint32_t node)
{
	if (node)
		way_add(viewer, count, viewer->trees.tree.nodes[node].parent);
	box_add(viewer, count, node, 0, viewer->canvas.width);
}

/* What is zoomed into; what is gone from the tree is left. */
static uint32_t
zoom_node(struct viewer *viewer)
{
	struct flame *flame = &viewer->trees.flame;
	uint32_t node = 0;

	while (flame->zoom_count &&
	       !(node = tree_find(&viewer->trees.tree,
				  flame->zooms[flame->zoom_count - 1])))
		flame->zoom_count--;
	return node;
}

/* The cursor goes to the box of an identity, or of the nearest call that is
 * drawn. */
static void
select_identity(struct viewer *viewer, uint64_t identity)
{
	struct list *list = &viewer->lists[VIEW_FLAME];
	const struct flame_box *boxes = viewer->trees.flame.boxes;
	const struct tree *tree = &viewer->trees.tree;
	uint32_t node = tree_find(tree, identity);

	for (;; node = tree->nodes[node].parent) {
		for (size_t i = 0; i < list->count; i++)
			if (boxes[i].node == node) {
				list->cursor = i;
				return;
			}
		if (!node)
			break;
	}
	list->cursor = 0;
}

void
flame_layout(struct viewer *viewer)
{
	struct flame *flame = &viewer->trees.flame;
	struct list *list = &viewer->lists[VIEW_FLAME];
	const struct flame_box *selected = flame_selected(viewer);
	uint64_t identity = selected ? selected->identity : 0;
	size_t count = 0;

	if (!viewer->trees.tree.count) {
		list_fit(list, 0, 0);
		return;
	}
	flame->depth = 0;
	way_add(viewer, &count, zoom_node(viewer));
	for (size_t i = count - 1; i < count; i++)
		children_add(viewer, &count, flame->boxes[i]);
	list->count = count;
	select_identity(viewer, identity);
	list_fit(list, count, count);
}

void
flame_zoom(struct viewer *viewer)
{
	struct flame *flame = &viewer->trees.flame;
	const struct flame_box *selected = flame_selected(viewer);
	const struct tree *tree = &viewer->trees.tree;

	if (!selected)
		return;
	/* Those that lie inwards of it are no way back. */
	while (flame->zoom_count) {
		uint64_t last = flame->zooms[flame->zoom_count - 1];

		if ((int)tree->nodes[tree_find(tree, last)].depth <
		    selected->depth)
			break;
		flame->zoom_count--;
	}
	if (selected->node && flame->zoom_count < FLAME_ZOOMS_MAX)
		flame->zooms[flame->zoom_count++] = selected->identity;
	flame_layout(viewer);
}

bool
flame_out(struct viewer *viewer)
{
	if (!viewer->trees.flame.zoom_count)
		return false;
	viewer->trees.flame.zoom_count--;
	flame_layout(viewer);
	return true;
}

/* Whether a box lies where one wants to go; the first of them is taken. */
static bool
lies_there(const struct viewer *viewer, const struct flame_box *box,
	   const struct flame_box *from, int down)
{
	const struct tree_node *nodes = viewer->trees.tree.nodes;

	if (down < 0)
		return from->node && box->node == nodes[from->node].parent;
	if (down > 0)
		return box->node && nodes[box->node].parent == from->node;
	return box->depth == from->depth;
}

void
flame_move(struct viewer *viewer, int down, int right)
{
	struct list *list = &viewer->lists[VIEW_FLAME];
	const struct flame_box *boxes = viewer->trees.flame.boxes;
	size_t at = list->cursor;

	if (!flame_selected(viewer))
		return;
	if (right > 0)
		at++;
	else if (right < 0)
		at = at ? at - 1 : list->count;
	else
		at = 0;
	while (at < list->count &&
	       !lies_there(viewer, &boxes[at], &boxes[list->cursor], down) &&
	       !right)
		at++;
	if (at < list->count &&
	    lies_there(viewer, &boxes[at], &boxes[list->cursor], down))
		list->cursor = at;
}
