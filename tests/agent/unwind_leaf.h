/*
 * unwind_leaf.h - a leaf that walks the stack it is called on and compares
 * with the truth of unwind_shapes.h.
 */
#ifndef HEAPTOP_TESTS_AGENT_UNWIND_LEAF_H
#define HEAPTOP_TESTS_AGENT_UNWIND_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind.h"
#include "agent/unwind_kept.h"
#include "unwind_shapes.h"

#define FRAMES 8192

extern _Thread_local struct unwind_bounds bounds;
extern _Thread_local struct unwind_kept kept;
extern _Thread_local uint64_t pcs[FRAMES];

/* What the last leaf found: asserted later, since a thread or a handler on
 * another stack is no place to leave by longjmp. */
struct found {
	size_t count;
	enum unwind_end end;
	bool is_true; /* the truth was found, in order and whole */
	bool is_kept_equal;
	size_t same;
	bool is_met_equal; /* or is no stack to be met in pieces */
	size_t pieces;	   /* it was met in so many */
	bool guessed;	   /* all but the innermost by one guess */
};
extern struct found found;

/* Walks from its caller, in each way. */
void leaf(void *);

#define assert_walk()                                              \
	do {                                                       \
		assert_true(found.is_true);                        \
		assert_true(found.is_kept_equal);                  \
		assert_true(found.is_met_equal);                   \
		assert_int_equal(found.end, UNWIND_END_OUTERMOST); \
	} while (0)

/* The setup of a test: nothing is found yet. */
int unwind_leaf_start(void **state);

extern const enum shape some[3];

/* Every shape alone, then all of them in every rotation. */
void call_every_shape(void);

#endif
