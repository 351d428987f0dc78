/*
 * nodes.c - the tree of stacks.
 *
 * A node's first children stand in the node itself, so that to follow a stack
 * mostly takes one cache line a frame, and that a child is new is mostly seen
 * without a look elsewhere. What is outside of all, and nodes with more
 * children than fit, have theirs in a table: open addressing over 64-bit
 * entries (40 bits of hash, 24 bits of id), half full at most. A writer that
 * must grow the table copies it to one twice the size and publishes that;
 * readers that still use the old one find nothing, and take the lock. An old
 * table's pages are given back, so that it reads as empty; its address stays
 * taken.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/nodes.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "agent/modules.h"
#include "agent/py/py.h"
#include "agent/safe.h"

#define ID_MASK	    ((UINT64_C(1) << NODES_BITS) - 1)
#define FIRST_SLOTS 1024
#ifndef AGENT_TEST
#define nodes_limit NODES_MAX
#else
uint32_t nodes_limit = NODES_MAX;
#endif

struct children {
	uint64_t mask; /* slots - 1 */
	uint64_t slots[];
};

static struct {
	struct children *children;
	struct safe_lock lock;
	uint32_t count;
	uint32_t placed; /* in children, at least as many as are there */
} nodes;

struct node *nodes_chunks[NODES_MAX / NODES_CHUNK];

static uint64_t
hash_of(uint64_t id, uint64_t word)
{
	uint64_t hash = (word ^ id << 40 ^ id) * UINT64_C(0x9e3779b97f4a7c15);

	return hash ^ hash >> 29;
}

/* Whether a Python node still stands for the code object it was made for. */
static bool
code_is(struct node *node, uint32_t epoch)
{
	if (__atomic_load_n(&node->epoch, __ATOMIC_RELAXED) == epoch)
		return true;
	if (py_code_find(node->word) != node->ref)
		return false;
	__atomic_store_n(&node->epoch, epoch, __ATOMIC_RELAXED);
	return true;
}

static bool
is_child(struct node *node, const struct node *parent, uint64_t word,
	 uint32_t epoch)
{
	return node->word == word && node->parent == node_id(parent) &&
	       (!(word & PY_WORD_TAG) || code_is(node, epoch));
}

static struct node *
look_up_placed(const struct node *parent, uint64_t word, uint32_t epoch)
{
	const struct children *children =
	    __atomic_load_n(&nodes.children, __ATOMIC_ACQUIRE);
	uint64_t hash = hash_of(node_id(parent), word);

	if (!children)
		return NULL;
	for (uint64_t at = hash & children->mask;;
	     at = (at + 1) & children->mask) {
		uint64_t entry =
		    __atomic_load_n(&children->slots[at], __ATOMIC_ACQUIRE);
		struct node *node;

		if (!entry)
			return NULL;
		if (entry >> NODES_BITS != hash >> NODES_BITS)
			continue;
		node = nodes_get(entry & ID_MASK);
		if (is_child(node, parent, word, epoch))
			return node;
	}
}

static struct node *
look_up(const struct node *parent, uint64_t word)
{
	const uint32_t tag = node_tag(word);
	uint32_t epoch = 0;

	if (word & PY_WORD_TAG)
		epoch =
		    (uint32_t)__atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	for (int i = 0; parent && i < NODE_CHILDREN; i++) {
		uint32_t entry =
		    __atomic_load_n(&parent->children[i], __ATOMIC_ACQUIRE);
		struct node *node;

		if (!entry)
			return NULL;
		if ((entry & ~ID_MASK) != tag)
			continue;
		node = nodes_get(entry & ID_MASK);
		if (is_child(node, parent, word, epoch))
			return node;
	}
	return look_up_placed(parent, word, epoch);
}

static void
children_put(struct children *children, uint64_t hash, uint32_t id)
{
	uint64_t at = hash & children->mask;

	while (children->slots[at])
		at = (at + 1) & children->mask;
	__atomic_store_n(&children->slots[at],
			 (hash >> NODES_BITS << NODES_BITS) | id,
			 __ATOMIC_RELEASE);
}

static struct children *
children_grow(struct children *old)
{
	uint64_t count = old ? (old->mask + 1) * 2 : FIRST_SLOTS;
	struct children *children = safe_map_whole(
	    sizeof(*children) + count * sizeof(children->slots[0]));

	if (!children)
		return NULL;
	children->mask = count - 1;
	for (uint64_t at = 0; old && at <= old->mask; at++) {
		uint32_t id = old->slots[at] & ID_MASK;
		const struct node *node;

		if (!id)
			continue;
		node = nodes_get(id);
		children_put(children, hash_of(node->parent, node->word), id);
	}
	__atomic_store_n(&nodes.children, children, __ATOMIC_RELEASE);
	if (old)
		safe_empty(old,
			   sizeof(*old) + count / 2 * sizeof(old->slots[0]));
	return children;
}

/* Room in the table for one more. */
static bool
children_room(void)
{
	struct children *children = nodes.children;

	return (children && nodes.placed < children->mask / 2) ||
	       children_grow(children);
}

/* Where a child can be put; NULL: in the table. */
static uint32_t *
place_in(const struct node *parent)
{
	struct node *node = parent ? nodes_get(parent->id) : NULL;

	for (int i = 0; node && i < NODE_CHILDREN; i++)
		if (!node->children[i])
			return &node->children[i];
	return NULL;
}

static bool
chunk_room(uint32_t id)
{
	struct node **chunk = &nodes_chunks[id >> NODES_CHUNK_BITS];

	if (!*chunk)
		*chunk = safe_map(NODES_CHUNK * sizeof(**chunk));
	return *chunk != NULL;
}

bool
nodes_are_full(void)
{
	return nodes_count() + 1 >= nodes_limit;
}

/* With the lock. The node becomes visible only when it is whole. */
static struct node *
node_make(const struct node *parent, uint64_t word, uint32_t ref,
	  uint32_t epoch)
{
	uint32_t *place = place_in(parent);
	uint32_t id = nodes.count + 1;
	struct node *node;

	if (nodes_are_full() || !chunk_room(id) || (!place && !children_room()))
		return NULL;
	node = nodes_get(id);
	node->word = word;
	node->parent = node_id(parent);
	node->id = id;
	node->ref = ref;
	node->epoch = epoch;
	__atomic_store_n(&nodes.count, id, __ATOMIC_RELEASE);
	if (place) {
		__atomic_store_n(place, node_tag(word) | id, __ATOMIC_RELEASE);
	} else {
		nodes.placed++;
		children_put(nodes.children, hash_of(node->parent, word), id);
	}
	return node;
}

struct node *
nodes_child_slow(const struct node *parent, uint64_t word)
{
	struct node *node = look_up(parent, word);
	uint32_t epoch;
	uint32_t ref;

	if (node)
		return node;
	/* Outside the lock: naming a code object takes one of its own. */
	epoch = (uint32_t)__atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	ref = word & PY_WORD_TAG ? py_code_intern(word) : modules_intern(word);
	safe_lock(&nodes.lock);
	node = look_up(parent, word);
	if (!node)
		node = node_make(parent, word, ref, epoch);
	safe_unlock(&nodes.lock);
	return node;
}

uint32_t
nodes_count(void)
{
	return __atomic_load_n(&nodes.count, __ATOMIC_ACQUIRE);
}

/* Another thread may have held the lock at the fork. What it was about to do
 * is either published or lost as a whole; a node that was counted but not yet
 * among the children is never found, and made again. */
void
nodes_forked(void)
{
	memset(&nodes.lock, 0, sizeof(nodes.lock));
}
