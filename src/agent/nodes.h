/*
 * nodes.h - the tree of stacks: a node is a frame and the stack outside it.
 *
 * A frame is a word: a return address, or a Python frame (py/py.h) when
 * PY_WORD_TAG is set. Beside it stands a ref that keeps its meaning when the
 * address is used again: a module's id (modules.h) or a code object's.
 *
 *	a stack = its innermost node; parent < id; NULL, id 0, is outside of all
 *
 * A node is found by its parent and word, which are compared in full, so that
 * no two stacks are ever mixed up. When a code object was freed since, a Python
 * node is only found if its word still means the code object of its ref; else
 * it is a new node. Nodes are never removed. Look-ups take no lock; a new node
 * takes one that guards memory only.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_NODES_H
#define HEAPTOP_AGENT_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/hidden.h"
#include "agent/py/py.h"

#define NODES_BITS 24
#define NODES_MAX  (1u << NODES_BITS)

#define NODE_CHILDREN 3 /* that stand in the node; few have more */

struct node {
	uint64_t word;
	uint32_t parent; /* its id */
	uint32_t id;	 /* from 1 */
	uint32_t ref;
	uint32_t site;	/* the first of its sites: domain and id (sites.c) */
	uint32_t epoch; /* of py_code_epoch, when the word was last true */
	/* The first ones, each 8 bits of a hash of its word, then its id. 0:
	 * there are no more; else the others are in the table of nodes.c. */
	uint32_t children[NODE_CHILDREN];
};
_Static_assert(sizeof(struct node) == 40, "a program may have a million");

#define NODES_CHUNK_BITS 12
#define NODES_CHUNK	 (1u << NODES_CHUNK_BITS)
extern HIDDEN struct node *nodes_chunks[NODES_MAX / NODES_CHUNK];

#ifdef AGENT_TEST
extern HIDDEN uint32_t nodes_limit; /* NODES_MAX; a test may want fewer */
#endif

/* How many there are; ids 1..count are complete, parents before children. */
uint32_t nodes_count(void);
bool nodes_are_full(void);
static inline struct node *
nodes_get(uint32_t id)
{
	return &nodes_chunks[id >> NODES_CHUNK_BITS][id & (NODES_CHUNK - 1)];
}

static inline uint32_t
node_tag(uint64_t word)
{
	return (uint32_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 32) &
	       ~(NODES_MAX - 1);
}

static inline const struct node *
node_parent(const struct node *node)
{
	return node->parent ? nodes_get(node->parent) : NULL;
}

/* The node of a frame below a parent, made if it is new. NULL: no room,
 * or no memory. */
struct node *nodes_child_slow(const struct node *parent, uint64_t word);
static inline struct node *
nodes_child(const struct node *parent, uint64_t word)
{
	uint32_t epoch =
	    (uint32_t)__atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	uint32_t tag = node_tag(word);

	for (int i = 0; parent && i < NODE_CHILDREN; i++) {
		uint32_t entry =
		    __atomic_load_n(&parent->children[i], __ATOMIC_ACQUIRE);
		struct node *node;

		if (!entry)
			break;
		if ((entry ^ tag) >= NODES_MAX)
			continue;
		node = nodes_get(entry ^ tag);
		if (node->word == word &&
		    (!(word & PY_WORD_TAG) ||
		     __atomic_load_n(&node->epoch, __ATOMIC_RELAXED) == epoch))
			return node;
	}
	return nodes_child_slow(parent, word);
}

static inline uint32_t
node_id(const struct node *node)
{
	return node ? node->id : 0;
}

void nodes_forked(void);

#endif
