/*
 * test_tree.c - trees against a naive reference on random data: every stack
 * is written out, and every beginning of it is a branch.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "model/tree.h"

#define PATH_MAX_SHOWN 8192
#define BRANCHES_MAX   8192
#define DEEP_MAX       256

struct branch {
	char *path;
	uint64_t mass, size, count;
	int64_t size_diff, count_diff;
	uint32_t sites;
};

static struct {
	struct branch branches[BRANCHES_MAX];
	size_t count;
} reference;

static void
reference_clear(void)
{
	for (size_t i = 0; i < reference.count; i++)
		free(reference.branches[i].path);
	reference.count = 0;
}

static struct branch *
branch_of(const char *path)
{
	for (size_t i = 0; i < reference.count; i++)
		if (!strcmp(reference.branches[i].path, path))
			return &reference.branches[i];
	assert_true(reference.count < BRANCHES_MAX);
	reference.branches[reference.count] =
	    (struct branch){.path = mem_string(path)};
	return &reference.branches[reference.count++];
}

static void
branch_charge(const char *path, const struct tree_ask *ask,
	      const struct snapshot *snapshot, size_t index)
{
	struct branch *branch = branch_of(path);
	const struct site *site = &snapshot->sites[index];
	const struct mark *mark = ask->mark;
	int64_t size = (int64_t)site_live_bytes(site);
	int64_t count = (int64_t)site_live_count(site);
	int64_t size_diff = size, count_diff = count;

	if (mark && index < mark->count) {
		size_diff -= (int64_t)mark_bytes(mark, index);
		count_diff -= (int64_t)mark_blocks(mark, index);
	}
	branch->size += (uint64_t)size;
	branch->count += (uint64_t)count;
	branch->size_diff += size_diff;
	branch->count_diff += count_diff;
	branch->mass += (uint64_t)(ask->growth ? llabs(size_diff) : size);
	branch->sites += size || count || size_diff || count_diff;
}

struct seen {
	struct location location;
	const struct frame *frame;
};

static void
label(char *out, size_t size, const struct names *names,
      const struct location *location, uint32_t module)
{
	if (location->file)
		snprintf(out, size, "%s (%s:%u)",
			 names_text(names, location->function),
			 names_text(names, location->file), location->line);
	else
		snprintf(out, size, "%s (%s)",
			 names_text(names, location->function),
			 names_text(names, module));
}

static uint32_t
module_of(const struct names *names, const struct seen *seen)
{
	return seen->frame->module
		   ? names_module(names, seen->frame->module)->path
		   : 0;
}

/* The locations of a stack in the order of the tree, as they are to be
 * shown. */
static size_t
way_of(struct names *names, const struct tree_ask *ask, uint32_t stack,
       struct seen *out)
{
	const struct tree_from *from = &ask->from;
	size_t total = 0, begin = 0, kept = 0;
	bool mine = false, found = false;

	for (; stack; stack = names_stack(names, stack)->parent) {
		uint32_t id = names_stack(names, stack)->frame;
		size_t count;
		const struct location *at = names_locations(names, id, &count);

		for (size_t i = 0; i < count; i++) {
			assert_true(total < DEEP_MAX);
			out[total++] =
			    (struct seen){at[i], names_frame(names, id)};
		}
	}
	for (int pass = 0; pass < 3 && !found; pass++)
		for (size_t i = 0; i < total && !found; i++) {
			const struct location *at = &out[i].location;

			if (pass == 0)
				found =
				    (from->file || from->module) &&
				    (!from->file || from->file == at->file) &&
				    (!from->function ||
				     from->function == at->function) &&
				    (!from->line || from->line == at->line) &&
				    (!from->module ||
				     from->module == module_of(names, &out[i]));
			else
				found = !(at->flags & LOCATION_GLUE) &&
					(pass == 2 ||
					 out[i].frame->kind == FRAME_PYTHON);
			begin = found ? i : 0;
		}
	if (ask->way == TREE_CALLEES) {
		for (size_t i = 0; i < total / 2; i++) {
			struct seen swap = out[i];

			out[i] = out[total - 1 - i];
			out[total - 1 - i] = swap;
		}
		begin = 0;
	}
	for (size_t i = begin; i < total; i++)
		mine |=
		    ask->mine && !(out[i].location.flags & LOCATION_FOREIGN);
	for (size_t i = begin; i < total; i++)
		if (!mine || !(out[i].location.flags & LOCATION_FOREIGN) ||
		    (ask->way == TREE_CALLERS && i == begin))
			out[kept++] = out[i];
	return kept;
}

