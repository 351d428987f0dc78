/*
 * test_trees.c - the flame's boxes are the branches of the folded export, to
 * the byte; names are cut at their joints; the context of source lines.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "export/export.h"
#include "fixture.h"

#define BRANCHES_MAX 512

struct branch {
	char *path;
	uint64_t size;
};

static struct branch branches[BRANCHES_MAX];
static size_t branch_count;

static struct branch *
branch_of(const char *path, size_t size)
{
	for (size_t i = 0; i < branch_count; i++)
		if (strlen(branches[i].path) == size &&
		    !strncmp(branches[i].path, path, size))
			return &branches[i];
	assert_true(branch_count < BRANCHES_MAX);
	branches[branch_count].path = mem_format("%.*s", (int)size, path);
	return &branches[branch_count++];
}

/* A line "outermost;...;innermost BYTES" charges each of its beginnings. */
static void
line_charge(char *line)
{
	char *number = strrchr(line, ' ');
	uint64_t size = strtoull(number + 1, NULL, 10);

	*number = '\0';
	for (char *end = line; *end; end++)
		if (end[1] == ';' || !end[1])
			branch_of(line, (size_t)(end + 1 - line))->size += size;
}

static void
export_read(const struct snapshot *snapshot)
{
	const struct export_format *format;
	struct err err;
	char *text = NULL, *save = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_true(export_format_parse("folded", &format, &err));
	assert_true(format->write(file, snapshot, &err));
	fclose(file);
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		line_charge(line);
	free(text);
}

/* As the export writes a location. */
static void
part_put(FILE *file, const char *text)
{
	char *clean = text_clean_copy(text);

	for (char *at = clean; *at; at++)
		putc(*at == ';' ? ':' : *at, file);
	free(clean);
}

static void
path_put(FILE *file, const struct viewer *viewer, uint32_t id)
{
	const struct names *names = viewer->snapshot->names;
	const struct tree_node *node = &viewer->trees.tree.nodes[id];
	const char *function = names_text(names, node->location.function);

	if (node->depth > 1) {
		path_put(file, viewer, node->parent);
		putc(';', file);
	}
	part_put(file, *function ? function : "?");
	if (node->location.file) {
		fputs(" (", file);
		part_put(file, names_text(names, node->location.file));
		fprintf(file, ":%u)", node->location.line);
	} else if (node->module) {
		fputs(" (", file);
		part_put(file, names_text(names, node->module));
		putc(')', file);
	}
}

static void
test_folded(void **state)
{
	struct fixture all, *f = &all;
	const struct tree *tree = &f->viewer.trees.tree;
	size_t living = 0;

	(void)state;
	fixture_open(f, NULL, false);
	fixture_step(f);
	fixture_keys(f, "F");
	export_read(f->viewer.snapshot);
	for (uint32_t i = 1; i < tree->count; i++) {
		char *path = NULL;
		size_t size;
		FILE *file = open_memstream(&path, &size);

		path_put(file, &f->viewer, i);
		fclose(file);
		assert_int_equal(tree->nodes[i].size,
				 branch_of(path, size)->size);
		living += tree->nodes[i].size > 0;
		free(path);
	}
	assert_true(living > 10);
	assert_int_equal(living, branch_count);
	while (branch_count)
		free(branches[--branch_count].path);
	fixture_close(f);
}

/* No box is wider than its share, to a cell, nor leaves its caller's. */
static void
test_boxes(void **state)
{
	struct fixture all, *f = &all;
	const struct flame *flame = &f->viewer.trees.flame;

	(void)state;
	fixture_open(f, NULL, false);
	fixture_keys(f, "F");
	for (int width = 12; width < 200; width += 7) {
		const struct tree_node *nodes;
		const struct flame_box *last = NULL;

		fixture_resize(f, width, 24);
		nodes = f->viewer.trees.tree.nodes;
		for (size_t i = 0; i < f->viewer.lists[VIEW_FLAME].count; i++) {
			const struct flame_box *box = &flame->boxes[i];
			double share = (double)nodes[box->node].mass /
				       (double)nodes[0].mass * width;

			assert_true(box->end - box->begin <= share + 1);
			assert_true(box->end <= width);
			if (last && last->depth == box->depth)
				assert_true(last->end <= box->begin);
			last = box;
		}
	}
	fixture_close(f);
}

