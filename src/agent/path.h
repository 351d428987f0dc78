/*
 * path.h - stacks that a thread has met, by their words.
 *
 * A path is the inner part of a stack, as words (nodes.h), on top of a base:
 * the node of the stack outside of it, or none. It says which node, and for a
 * domain which site, that stack is. Found by a hash, compared word by word.
 *
 * Context: hook. One per thread, touched by it alone, zero at first. A signal
 * handler may leave by longjmp while a path is made: it is published last.
 */
#ifndef HEAPTOP_AGENT_PATH_H
#define HEAPTOP_AGENT_PATH_H

#include "agent/scroll.h"

#define PATH_WORDS     48 /* the most a path has */
#define PATH_SETS      2048
#define PATH_NO_DOMAIN 255 /* the node is wanted, no site */

/* What a path is looked up by. */
struct path_key {
	const uint64_t *words; /* innermost first */
	size_t count;
	const struct node *base;
	uint32_t domain;
	uint32_t epoch; /* of py_code_epoch, for Python words */
};

struct path {
	uint64_t hash;
	const struct node *base;
	const struct node *node;
	struct leaf *leaf; /* of the site */
	uint32_t site;
	uint32_t epoch;
	uint32_t domain;
	uint32_t count;
	uint64_t words[];
};

struct paths {
	uint32_t index[PATH_SETS][2]; /* positions, the newer first */
	struct scroll scroll;
};

/* Forgets all. */
void paths_begin(struct paths *);
/* NULL: not known. */
const struct path *path_find(struct paths *, const struct path_key *);
void path_add(struct paths *, const struct path_key *, const struct node *,
	      uint32_t site, struct leaf *);

#endif
