/*
 * nodes.h - the tree of stacks: a node is a frame and the stack outside it.
 *
 * A frame is a word: a return address, or a Python frame (py/py.h) when
 * PY_WORD_TAG is set. Beside it stands a ref that keeps its meaning when the
 * address is used again: a module's id (modules.h) or a code object's.
 *
 *	a stack = its innermost node; parent->id < id; NULL is outside of all
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

#include <stdint.h>

#define NODES_BITS 24
#define NODES_MAX  (1u << NODES_BITS)

#define NODE_CHILDREN 8 /* that stand in the node: one cache line in all */

struct node {
	uint64_t word;
	const struct node *parent;
	uint32_t id; /* from 1 */
	uint32_t ref;
	uint32_t site;	/* the first of its sites: domain and id (sites.c) */
	uint32_t epoch; /* of py_code_epoch, when the word was last true */
	/* The first ones, each 8 bits of a hash of its word, then its id. 0:
	 * there are no more; else the others are in the table of nodes.c. */
	uint32_t children[NODE_CHILDREN];
};

/* The node of a frame below a parent, made if it is new. NULL: no room,
 * counted as a loss. */
struct node *nodes_child(const struct node *parent, uint64_t word);

/* How many there are; ids 1..count are complete, parents before children. */
uint32_t nodes_count(void);
struct node *nodes_get(uint32_t id);

static inline uint32_t
node_id(const struct node *node)
{
	return node ? node->id : 0;
}

void nodes_forked(void);

#endif