static void
test_names(void **state)
{
	static const struct {
		const char *function;
		enum frame_kind kind;
		int width;
		const char *shown;
	} cases[] = {
	    {"draw", FRAME_PYTHON, 4, "draw"},
	    {"a.draw", FRAME_PYTHON, 3, "draw"},
	    {"Figure.savefig", FRAME_PYTHON, 10, "savefig"},
	    {"f.<locals>.<lambda>", FRAME_PYTHON, 9, "<lambda>"},
	    {"std::vector<int, std::allocator<int> >::push_back(int const&)",
	     FRAME_NATIVE, 30, "std::vector::push_back"},
	    {"std::vector<int, std::allocator<int> >::push_back(int const&)",
	     FRAME_NATIVE, 12, "push_back"},
	    {"(anonymous namespace)::parse(char const*)", FRAME_NATIVE, 8,
	     "parse"},
	    {"operator new(unsigned long)", FRAME_NATIVE, 14, "operator new"},
	    {"A::operator()(int) const", FRAME_NATIVE, 14, "A::operator()"},
	    {"B<int>::operator<(B<int> const&)", FRAME_NATIVE, 14,
	     "B::operator<"},
	    {"xs_malloc [clone .isra.0]", FRAME_NATIVE, 12, "xs_malloc"},
	    {"void std::sort<int*>(int*, int*)", FRAME_NATIVE, 10, "std::sort"},
	    {"f()::{lambda(int)#1}::operator()(int) const", FRAME_NATIVE, 30,
	     "f::{lambda#1}::operator()"},
	    {"A::operator new(unsigned long)", FRAME_NATIVE, 12,
	     "operator new"},
	    {"f() const", FRAME_NATIVE, 3, "f"},
	    {"", FRAME_NATIVE, 3, ""},
	};
	struct canvas canvas;
	char out[256];

	(void)state;
	canvas_init(&canvas, 1, 80, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(flame_name(&canvas, cases[i].function,
					       cases[i].kind, cases[i].width,
					       out, sizeof(out)),
				    cases[i].shown);
	canvas_fini(&canvas);
}

/* Three lines with their indent, for a file that is there. */
static void
test_context(void **state)
{
	char path[] = "/tmp/heaptop-test-XXXXXX";
	struct fixture all, *f = &all;
	struct snapshot *snapshot = &all.made.snapshot;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	uint32_t frame, stack;
	struct names *names;

	(void)state;
	fputs("def g():\n    if x:\n\treturn [0] * 9\n    return None\n", file);
	fclose(file);
	fixture_open(f, NULL, false);
	names = f->made.names;
	frame = names_add_python(names, names_string(names, path, strlen(path)),
				 names_string(names, "g", 1), 3);
	stack = names_add_stack(names, 0, frame);
	snapshot->sites[0].stack = stack;
	snapshot->sites[0].alloc_bytes += 100 << 20;
	fixture_step(f);
	fixture_keys(f, "t");
	assert_shows(f, "return [0] * 9");
	assert_hides(f, "if x:");
	fixture_keys(f, "c");
	assert_shows(f, "     2  if x:");
	assert_shows(f, ">    3      return [0] * 9");
	assert_shows(f, "     4  return None");
	fixture_keys(f, "c");
	assert_hides(f, "if x:");
	fixture_close(f);
	unlink(path);
}

/* What my code called is seen in the tree of one of its rows, and not in the
 * flame of all. */
static void
test_my_code(void **state)
{
	struct fixture all, *f = &all;

	(void)state;
	fixture_open(f, NULL, false);
	fixture_keys(f, "u Enter t c");
	assert_shows(f, "/matplotlib/");
	fixture_keys(f, "q q F");
	assert_hides(f, "/matplotlib/");
	fixture_close(f);
}

/* The process called exec while its tree was on the screen. */
static void
test_other_feed(void **state)
{
	static const char *const keys[] = {"F Down Down Enter", "Enter t Down"};
	struct fixture all, *f = &all;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fixture_open(f, NULL, false);
		fixture_keys(f, keys[i]);
		viewer_set_feed(&f->viewer, made_feed(&f->made));
		viewer_draw(&f->viewer);
		fixture_keys(f, "Up Down + / s u b Enter n");
		fixture_step(f);
		fixture_keys(f, "Down Enter");
		fixture_close(f);
	}
}

/* Any keys, sizes and clicks in any order, while the program goes on. */
static void
test_any_order(void **state)
{
	static const char *const keys[] = {
	    "F",	 "t",
	    "c",	 "v",
	    "u",	 "i",
	    "Enter",	 "Up",
	    "Down",	 "Left",
	    "Right",	 "+",
	    "-",	 "*",
	    "Home",	 "End",
	    "Space",	 "PageDown",
	    "m",	 "Backspace",
	    "L",	 "/ i n i Enter",
	    "n",	 "N",
	    "f s Enter", "Esc",
	};
	struct fixture all, *f = &all;
	size_t in_flame = 0, in_calls = 0;

	(void)state;
	fixture_open(f, NULL, false);
	srand(7);
	for (int i = 0; i < 3000; i++) {
		struct site *site = &f->made.snapshot.sites[rand() % 9];

		fixture_keys(
		    f, keys[(size_t)rand() % (sizeof(keys) / sizeof(*keys))]);
		if (rand() % 10 == 0)
			fixture_resize(f, rand() % 120 + 1, rand() % 40 + 1);
		if (rand() % 10 == 0)
			fixture_click(f, rand() % 40, rand() % 120);
		if (rand() % 30 == 0)
			site->free_bytes += site_live_bytes(site);
		if (rand() % 5 == 0)
			fixture_step(f);
		in_flame += viewer_view(&f->viewer) == VIEW_FLAME;
		in_calls += viewer_view(&f->viewer) == VIEW_CALLS;
	}
	assert_true(in_flame > 100 && in_calls > 100);
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_folded),    cmocka_unit_test(test_boxes),
	    cmocka_unit_test(test_names),     cmocka_unit_test(test_context),
	    cmocka_unit_test(test_my_code),   cmocka_unit_test(test_other_feed),
	    cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
