/*
 * view_flame.c - all calls as boxes, the outermost at the top.
 *
 * A box that is too narrow for a name that says something shows none. Of
 * growth, a box that shrank begins with a minus sign.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define NAME_SIZE     1024
#define NAME_LEAST    12 /* cells for a name with its middle left out */
#define NUMBERS_LEAST 60 /* cells from which there is room for all */
#define HEAD_LEAST    60
#define SHARE_LEAST   30
#define ZONES_REST    64 /* kept for the function bar */

static bool
has_shrunk(const struct viewer *viewer, const struct tree_node *node)
{
	return viewer->trees.growth && node->size_diff < 0;
}

static bool
node_matches(const struct viewer *viewer, const struct tree_node *node)
{
	char text[NAME_SIZE];
	struct place place;

	if (!*viewer->search || !node->depth)
		return false;
	node_place(viewer, node, &place);
	place_text(text, sizeof(text), &place);
	return strcasestr(text, viewer->search);
}

static enum role
box_role(const struct viewer *viewer, const struct tree_node *node)
{
	bool own = node->depth && node_role(node) == ROLE_TITLE;

	if (node_matches(viewer, node))
		return ROLE_MATCH;
	if (has_shrunk(viewer, node))
		return ROLE_FLAME_SHRINK;
	if (node->depth && node->kind == FRAME_NATIVE)
		return own ? ROLE_FLAME_NATIVE_OWN : ROLE_FLAME_NATIVE;
	return own ? ROLE_FLAME_OWN : ROLE_FLAME;
}

/* What the box weighs, with its sign and, if it shrank, the word. */
static void
weight_text(const struct viewer *viewer, const struct tree_node *node,
	    char *out, size_t size)
{
	char text[FORMAT_MAX];

	if (viewer->trees.growth)
		snprintf(out, size, "%s%s",
			 format_size_diff(text, node->size_diff, true),
			 node->size_diff < 0 ? " less" : "");
	else
		snprintf(out, size, "%s", format_size(text, node->size, true));
}

/* Name, then place and weight where there is room for them. */
static void
box_text(struct viewer *viewer, int y, const struct flame_box *box,
	 const struct tree_node *node, enum role role)
{
	struct canvas *canvas = &viewer->canvas;
	int x = box->begin + 1;
	int room = box->end - x;
	char text[NAME_SIZE];
	char weight[FORMAT_MAX + 8];
	struct place place;
	const char *name;
	int used;

	node_place(viewer, node, &place);
	if (!node->depth)
		place.function =
		    viewer->trees.flame.of_row ? "this row" : "all";
	name = flame_name(canvas, place.function, (enum frame_kind)node->kind,
			  room, text, sizeof(text));
	if (canvas_width(canvas, name) > room && room < NAME_LEAST)
		return;
	used = place_draw_name(canvas, y, x, room, role, name);
	weight_text(viewer, node, weight, sizeof(weight));
	if (used + canvas_width(canvas, weight) + 3 > room)
		return;
	canvas_right(canvas, y, x, room - 1, role, weight);
	room -= canvas_width(canvas, weight) + 5 + used;
	if (!*place.file && !*place.module)
		return;
	place.function = "";
	name = strrchr(*place.file ? place.file : place.module, '/');
	if (name)
		place.file = name + 1;
	snprintf(text, sizeof(text), "%s:%u", place.file, place.line);
	if (!place.line)
		snprintf(text, sizeof(text), "%s", place.file);
	if (canvas_width(canvas, text) <= room)
		canvas_text(canvas, y, x + used + 2, room, role, text);
}

static void
box_draw(struct viewer *viewer, int y, size_t index)
{
	const struct flame_box *box = &viewer->trees.flame.boxes[index];
	const struct tree_node *node = &viewer->trees.tree.nodes[box->node];
	struct canvas *canvas = &viewer->canvas;
	enum role role = box_role(viewer, node);

	canvas_fill(canvas, y, box->begin, box->end - box->begin, role, " ");
	if (has_shrunk(viewer, node))
		canvas_text(canvas, y, box->begin, 1, role, "-");
	else if (box->end - box->begin > 1)
		canvas_glyph(canvas, y, box->begin, role, GLYPH_EDGE);
	box_text(viewer, y, box, node, role);
	if (index == viewer->lists[VIEW_FLAME].cursor)
		canvas_paint(canvas, y, box->begin, box->end - box->begin,
			     ROLE_SELECTED);
	if (viewer->zone_count + ZONES_REST < ZONES_MAX)
		zone_add(viewer, y, box->begin, box->end, ZONE_LINE, index);
}

double
flame_found(const struct viewer *viewer)
{
	const struct tree *tree = &viewer->trees.tree;
	uint8_t *below = mem_array(tree->count, 1);
	uint64_t mass = 0;

	for (size_t i = 1; i < tree->count; i++) {
		const struct tree_node *node = &tree->nodes[i];

		below[i] = below[node->parent];
		if (!below[i] && node_matches(viewer, node)) {
			below[i] = 1;
			mass += node->mass;
		}
	}
	free(below);
	return mass ? (double)mass / (double)tree->nodes[0].mass : 0;
}

/* A part of the head, where there is room for all of it; its end. */
static int
head_piece(struct canvas *canvas, int y, int x, const char *text)
{
	if (x + canvas_width(canvas, text) > canvas->width)
		return x;
	return x +
	       canvas_text(canvas, y, x, canvas->width - x, ROLE_HEAD, text);
}

