/*
 * tree.c - building trees of calls: see tree.h.
 *
 * Each site's numbers go to the node where its way ends; one pass from the
 * last node to the first then adds children to parents, for a parent is made
 * before its children. On the way inwards every stack remembers its node, so
 * a stack costs its own frame only, however many sites lie below.
 */
#include "config.h"

#include "model/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"

struct build {
	struct tree *tree;
	const struct snapshot *snapshot;
	const struct tree_ask *ask;
	struct names *names;
	size_t max;
	bool cut; /* the way at hand */
};

/* What a stack remembers: its node in the low half, and these. */
#define MEMO_NODE  (UINT64_C(1) << 32) /* the node is known */
#define MEMO_CUT   (UINT64_C(1) << 33) /* and its way ended early */
#define MEMO_ASKED (UINT64_C(1) << 34) /* whether it is mine is known */
#define MEMO_MINE  (UINT64_C(1) << 35) /* own code is on it */

void
tree_fini(struct tree *tree)
{
	free(tree->nodes);
	if (tree->table)
		table_fini(tree->table);
	free(tree->table);
	free(tree->memo);
	free(tree->path);
	*tree = (struct tree){0};
}

/* Nodes */

static uint64_t
location_hash(uint64_t hash, const struct location *location, uint32_t module)
{
	hash = hash_mix(hash, location->function);
	hash = hash_mix(hash, location->file);
	return hash_mix(hash, location->file ? location->line
					     : UINT64_C(1) << 32 | module);
}

static bool
is_same(const struct tree_node *node, const struct location *location,
	uint32_t module)
{
	return node->location.function == location->function &&
	       node->location.file == location->file &&
	       (location->file ? node->location.line == location->line
			       : node->module == module);
}

/* The child of a node for a location; made when new, the node itself when
 * there is no room for more. */
static uint32_t
node_child(struct build *build, uint32_t parent,
	   const struct location *location, uint32_t module,
	   enum frame_kind kind)
{
	struct tree *tree = build->tree;
	uint64_t hash =
	    location_hash(tree->nodes[parent].identity, location, module);
	size_t at = table_start(tree->table, hash);
	struct tree_node *node;
	uint32_t id;

	while ((id = table_next(tree->table, hash, &at)))
		if (tree->nodes[id].parent == parent &&
		    is_same(&tree->nodes[id], location, module))
			return id;
	if (tree->count >= build->max) {
		build->cut = true;
		return parent;
	}
	tree->nodes = mem_room(tree->nodes, &tree->room, tree->count,
			       sizeof(*tree->nodes));
	id = (uint32_t)tree->count++;
	node = &tree->nodes[id];
	*node = (struct tree_node){
	    .location = *location,
	    .module = module,
	    .kind = kind,
	    .parent = parent,
	    .depth = tree->nodes[parent].depth + 1,
	    .identity = hash,
	};
	table_put(tree->table, hash, id);
	return id;
}

static uint32_t
frame_module(const struct build *build, const struct frame *frame)
{
	return frame->module ? names_module(build->names, frame->module)->path
			     : 0;
}

/* Whether a location of the frame is the user's own code. */
static bool
frame_is_mine(struct build *build, uint32_t id)
{
	const struct frame *frame = names_frame(build->names, id);
	const struct location *locations;
	size_t count;

	if (frame->kind == FRAME_NATIVE &&
	    (names_module_flags(build->names, frame->module) &
	     LOCATION_FOREIGN))
		return false;
	locations = names_locations(build->names, id, &count);
	for (size_t i = 0; i < count; i++)
		if (!(locations[i].flags & LOCATION_FOREIGN))
			return true;
	return false;
}

/* Goes on from a node through the locations of a frame, in either order. */
static uint32_t
frame_walk(struct build *build, uint32_t node, uint32_t id, bool mine)
{
	struct frame frame = *names_frame(build->names, id);
	const struct location *locations;
	uint32_t module = frame_module(build, &frame);
	bool inwards = build->ask->way == TREE_CALLEES;
	size_t count;

	if (mine && frame.kind == FRAME_NATIVE &&
	    (names_module_flags(build->names, frame.module) & LOCATION_FOREIGN))
		return node;
	locations = names_locations(build->names, id, &count);
	for (size_t i = 0; i < count && !build->cut; i++) {
		const struct location *at =
		    &locations[inwards ? count - 1 - i : i];

		if (!mine || !(at->flags & LOCATION_FOREIGN))
			node = node_child(build, node, at, module, frame.kind);
	}
	return node;
}

