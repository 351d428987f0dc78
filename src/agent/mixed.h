/*
 * mixed.h - stacks with every native frame where it belongs.
 *
 * Where Python runs, the native stack has calls of the interpreter's loop. Each
 * call runs some Python frames, the run (py/py.h), and in a mixed stack these
 * stand in its place:
 *
 *	malloc's caller ... | frames of a run | ... C that called back ...
 *	| frames of the run further out | ... | main
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_MIXED_H
#define HEAPTOP_AGENT_MIXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind.h"

struct thread;

#define MIXED_WORDS 4096 /* of the deepest stack that is kept */

/* One per thread, zero at first, touched by it alone. */
struct mixed {
	bool is_followed; /* set by the caller: it took over the last trace */
	uint32_t last;	  /* which of the words are its */
	uint32_t counts[2];
	uint64_t words[2][MIXED_WORDS];
	uint64_t runs[2 * MIXED_WORDS]; /* as py_walk_runs gives them */
};

struct mixed_trace {
	const uint64_t *words; /* innermost first; good until the next walk */
	size_t count;
	size_t same;  /* so many of the outermost are those of the last trace */
	bool is_full; /* there are more, further out */
	bool is_python_cut;
	enum unwind_end end; /* of the native walk */
};

/*
 * Walks the calling thread's stack from state outwards. gil: as with py_walk.
 *
 * What is further out than the outermost Python frame is kept if the walk came
 * to the end of the stack without meeting a call of the loop again. Otherwise
 * it is another's, a coroutine's caller, say, and may be stale.
 */
void mixed_walk(struct thread *, const struct unwind_state *, bool gil,
		struct mixed_trace *);

#endif