static void
refer_site(const struct snapshot *snapshot, const struct tree_ask *ask,
	   size_t index)
{
	struct names *names = snapshot->names;
	struct seen way[DEEP_MAX];
	char path[PATH_MAX_SHOWN] = "";
	size_t used = 0, count;

	if (!snapshot->sites[index].stack)
		return;
	count = way_of(names, ask, snapshot->sites[index].stack, way);
	branch_charge("", ask, snapshot, index);
	for (size_t i = 0; i < count; i++) {
		path[used++] = ';';
		label(path + used, sizeof(path) - used, names, &way[i].location,
		      module_of(names, &way[i]));
		used += strlen(path + used);
		branch_charge(path, ask, snapshot, index);
	}
}

static void
refer(const struct snapshot *snapshot, const struct tree_ask *ask)
{
	size_t count = ask->sites ? ask->site_count : snapshot->site_count;

	reference_clear();
	for (size_t i = 0; i < count; i++)
		refer_site(snapshot, ask, ask->sites ? ask->sites[i] - 1 : i);
}

static void
node_path(const struct tree *tree, const struct names *names, uint32_t id,
	  char *out, size_t size)
{
	const struct tree_node *node = &tree->nodes[id];
	size_t used;

	*out = '\0';
	if (!id)
		return;
	node_path(tree, names, node->parent, out, size);
	used = strlen(out);
	out[used++] = ';';
	label(out + used, size - used, names, &node->location, node->module);
}

static void
expect_order(const struct tree *tree)
{
	size_t reached = 0;

	for (size_t i = 0; i < tree->count; i++) {
		uint64_t last = UINT64_MAX, sum = 0;

		for (uint32_t child = tree->nodes[i].child; child;
		     child = tree->nodes[child].next) {
			assert_int_equal(tree->nodes[child].parent, i);
			assert_true(child > i);
			assert_true(tree->nodes[child].mass <= last);
			last = tree->nodes[child].mass;
			sum += last;
			reached++;
		}
		assert_true(sum <= tree->nodes[i].mass);
		assert_int_equal(tree_find(tree, tree->nodes[i].identity), i);
	}
	assert_int_equal(reached + 1, tree->count);
}

static void
expect_tree(const struct tree *tree, const struct names *names)
{
	size_t live = 0;

	for (size_t i = 0; i < tree->count; i++) {
		const struct tree_node *node = &tree->nodes[i];
		char path[PATH_MAX_SHOWN];
		const struct branch *branch;

		node_path(tree, names, (uint32_t)i, path, sizeof(path));
		branch = branch_of(path);
		assert_int_equal(node->size, branch->size);
		assert_int_equal(node->count, branch->count);
		assert_int_equal(node->size_diff, branch->size_diff);
		assert_int_equal(node->count_diff, branch->count_diff);
		assert_int_equal(node->mass, branch->mass);
		assert_int_equal(node->site_count, branch->sites);
	}
	for (size_t i = 0; i < reference.count; i++)
		live += reference.branches[i].sites > 0 ||
			!*reference.branches[i].path;
	assert_int_equal(tree->count, live ? live : 1);
	assert_int_equal(tree->cut, 0);
	expect_order(tree);
}

/* Few nodes: the sums of those that are there are right all the same. */
static void
expect_bounded(const struct snapshot *snapshot, struct tree_ask ask,
	       const struct tree *whole)
{
	struct tree tree = {0};

	ask.max = (size_t)rand() % 40 + 1;
	tree_build(&tree, snapshot, &ask);
	assert_true(tree.count <= ask.max);
	assert_int_equal(tree.count<whole->count, tree.cut> 0);
	expect_order(&tree);
	for (size_t i = 0; i < tree.count; i++) {
		char path[PATH_MAX_SHOWN];

		node_path(&tree, snapshot->names, (uint32_t)i, path,
			  sizeof(path));
		/* A way that ends early may be missing from its branch when
		 * it would have joined it again: never counted twice. */
		assert_true(tree.nodes[i].mass <= branch_of(path)->mass);
	}
	assert_int_equal(tree.nodes[0].size, whole->nodes[0].size);
	assert_int_equal(tree.nodes[0].size_diff, whole->nodes[0].size_diff);
	tree_fini(&tree);
}

/* Random data */

static uint32_t
intern(struct names *names, const char *text)
{
	return names_string(names, text, strlen(text));
}

static void
add_frame(struct names *names)
{
	static const char *const files[] = {"/a.py", "/b.py", "/c.c", "/d.h"};
	static const char *const functions[] = {"f", "g", "h", "operator new"};
	struct location locations[3];
	bool python = rand() % 2;
	size_t count = python ? 1 : (size_t)rand() % 3 + 1;

	for (size_t i = 0; i < count; i++)
		locations[i] = (struct location){
		    .function = intern(names, functions[rand() % 4]),
		    .file = python || rand() % 3
				? intern(names, files[rand() % 2 + 2 * !python])
				: 0,
		    .line = (uint32_t)rand() % 2 + 1,
		    .flags = (rand() % 3 ? 0 : LOCATION_FOREIGN) |
			     (rand() % 5 ? 0 : LOCATION_GLUE),
		};
	names_add_frame(names, python ? FRAME_PYTHON : FRAME_NATIVE,
			python ? 0 : (uint32_t)rand() % 3, 0x1000, locations,
			count);
}