/* Ways */

/* The stacks from `stack` outwards, to the first that remembers `stop`, or
 * not `need`; returns how many come before it. */
static size_t
path_find(struct build *build, uint32_t stack, uint64_t stop, uint64_t need)
{
	struct tree *tree = build->tree;
	size_t depth = 0;

	while (stack && !(tree->memo[stack] & stop) &&
	       (tree->memo[stack] & need) == need) {
		tree->path = mem_room(tree->path, &tree->path_room, depth,
				      sizeof(*tree->path));
		tree->path[depth++] = stack;
		stack = names_stack(build->names, stack)->parent;
	}
	return depth;
}

/* Makes the stack remember whether something on it is mine. */
static void
mine_learn(struct build *build, uint32_t stack)
{
	size_t depth = path_find(build, stack, MEMO_ASKED, 0);
	uint64_t *memo = build->tree->memo;

	while (depth--) {
		uint32_t at = build->tree->path[depth];
		const struct stack *of = names_stack(build->names, at);
		uint32_t frame = of->frame;

		memo[at] = MEMO_ASKED | (memo[of->parent] & MEMO_MINE);
		if (!(memo[at] & MEMO_MINE) && frame_is_mine(build, frame))
			memo[at] |= MEMO_MINE;
	}
}

/* Where the way of a stack ends that is gone inwards. With own code on it, it
 * begins at the outermost that has some. */
static uint32_t
walk_in(struct build *build, uint32_t stack)
{
	struct tree *tree = build->tree;
	uint64_t *memo = tree->memo;
	uint64_t need = 0;
	size_t depth;

	if (build->ask->mine) {
		mine_learn(build, stack);
		need = memo[stack] & MEMO_MINE;
	}
	depth = path_find(build, stack, MEMO_NODE, need);
	while (depth--) {
		uint32_t at = tree->path[depth];
		struct stack of = *names_stack(build->names, at);
		uint64_t before = memo[of.parent];
		uint32_t node = 0;

		build->cut = false;
		if ((before & need) == need && of.parent) {
			node = (uint32_t)before;
			build->cut = before & MEMO_CUT;
		}
		if (!build->cut)
			node = frame_walk(build, node, of.frame, need);
		memo[at] |= MEMO_NODE | node | (build->cut ? MEMO_CUT : 0);
	}
	build->cut = memo[stack] & MEMO_CUT;
	return (uint32_t)memo[stack];
}

static bool
location_begins(const struct tree_from *from, const struct location *location,
		uint32_t module)
{
	return (!from->file || from->file == location->file) &&
	       (!from->function || from->function == location->function) &&
	       (!from->line || from->line == location->line) &&
	       (!from->module || from->module == module);
}

/* The first location of a frame, of those not barred, where callers begin;
 * -1 none. */
static int
frame_begins(struct build *build, uint32_t id, const struct tree_from *from,
	     uint32_t barred)
{
	size_t count;
	const struct location *locations =
	    names_locations(build->names, id, &count);
	uint32_t module = frame_module(build, names_frame(build->names, id));

	for (size_t i = 0; i < count; i++)
		if (!(locations[i].flags & barred) &&
		    location_begins(from, &locations[i], module))
			return (int)i;
	return -1;
}

/* Where in the path (and in its frame) callers begin: at a location of
 * `from`, else at the innermost of Python, else of native code that is no
 * glue, else at the innermost. */
static size_t
path_begin(struct build *build, size_t depth, size_t *location)
{
	const struct tree_from any = {0};
	const struct tree_from *from = &build->ask->from;
	bool given = from->file || from->function || from->module;
	const uint32_t *path = build->tree->path;

	for (int pass = given ? 0 : 1; pass < 3; pass++)
		for (size_t i = 0; i < depth; i++) {
			uint32_t id = names_stack(build->names, path[i])->frame;
			bool python =
			    names_frame(build->names, id)->kind == FRAME_PYTHON;
			int at;

			if (pass == 1 && !python)
				continue;
			at = frame_begins(build, id, pass ? &any : from,
					  pass ? LOCATION_GLUE : 0);
			if (at >= 0) {
				*location = (size_t)at;
				return i;
			}
		}
	*location = 0;
	return 0;
}

