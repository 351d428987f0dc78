/* view_calls.c - the call tree: numbers first, the calls indented. */
#include "config.h"

#include "viewer/figures.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define GAP	   2  /* cells between the numbers and the names */
#define KIND_LEAST 60 /* cells of the screen that tell the kinds of frames */

enum { SIZE, SHARE, GROWTH, COUNT, COLUMNS };
static const struct figure columns[COLUMNS] = {
    [SIZE] = {"LIVE", {7, 11}},
    [SHARE] = {"%", {6, 7}, 30},
    [GROWTH] = {"GROWTH", {8, 13}, 44},
    [COUNT] = {"COUNT", {8, 9}, 60},
};
static const struct figures figures = {columns, COLUMNS, 100};

static void
head_draw(struct viewer *viewer, int y)
{
	figures_head(&figures, &viewer->canvas, y,
		     viewer->trees.growth ? GROWTH : SIZE, GAP,
		     viewer->trees.calls.callees ? "CALLEES, outermost first"
						 : "CALLERS, innermost first");
}

void
node_place(const struct viewer *viewer, const struct tree_node *node,
	   struct place *place)
{
	const struct names *names = viewer->snapshot->names;

	*place = (struct place){
	    .file = names_text(names, node->location.file),
	    .function = names_text(names, node->location.function),
	    .module = names_text(names, node->module),
	    .line = node->location.line,
	    .function_first = true,
	};
	if (!*place->function)
		place->function = "?";
}

enum role
node_role(const struct tree_node *node)
{
	if (!(node->location.flags & (LOCATION_FOREIGN | LOCATION_GLUE)))
		return ROLE_TITLE;
	return node->kind == FRAME_NATIVE ? ROLE_NATIVE : ROLE_FUNCTION;
}

static void
numbers_draw(struct viewer *viewer, int y, const struct tree_node *node)
{
	const struct tree_node *all = viewer->trees.tree.nodes;
	struct canvas *canvas = &viewer->canvas;
	bool compact = !figures_wide(&figures, canvas);
	double share = all->mass ? (double)node->mass / (double)all->mass : 0;
	char text[FORMAT_MAX];

	figure_draw(&figures, canvas, y, SIZE,
		    node->size ? ROLE_TEXT : ROLE_DIM,
		    format_size(text, node->size, compact));
	figure_draw(&figures, canvas, y, SHARE, share_role(share),
		    format_percent(text, share));
	figure_draw(&figures, canvas, y, GROWTH,
		    growth_role((double)node->size_diff),
		    format_size_diff(text, node->size_diff, compact));
	figure_draw(&figures, canvas, y, COUNT,
		    node->count ? ROLE_TEXT : ROLE_DIM,
		    format_count(text, node->count));
}

static void
line_draw(struct viewer *viewer, int y, const struct calls_line *line)
{
	const struct tree_node *node = &viewer->trees.tree.nodes[line->node];
	struct canvas *canvas = &viewer->canvas;
	int x = figures_width(&figures, canvas) + GAP;
	int most = (canvas->width - x) / 4;
	struct place place;

	numbers_draw(viewer, y, node);
	if (canvas->width >= KIND_LEAST) {
		bool native = node->kind == FRAME_NATIVE;

		canvas_text(canvas, y, x, 3, native ? ROLE_NATIVE : ROLE_DIM,
			    native ? "nat" : "py");
		x += 4;
	}
	x += line->indent < most ? line->indent : most;
	if (line->folds)
		canvas_glyph(canvas, y, x, ROLE_ACCENT,
			     line->open ? GLYPH_UNFOLDED : GLYPH_POINTER);
	x += 2;
	if (node->location.flags & LOCATION_INLINED) {
		canvas_glyph(canvas, y, x, ROLE_DIM, GLYPH_INLINED);
		x += 2;
	}
	node_place(viewer, node, &place);
	place_draw(canvas, y, x, canvas->width - x - 1, node_role(node),
		   &place);
}

/* What is left together, or how the share counts. */
static void
note_draw(struct viewer *viewer, int y)
{
	const struct trees *trees = &viewer->trees;
	struct canvas *canvas = &viewer->canvas;
	char count[FORMAT_MAX];

	if (trees->tree.cut)
		canvas_format(canvas, y, 2, canvas->width - 3, ROLE_DIM,
			      "%s small stacks are not told apart to the end",
			      format_count(count, trees->tree.cut));
	else if (trees->growth)
		canvas_text(canvas, y, 2, canvas->width - 3, ROLE_DIM,
			    "% of all that grew or shrank since the mark, both "
			    "counted");
}

void
view_calls_draw(struct viewer *viewer, struct box box)
{
	struct list *list = &viewer->lists[VIEW_CALLS];
	bool note =
	    box.height >= 8 && (viewer->trees.tree.cut || viewer->trees.growth);
	int page = box.height - 1 - note;

	list_fit(list, list->count, page > 0 ? (size_t)page : 0);
	head_draw(viewer, box.y);
	if (!list->count)
		canvas_text(&viewer->canvas, box.y + 1, 2, box.width, ROLE_DIM,
			    "no stack was recorded for these blocks");
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++) {
		int y = box.y + 1 + (int)i;
		size_t line = list->top + i;

		line_draw(viewer, y, &viewer->trees.calls.lines[line]);
		canvas_paint_match(&viewer->canvas, y, 0, box.width, ROLE_MATCH,
				   viewer->search);
		line_finish(viewer, list, y, box.width, line);
	}
	if (note)
		note_draw(viewer, box.y + box.height - 1);
}

bool
view_calls_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct trees *trees = &viewer->trees;
	struct place place;

	if (line >= viewer->lists[VIEW_CALLS].count)
		return false;
	node_place(viewer, &trees->tree.nodes[trees->calls.lines[line].node],
		   &place);
	place_text(out, size, &place);
	return true;
}
