/*
 * tree.h - sites as a tree of calls: the bytes of every branch.
 *
 * A node is a location under the way that led to it, so two stacks share the
 * nodes they have in common. Locations that read the same (function, file and
 * line, or function and module where no file is known) are one.
 *
 *   callees  the root's children are the outermost calls, and the tree grows
 *            inwards, to what allocated
 *   callers  they are the innermost ones, or those of a row (`from`), and it
 *            grows outwards
 *
 * A node's numbers are the sums over the sites whose way goes through it, each
 * site once: a function that calls itself has a node below its own. What a
 * node has beyond its children is where ways end.
 *
 * Mass is what a branch weighs on the screen, and what children are sorted by:
 * live bytes; or, of growth, what grew and what shrank below it, both counted
 * as positive, so that no branch is wider than the one it hangs from.
 *
 * Memory is bounded: when there are TREE_NODES_MAX nodes, ways of sites (the
 * smallest, to a factor of two) end at the last node that is there already;
 * `cut` counts these sites.
 */
#ifndef HEAPTOP_MODEL_TREE_H
#define HEAPTOP_MODEL_TREE_H

#include "model/query.h"

#define TREE_NODES_MAX (1u << 17)

enum tree_way { TREE_CALLEES, TREE_CALLERS };

/* Which locations callers begin at: strings, 0 any. With all 0 they begin at
 * the location that names a row of its own (query.h). */
struct tree_from {
	uint32_t file;
	uint32_t function;
	uint32_t module; /* path */
	uint32_t line;
};

struct tree_ask {
	enum tree_way way;
	bool growth; /* mass is of the change since `mark`; else of live */
	bool mine;   /* LOCATION_FOREIGN is left out where something is left */
	const struct mark *mark; /* NULL: changes count from 0 */
	const uint32_t *sites;	 /* ids from 1; NULL: all */
	size_t site_count;
	struct tree_from from; /* the innermost such location of a stack */
	size_t max;	       /* nodes; 0: TREE_NODES_MAX */
};

struct tree_node {
	struct location location; /* of the root: all 0 */
	uint32_t module;	  /* string: path; 0 none */
	uint32_t kind;		  /* enum frame_kind */
	uint32_t parent;	  /* index; smaller than its own */
	uint32_t child;		  /* the heaviest; 0 none */
	uint32_t next;		  /* sibling that is next by mass; 0 none */
	uint32_t depth;		  /* of the root: 0 */
	uint32_t site_count;
	uint64_t identity; /* the same for the same way at every build */
	uint64_t mass;
	uint64_t size; /* live bytes */
	uint64_t count;
	int64_t size_diff; /* since the mark */
	int64_t count_diff;
};

/* Reused between builds. Zeroed storage is an empty tree. */
struct tree {
	struct tree_node *nodes; /* [0] is the root */
	size_t count;		 /* 0: nothing was built */
	size_t cut;		 /* sites whose ways end too early */
	/* the rest is tree.c's own */
	size_t room;
	struct table *table;
	uint64_t *memo; /* [stack] */
	size_t memo_room;
	uint32_t *path;
	size_t path_room;
};

void tree_fini(struct tree *);
/* Asks the resolver for the names of native frames on the way. Sites without a
 * stack are left out, as of rows. */
void tree_build(struct tree *, const struct snapshot *,
		const struct tree_ask *);
/* The node of an identity; 0, the root, when there is none. */
uint32_t tree_find(const struct tree *, uint64_t identity);
/* Where callers of a row begin. */
struct tree_from tree_from_row(const struct row *, enum group);

#endif