/* What grew and what shrank, or what lives. */
static void
head_draw(struct viewer *viewer, int y)
{
	const struct tree_node *all = viewer->trees.tree.nodes;
	struct canvas *canvas = &viewer->canvas;
	uint64_t grew = (all->mass + (uint64_t)all->size_diff) / 2;
	char text[FORMAT_MAX];
	char more[FORMAT_MAX];
	char line[128];
	int x = 1;

	canvas_fill(canvas, y, 0, canvas->width, ROLE_HEAD, " ");
	if (viewer->trees.growth)
		snprintf(line, sizeof(line), "GROWTH%s: %s grew, %s shrank",
			 canvas->width < HEAD_LEAST ? "" : " since the mark",
			 format_size_diff(text, (int64_t)grew, false),
			 format_size_diff(more, -(int64_t)(all->mass - grew),
					  false));
	else
		snprintf(line, sizeof(line), "LIVE: %s in %s blocks",
			 format_size(text, all->size, false),
			 format_count(more, all->count));
	x +=
	    canvas_sentence(canvas, y, x, canvas->width - x, ROLE_SORTED, line);
	if (*viewer->search) {
		snprintf(line, sizeof(line), "   found: %s%%",
			 format_percent(text, flame_found(viewer)));
		x = head_piece(canvas, y, x, line);
	}
	if (viewer->trees.tree.cut) {
		snprintf(line, sizeof(line), "   %s small stacks left together",
			 format_count(text, viewer->trees.tree.cut));
		head_piece(canvas, y, x, line);
	}
}

static void
numbers_text(const struct viewer *viewer, const struct tree_node *node,
	     bool brief, char *out, size_t size)
{
	uint64_t all = viewer->trees.tree.nodes[0].mass;
	char bytes[FORMAT_MAX], blocks[FORMAT_MAX], share[FORMAT_MAX];

	format_percent(share, all ? (double)node->mass / (double)all : 0);
	if (brief) {
		weight_text(viewer, node, out, size);
		if (viewer->canvas.width >= SHARE_LEAST)
			snprintf(out + strlen(out), size - strlen(out),
				 "  %s%%", share);
	} else if (viewer->trees.growth)
		snprintf(out, size, "%s %s  %s%%  %s blocks",
			 format_size_diff(bytes, node->size_diff, false),
			 node->size_diff < 0   ? "shrank"
			 : node->size_diff > 0 ? "grew"
					       : "no change",
			 share, format_count_diff(blocks, node->count_diff));
	else
		snprintf(out, size, "%s  %s%%  %s blocks",
			 format_size(bytes, node->size, false), share,
			 format_count(blocks, node->count));
}

/* The selected call: its numbers and, on this line or the next, its name. */
static void
detail_draw(struct viewer *viewer, struct box box)
{
	const struct flame_box *selected = flame_selected(viewer);
	struct canvas *canvas = &viewer->canvas;
	const struct tree_node *node;
	char text[128];
	struct place place;
	int x = 1;

	if (!selected)
		return;
	node = &viewer->trees.tree.nodes[selected->node];
	node_place(viewer, node, &place);
	numbers_text(viewer, node, box.height < 2 && box.width < NUMBERS_LEAST,
		     text, sizeof(text));
	x += canvas_text(canvas, box.y, x, box.width - x, ROLE_VALUE, text) + 2;
	if (!node->depth)
		return;
	if (box.height > 1) {
		const char *kind = node->location.flags & LOCATION_INLINED
				       ? "native, inlined"
				   : node->kind == FRAME_NATIVE ? "native"
								: "Python";

		canvas_text(canvas, box.y, x, box.width - x, ROLE_DIM, kind);
		box.y++;
		x = 1;
	}
	place_draw(canvas, box.y, x, box.width - x - 1, ROLE_TITLE, &place);
}

/* The depth of the first line: the selected box stays in sight. */
static void
scroll(struct viewer *viewer, int height)
{
	struct flame *flame = &viewer->trees.flame;
	const struct flame_box *selected = flame_selected(viewer);
	int depth = selected ? selected->depth : 0;
	int last = flame->depth + 1 - height;

	if (flame->top > depth)
		flame->top = depth;
	if (flame->top < depth - height + 1)
		flame->top = depth - height + 1;
	if (flame->top > last)
		flame->top = last;
	if (flame->top < 0)
		flame->top = 0;
}

void
view_flame_draw(struct viewer *viewer, struct box box)
{
	struct flame *flame = &viewer->trees.flame;
	struct box detail = box;
	int head = box.height >= 6;

	flame_layout(viewer);
	if (!viewer->lists[VIEW_FLAME].count)
		return;
	detail.height = box.height >= 10 ? 2 : box.height >= 2;
	detail.y = box.y + box.height - detail.height;
	box.height -= detail.height + head;
	box.y += head;
	scroll(viewer, box.height);
	for (size_t i = 0; i < viewer->lists[VIEW_FLAME].count; i++) {
		int line = flame->boxes[i].depth - flame->top;

		if (line >= 0 && line < box.height)
			box_draw(viewer, box.y + line, i);
	}
	if (!viewer->trees.tree.nodes[0].mass && box.height > 1)
		canvas_text(&viewer->canvas, box.y + 1, 1, box.width - 1,
			    ROLE_DIM,
			    viewer->trees.growth
				? "nothing has grown or shrunk since the mark"
				: "nothing lives here");
	if (head)
		head_draw(viewer, box.y - 1);
	if (detail.height)
		detail_draw(viewer, detail);
}

bool
view_flame_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct trees *trees = &viewer->trees;
	struct place place;

	if (line >= viewer->lists[VIEW_FLAME].count)
		return false;
	out[0] = '\0';
	if (trees->flame.boxes[line].node) {
		node_place(viewer,
			   &trees->tree.nodes[trees->flame.boxes[line].node],
			   &place);
		place_text(out, size, &place);
	}
	return true;
}
