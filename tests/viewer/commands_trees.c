/* commands_trees.c - commands of the call tree and the flame. */
#include "config.h"

#include <string.h>

#include "commands.h"
#include "viewer/view.h"

static const struct tree_node *
flame_node(struct fixture *f)
{
	const struct flame_box *box = flame_selected(&f->viewer);

	assert_non_null(box);
	return &f->viewer.trees.tree.nodes[box->node];
}

static void
assert_flame(struct fixture *f, const char *function)
{
	assert_string_equal(names_text(f->viewer.snapshot->names,
				       flame_node(f)->location.function),
			    function);
}

void
test_flame(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_FLAME, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_FLAME);
	assert_int_equal(flame_node(f)->size, f->viewer.snapshot->live_bytes);
	assert_shows(f, "LIVE: ");
	press(f, COMMAND_FLAME_DOWN, 0);
	assert_flame(f, "_bootstrap");
	press(f, COMMAND_FLAME_RIGHT, 0);
	assert_int_equal(flame_node(f)->kind, FRAME_NATIVE);
	press(f, COMMAND_FLAME_RIGHT, 0); /* the last one */
	press(f, COMMAND_FLAME_LEFT, 0);
	assert_flame(f, "_bootstrap");
	for (int i = 0; i < 3; i++)
		press(f, COMMAND_FLAME_DOWN, 1);
	assert_flame(f, "draw_sales");
	press(f, COMMAND_FLAME_ZOOM, 0);
	press(f, COMMAND_FLAME_UP, 0);
	press(f, COMMAND_FLAME_UP, 1);
	assert_flame(f, "wsgi_app");
	press(f, COMMAND_FLAME_OUT, 0);
	assert_int_equal(f->viewer.trees.flame.zoom_count, 0);
	press(f, COMMAND_FLAME_OUT, 0);
	assert_shows(f, "this is all");
	fixture_keys(f, "Home Up");
	assert_int_equal(flame_node(f)->depth, 0);
	fixture_keys(f, "q");
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	fixture_close(f);
}

/* q and Backspace zoom out first; Esc always leaves. */
void
test_flame_out(void **state)
{
	static const char *const keys[] = {"q", "Backspace"};
	struct fixture all, *f = opened(&all);
	int y;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fixture_keys(f, "F Down Down Down Enter Down Enter");
		assert_int_equal(f->viewer.trees.flame.zoom_count, 2);
		/* A call outside of it is a way out, too. */
		fixture_keys(f, "Up Up Up Enter");
		assert_int_equal(f->viewer.trees.flame.zoom_count, 1);
		assert_flame(f, "_bootstrap");
		fixture_keys(f, keys[i]);
		assert_int_equal(viewer_view(&f->viewer), VIEW_FLAME);
		fixture_keys(f, keys[i]);
		assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	}
	fixture_keys(f, "F Down Down Enter Esc");
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	fixture_keys(f, "F");
	y = fixture_find(f, "draw_sales");
	fixture_click(f, y, 4);
	assert_flame(f, "draw_sales");
	assert_int_equal(f->viewer.trees.flame.zoom_count, 0);
	fixture_click(f, y, 4);
	assert_int_equal(f->viewer.trees.flame.zoom_count, 1);
	fixture_close(f);
}

void
test_flame_search(void **state)
{
	struct fixture all, *f = opened(&all);
	int y;

	(void)state;
	fixture_keys(f, "F / s u b p l Enter");
	assert_flame(f, "subplots");
	assert_shows(f, "found: 8");
	fixture_keys(f, "Home");
	y = fixture_find(f, "subplots");
	assert_int_equal(fixture_role(f, y, 4), ROLE_MATCH);
	fixture_keys(f, "n n");
	assert_flame(f, "subplots");
	/* One box is all that is zoomed into; others match elsewhere. */
	fixture_keys(f, "/ l i n e s Enter Enter / l o a d _ Enter");
	assert_shows(f, "not in sight");
	fixture_keys(f, "/ n o n e Enter");
	assert_shows(f, "not found: none");
	fixture_close(f);
}