static void
grow(struct snapshot *snapshot)
{
	struct names *names = snapshot->names;

	for (int i = 0; i < 40; i++) {
		uint32_t parent = (uint32_t)rand() % (names_stacks(names) + 1);

		if (parent && names_stack(names, parent)->depth > 20)
			parent = 0;
		names_add_stack(names, parent,
				(uint32_t)rand() % names_frames(names) + 1);
	}
	snapshot_room(snapshot, snapshot->site_count + (size_t)(rand() % 40));
	for (size_t i = 0; i < snapshot->site_count; i++) {
		struct site *site = &snapshot->sites[i];
		uint64_t bytes = (uint64_t)rand() % 1000;

		if (!site->stack && rand() % 8)
			site->stack =
			    (uint32_t)rand() % names_stacks(names) + 1;
		if (rand() % 3 == 0 || !site->stack)
			continue;
		site->alloc_bytes += bytes;
		site->alloc_count += bytes / 10;
		site->free_bytes +=
		    site_live_bytes(site) / (uint64_t)(rand() % 3 + 1);
		site->free_count +=
		    site_live_count(site) / (uint64_t)(rand() % 3 + 1);
	}
	snapshot_sum(snapshot);
}

static struct tree_from
random_from(struct names *names)
{
	struct tree_from from = {0};
	struct location location;

	if (rand() % 3 == 0)
		return from;
	location = *names_location(names, (size_t)rand() % 20);
	from.file = location.file;
	if (rand() % 2)
		from.line = location.file ? location.line : 0;
	if (rand() % 2)
		from.function = location.file ? location.function : 0;
	return from;
}

static void
check(struct tree *tree, const struct snapshot *snapshot,
      const struct mark *mark)
{
	uint32_t sites[400];
	struct tree_ask ask = {
	    .way = rand() % 2 ? TREE_CALLERS : TREE_CALLEES,
	    .growth = rand() % 2,
	    .mine = rand() % 2,
	    .mark = rand() % 3 ? mark : NULL,
	    .from = random_from(snapshot->names),
	};

	if (rand() % 2) {
		ask.sites = sites;
		for (size_t i = 0; i < snapshot->site_count; i++)
			if (rand() % 2)
				sites[ask.site_count++] = (uint32_t)i + 1;
	}
	refer(snapshot, &ask);
	tree_build(tree, snapshot, &ask);
	expect_tree(tree, snapshot->names);
	expect_bounded(snapshot, ask, tree);
}

static void
test_random(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 30; seed++) {
		struct names *names = names_new();
		struct tree tree = {0};
		struct snapshot snapshot;
		struct mark mark = {0};

		srand(seed);
		snapshot_init(&snapshot, names);
		names_add_module(
		    names, &(struct module){.path = intern(names, "/srv/x")});
		names_add_module(
		    names,
		    &(struct module){
			.path = intern(names, "/srv/y"),
		    });
		for (int i = 0; i < 24; i++)
			add_frame(names);
		for (int round = 0; round < 6; round++) {
			grow(&snapshot);
			for (int i = 0; i < 4; i++)
				check(&tree, &snapshot, &mark);
			if (round == 2)
				mark_take(&mark, &snapshot, "");
		}
		mark_fini(&mark);
		tree_fini(&tree);
		snapshot_fini(&snapshot);
		names_free(names);
	}
	reference_clear();
}

static void
test_empty(void **state)
{
	struct names *names = names_new();
	struct tree_ask ask = {.way = TREE_CALLERS};
	struct tree tree = {0};
	struct snapshot snapshot;

	(void)state;
	snapshot_init(&snapshot, names);
	tree_build(&tree, &snapshot, &ask);
	assert_int_equal(tree.count, 1);
	assert_int_equal(tree.nodes[0].size, 0);
	assert_int_equal(tree_find(&tree, 77), 0);
	tree_fini(&tree);
	snapshot_fini(&snapshot);
	names_free(names);
}

static void
test_from_row(void **state)
{
	struct row row = {.file = 1, .function = 2, .line = 3, .module = 4};
	struct row native = {.function = 2, .module = 4};
	struct tree_from from = tree_from_row(&row, GROUP_LINENO);

	(void)state;
	assert_int_equal(from.file, 1);
	assert_int_equal(from.line, 3);
	assert_int_equal(from.function, 0);
	from = tree_from_row(&row, GROUP_FUNCTION);
	assert_int_equal(from.function, 2);
	assert_int_equal(from.line, 0);
	from = tree_from_row(&native, GROUP_LINENO);
	assert_int_equal(from.module, 4);
	assert_int_equal(from.function, 2);
	from = tree_from_row(&row, GROUP_TRACEBACK);
	assert_int_equal(from.file, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_from_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
