/*
 * thread.h - what the agent keeps for each thread.
 *
 * A thread finds its struct through initial-exec TLS (tls.h). No destructor
 * runs. A struct belongs to a thread descriptor's address, so a later thread at
 * the same address goes on with it, counters included. For the others the
 * ticker asks the kernel, a few at each tick, whether their thread is still
 * there; if not, the counters are folded into those of all that are gone, the
 * memory is given back, and the struct waits for a new thread.
 *
 *	structs <= most threads alive at once + those gone that were not yet
 *		   asked for
 *
 * Context: hook; threads_tend and threads_first also ticker.
 */
#ifndef HEAPTOP_AGENT_THREAD_H
#define HEAPTOP_AGENT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sample.h"
#include "agent/tls.h"
#include "agent/counts.h"
#include "agent/mixed.h"
#include "agent/piece.h"
#include "agent/py/pykept.h"
#include "agent/unwind.h"
#include "agent/unwind_kept.h"
#include "heaptop/wire.h"

#define THREAD_WORDS 4096 /* the deepest stack that is kept */

/* The nodes of a stack captured last, so that the next one only has to deal
 * with the frames that differ. */
struct strand {
	uint32_t count; /* of nodes; 0: nothing is known */
	uint32_t epoch; /* of py_code_epoch, when its words were true */
	uint32_t known; /* bit by bit: which domains' sites are */
	uint32_t sites[WIRE_DOMAIN_COUNT];
	struct leaf *leaves[WIRE_DOMAIN_COUNT];
	const struct node *base;		/* outside of nodes */
	const struct node *nodes[THREAD_WORDS]; /* outermost first */
};

struct thread {
	uint64_t owner;	 /* arch_thread_pointer */
	uint64_t tenant; /* its thread's id, see thread.c; 0: nobody's */
	struct thread *next;
	uint64_t resident;     /* ticker: bytes of this struct in memory */
	uint64_t spent_cycles; /* owner: in hooks, estimated */
	uint64_t spent_blocks; /* owner: recorded in them, estimated */
	/* From here on zero in a struct that is nobody's. */
	struct sampler sampler;
	uint32_t passed;   /* calls inside the hook in progress: GUARD_PASSED */
	uint32_t era;	   /* of sites.h, when it was last looked up */
	struct leaf *leaf; /* of the site captured last */
	struct unwind_bounds bounds;
	struct counts counts;
	struct unwind_kept unwind;
	struct strand python;
	struct strand native; /* of the last stack in `unwind` */
	struct py_kept py_kept;
	uint64_t words[THREAD_WORDS]; /* being captured, innermost first */
	struct pieces pieces;
	struct mixed mixed;
};

/* The struct of the calling thread, made when it has none; NULL: no room. */
struct thread *thread_self(void);
/* The newest; `next` leads to the others. */
struct thread *threads_first(void);
uint32_t threads_count(void);
/* Takes in what threads that are gone have left; a few of them at each call.
 * Context: ticker. */
void threads_tend(void);
/* Bytes that the structs have in memory, as far as they were measured. */
uint64_t threads_resident(void);

/* From hold to release no thread's counters are folded into the others'. try:
 * false when some are just being folded, and then nothing is held. */
void threads_hold(void);
bool threads_try_hold(void);
void threads_release(void);

/* In a forked child. */
void threads_forked(void);

#endif