static bool
path_is_mine(struct build *build, size_t begin, size_t depth)
{
	for (size_t i = begin; i < depth; i++)
		if (frame_is_mine(
			build,
			names_stack(build->names, build->tree->path[i])->frame))
			return true;
	return false;
}

/* The same of the locations of the path's frame from `first` on. */
static uint32_t
begin_walk(struct build *build, uint32_t id, size_t first, bool mine)
{
	struct frame frame = *names_frame(build->names, id);
	uint32_t module = frame_module(build, &frame);
	size_t count;
	const struct location *locations =
	    names_locations(build->names, id, &count);
	uint32_t node = 0;

	/* What one asked for stands at the top even if it is a library's. */
	for (size_t i = first; i < count && !build->cut; i++)
		if (i == first || !mine ||
		    !(locations[i].flags & LOCATION_FOREIGN))
			node = node_child(build, node, &locations[i], module,
					  frame.kind);
	return node;
}

/* Where the way of a stack ends that is gone outwards. */
static uint32_t
walk_out(struct build *build, uint32_t stack)
{
	size_t depth = path_find(build, stack, 0, 0);
	size_t first;
	size_t begin = path_begin(build, depth, &first);
	const uint32_t *path = build->tree->path;
	bool mine = build->ask->mine && path_is_mine(build, begin, depth);
	uint32_t node;

	build->cut = false;
	node = begin_walk(build, names_stack(build->names, path[begin])->frame,
			  first, mine);
	for (size_t i = begin + 1; i < depth && !build->cut; i++)
		node =
		    frame_walk(build, node,
			       names_stack(build->names, path[i])->frame, mine);
	return node;
}

/* Numbers */

static uint64_t
site_mass(const struct build *build, size_t index, struct tree_node *numbers)
{
	const struct site *site = &build->snapshot->sites[index];
	const struct mark *mark = build->ask->mark;
	uint64_t size = mark ? mark_bytes(mark, index) : 0;
	uint64_t count = mark ? mark_blocks(mark, index) : 0;

	numbers->size = site_live_bytes(site);
	numbers->count = site_live_count(site);
	numbers->size_diff = (int64_t)(numbers->size - size);
	numbers->count_diff = (int64_t)(numbers->count - count);
	if (!build->ask->growth)
		return numbers->size;
	return numbers->size > size ? numbers->size - size
				    : size - numbers->size;
}

static void
numbers_add(struct tree_node *to, const struct tree_node *from)
{
	to->mass += from->mass;
	to->size += from->size;
	to->count += from->count;
	to->size_diff += from->size_diff;
	to->count_diff += from->count_diff;
	to->site_count += from->site_count;
}

static void
site_charge(struct build *build, size_t index)
{
	struct tree_node numbers = {.site_count = 1};
	uint32_t stack = build->snapshot->sites[index].stack;
	uint32_t node;

	numbers.mass = site_mass(build, index, &numbers);
	node = build->ask->way == TREE_CALLEES ? walk_in(build, stack)
					       : walk_out(build, stack);
	build->tree->cut += build->cut;
	numbers_add(&build->tree->nodes[node], &numbers);
}

/* Sites */

static size_t
asked_count(const struct build *build)
{
	return build->ask->sites ? build->ask->site_count
				 : build->snapshot->site_count;
}

/* The index of the nth site; false when it has nothing to say. Its bucket is
 * the higher the more it weighs. */
static bool
site_nth(const struct build *build, size_t n, size_t *index, int *bucket)
{
	const struct snapshot *snapshot = build->snapshot;
	struct tree_node numbers;
	uint64_t mass;

	*index = build->ask->sites ? build->ask->sites[n] - 1u : n;
	if (*index >= snapshot->site_count || !snapshot->sites[*index].stack)
		return false;
	mass = site_mass(build, *index, &numbers);
	*bucket = mass ? 64 - __builtin_clzll(mass) : 0;
	return numbers.size || numbers.count || numbers.size_diff ||
	       numbers.count_diff;
}