/* What shrank has a sign and a word, in boxes and below. */
void
test_tree_growth(void **state)
{
	struct fixture all, *f = opened(&all);
	struct site *site = &f->made.snapshot.sites[5];

	(void)state;
	fixture_keys(f, "m F v");
	assert_shows(f, "nothing has grown or shrunk");
	fixture_keys(f, "v q");
	site->free_bytes += 2097152;
	site->free_count += 64;
	fixture_step(f);
	fixture_keys(f, "F");
	press(f, COMMAND_TREE_GROWTH, 0);
	assert_true(f->viewer.trees.growth);
	assert_shows(f, "+1.19 MiB grew, -2.00 MiB shrank");
	assert_shows(f, "-load_rows");
	assert_shows(f, "-2.00M less");
	fixture_keys(f, "/ l o a d Enter");
	assert_shows(f, "-2.00 MiB shrank");
	press(f, COMMAND_TREE_GROWTH, 0);
	assert_shows(f, "LIVE: ");
	fixture_close(f);
}

void
test_calls(void **state)
{
	struct fixture all, *f = opened(&all);
	struct list *list = &f->viewer.lists[VIEW_CALLS];
	size_t lines;

	(void)state;
	fixture_keys(f, "Enter");
	press(f, COMMAND_CALLS, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_CALLS);
	assert_shows(f, "CALLERS");
	assert_shows(f, "__init__ (");
	assert_shows(f, "draw_sales");
	lines = list->count;
	press(f, COMMAND_FOLD, 0);
	assert_int_equal(list->count, 1);
	press(f, COMMAND_UNFOLD, 0);
	assert_int_equal(list->count, lines);
	press(f, COMMAND_FOLD_TURN, 0);
	assert_int_equal(list->count, 1);
	press(f, COMMAND_FOLD_TURN, 1);
	assert_int_equal(list->count, lines);
	fixture_keys(f, "Down");
	press(f, COMMAND_FOLD, 0);
	assert_true(list->count < lines);
	press(f, COMMAND_FOLD, 1); /* it is folded: to its parent */
	assert_int_equal(list->cursor, 0);
	press(f, COMMAND_UNFOLD_ALL, 0);
	assert_true(list->count >= lines);
	press(f, COMMAND_UNFOLD, 2);
	press(f, COMMAND_CALLS_WAY, 0);
	assert_shows(f, "CALLEES");
	assert_int_equal(fixture_find(f, "_bootstrap"),
			 fixture_find(f, "CALLEES") + 1);
	press(f, COMMAND_PAUSE_TREE, 0);
	assert_shows(f, "PAUSED");
	press(f, COMMAND_PAUSE_TREE, 1);
	assert_hides(f, "PAUSED");
	fixture_keys(f, "F"); /* of that row only */
	assert_int_equal(flame_node(f)->size, 12582912 + 3145728);
	fixture_close(f);
}

/* The branches of a row are those of its sites, each once. */
void
test_calls_add_up(void **state)
{
	struct fixture all, *f = opened(&all);
	const struct tree *tree = &f->viewer.trees.tree;

	(void)state;
	fixture_keys(f, "i");
	for (size_t line = 0; line < f->viewer.rows->count; line++) {
		uint64_t size;

		f->viewer.lists[VIEW_SITES].cursor = line;
		size = viewer_row(&f->viewer)->size;
		fixture_keys(f, "Enter t");
		assert_int_equal(tree->nodes[0].size, size);
		/* Callers of a line all begin at that line. */
		assert_int_equal(tree->nodes[tree->nodes[0].child].size, size);
		fixture_keys(f, "c");
		assert_int_equal(tree->nodes[0].size, size);
		fixture_keys(f, "c q q");
	}
	fixture_close(f);
}

void
test_tree_filter(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_keys(f, "f a x i s Enter F");
	assert_int_equal(flame_node(f)->size, 2621440);
	fixture_keys(f, "q f C-u Enter u F Down");
	assert_flame(f, "monthly_report"); /* my code only */
	fixture_close(f);
}

void
test_context(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_keys(f, "Enter");
	press(f, COMMAND_CONTEXT, 0);
	assert_true(f->viewer.trace.context);
	press(f, COMMAND_CONTEXT, 0);
	assert_false(f->viewer.trace.context);
	fixture_close(f);
}
