/*
 * path.h - stacks that a thread has met, by their words.
 *
 * A path is the inner part of a stack, as words (nodes.h), on top of a base:
 * the node of the stack outside of it, or none. It says which node, and for a
 * domain which site, that stack is. Paths are found by a hash and compared
 * word by word.
 *
 * A native path may carry its shape: where, from sp, each return address was
 * read, and what bp had to be where a rule goes by it. If a stack has, at the
 * places of a shape, the words of a path of that shape, a walk by rules would
 * go exactly there: the rule of each word leads to the place of the next. So
 * the loads need not wait for each other, nor for rules. Which shape to try is
 * guessed from the call, the height of the stack and one caller.
 *
 * Paths lie in a log that begins anew when it is full; whoever points into
 * what was overwritten is found out by its position.
 *
 * Context: hook. One per thread, touched by it alone, zero at first. A signal
 * handler may leave by longjmp while a path is made: it is published last.
 */
#ifndef HEAPTOP_AGENT_PATH_H
#define HEAPTOP_AGENT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind_kept.h"

#define PATH_WORDS  UNWIND_SHAPE_WORDS /* the most a path has */
#define PATH_UNIT   16
#define PATH_UNITS  65536 /* 1 MiB of log, touched as it fills */
#define PATH_SETS   2048
#define PATH_HINTS  1024
#define PATH_FIRSTS 256

/* What a path is looked up by. words: innermost first, `count` of them, and
 * for a shape the word that ended the walk, in all `total`. */
struct path_key {
	const uint64_t *words;
	size_t count;
	size_t total;
	const struct node *base;
	uint32_t domain; /* PATH_NO_DOMAIN: the node is wanted, no site */
	uint32_t epoch;	 /* of py_code_epoch, for Python words */
};
#define PATH_NO_DOMAIN 255

struct path {
	uint64_t hash;
	const struct node *base;
	const struct node *node;
	struct leaf *leaf; /* of the site */
	uint32_t site;
	uint32_t epoch;
	uint32_t span; /* bytes from sp to the end of what a shape reads */
	uint16_t count;
	uint16_t total;
	uint8_t domain;
	uint8_t checks;
	bool has_shape;
	bool stopped;	  /* ended at the interpreter's loop */
	uint64_t words[]; /* total, then checks, then offsets */
};

struct paths {
	uint64_t rules;
	uint64_t stop;
	uint32_t head;		      /* units ever written */
	uint16_t firsts[PATH_FIRSTS]; /* of a call: its caller's offset */
	uint32_t hints[PATH_HINTS];   /* positions, 0 none */
	uint32_t index[PATH_SETS][2]; /* positions, the newer first */
	_Alignas(PATH_UNIT) char log[PATH_UNITS * PATH_UNIT];
};

static inline const struct unwind_check *
path_checks(const struct path *path)
{
	return (const struct unwind_check *)&path->words[path->total];
}

static inline const uint16_t *
path_offsets(const struct path *path)
{
	return (const uint16_t *)(path_checks(path) + path->checks);
}

/* NULL: not known. */
struct path *path_find(struct paths *, const struct path_key *);

/*
 * The path of the stack that runs now, in a known stack that ends at `high`;
 * NULL: not found this way. base is asked for what lies outside of a path that
 * ended at the interpreter's loop.
 */
struct path *path_meet(struct paths *, const struct unwind_state *,
		       uint64_t high, uint32_t domain,
		       const struct node *(*base)(void *), void *context);

/*
 * Makes a path, with room for all of key; its node, site and leaf are the
 * caller's to fill, then path_publish makes it known. shape: NULL, or how the
 * walk from state went.
 */
struct path *path_make(struct paths *, const struct path_key *,
		       const struct unwind_shape *);
void path_publish(struct paths *, struct path *);
/* A walk from there is guessed to be of that path's shape. */
void path_hint(struct paths *, const struct unwind_state *, uint64_t high,
	       const struct path *);

/* Forgets all when rules or the interpreter's loop (stop) changed since. */
void path_refresh(struct paths *, uint64_t stop);

#endif