/* Charges all sites, the greatest first, to a factor of two: what there is no
 * room for is small. */
static void
sites_charge(struct build *build)
{
	size_t count = asked_count(build);
	size_t ends[66] = {0};
	uint32_t *order;
	size_t index;
	size_t used;
	int bucket;

	for (size_t n = 0; n < count; n++)
		if (site_nth(build, n, &index, &bucket))
			ends[64 - bucket + 1]++;
	for (int i = 1; i < 66; i++)
		ends[i] += ends[i - 1];
	used = ends[65];
	order = mem_array(used, sizeof(*order));
	for (size_t n = 0; n < count; n++)
		if (site_nth(build, n, &index, &bucket))
			order[ends[64 - bucket]++] = (uint32_t)index;
	for (size_t i = 0; i < used; i++)
		site_charge(build, order[i]);
	free(order);
}

/* Order */

static int
compare_nodes(const void *left, const void *right, void *context)
{
	const struct tree_node *nodes = context;
	uint32_t first = *(const uint32_t *)left;
	uint32_t second = *(const uint32_t *)right;
	const struct tree_node *a = &nodes[first], *b = &nodes[second];

	if (a->mass != b->mass)
		return a->mass < b->mass ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	/* Those that weigh the same keep their places from build to build. */
	return a->identity < b->identity ? -1 : a->identity > b->identity;
}

static void
nodes_link(struct tree *tree)
{
	uint32_t *order = mem_array(tree->count, sizeof(*order));

	for (size_t i = tree->count - 1; i; i--)
		numbers_add(&tree->nodes[tree->nodes[i].parent],
			    &tree->nodes[i]);
	for (size_t i = 1; i < tree->count; i++)
		order[i - 1] = (uint32_t)i;
	qsort_r(order, tree->count - 1, sizeof(*order), compare_nodes,
		tree->nodes);
	for (size_t i = 0; i + 1 < tree->count; i++) {
		struct tree_node *node = &tree->nodes[order[i]];
		struct tree_node *parent = &tree->nodes[node->parent];

		node->next = parent->child;
		parent->child = order[i];
	}
	free(order);
}

void
tree_build(struct tree *tree, const struct snapshot *snapshot,
	   const struct tree_ask *ask)
{
	struct build build = {.tree = tree,
			      .snapshot = snapshot,
			      .ask = ask,
			      .names = snapshot->names,
			      .max = ask->max ? ask->max : TREE_NODES_MAX};
	size_t stacks = names_stacks(snapshot->names) + 1;

	if (!tree->table)
		tree->table = mem_alloc(sizeof(*tree->table));
	table_clear(tree->table);
	if (stacks > tree->memo_room) {
		tree->memo_room = stacks + stacks / 2;
		tree->memo =
		    mem_grow(tree->memo, tree->memo_room, sizeof(*tree->memo));
	}
	memset(tree->memo, 0, stacks * sizeof(*tree->memo));
	tree->count = 0;
	tree->cut = 0;
	tree->nodes =
	    mem_room(tree->nodes, &tree->room, 0, sizeof(*tree->nodes));
	tree->nodes[tree->count++] = (struct tree_node){.identity = 1};
	sites_charge(&build);
	nodes_link(tree);
}

uint32_t
tree_find(const struct tree *tree, uint64_t identity)
{
	size_t at;
	uint32_t id;

	if (!tree->count)
		return 0;
	at = table_start(tree->table, identity);
	while ((id = table_next(tree->table, identity, &at)))
		if (tree->nodes[id].identity == identity)
			return id;
	return 0;
}

struct tree_from
tree_from_row(const struct row *row, enum group group)
{
	struct tree_from from = {0};

	switch (group) {
	case GROUP_LINENO:
	case GROUP_FUNCTION:
	case GROUP_FILENAME:
		from.file = row->file;
		if (!row->file)
			from.module = row->module;
		if (group == GROUP_FUNCTION ||
		    (group == GROUP_LINENO && !row->file))
			from.function = row->function;
		if (group == GROUP_LINENO && row->file)
			from.line = row->line;
		break;
	case GROUP_MODULE:
		from.module = row->module;
		break;
	case GROUP_TRACEBACK:
	case GROUP_DOMAIN:
	case GROUP_COUNT:
		break;
	}
	return from;
}
