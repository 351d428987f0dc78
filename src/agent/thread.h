/*
 * thread.h - what the agent keeps for each thread.
 *
 * A thread finds its struct through 16 bytes of initial-exec TLS. Structs are
 * never freed: one belongs to a thread descriptor's address, so a later thread
 * at the same address goes on with the struct, counters included, and their
 * number follows the most threads that were alive at once. No destructor runs.
 *
 * Context: hook; threads_first also ticker.
 */
#ifndef HEAPTOP_AGENT_THREAD_H
#define HEAPTOP_AGENT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/counts.h"
#include "agent/path.h"
#include "agent/unwind.h"
#include "agent/unwind_kept.h"

#define THREAD_WORDS 4096 /* the deepest stack that is kept */

/* The nodes of a stack captured last, so that the next one only has to deal
 * with the frames that differ. */
struct strand {
	uint32_t count;	 /* of nodes; 0: nothing is known */
	uint32_t epoch;	 /* of py_code_epoch, when its words were true */
	uint32_t domain; /* of the site; PATH_NO_DOMAIN: it has none */
	uint32_t site;
	struct leaf *leaf;
	struct path *path;	 /* that it was found by, or NULL */
	const struct node *base; /* outside of nodes */
	const struct node *nodes[THREAD_WORDS]; /* outermost first */
};

struct thread {
	uint64_t owner; /* arch_thread_pointer */
	struct thread *next;
	int64_t countdown; /* sampled mode: bytes until the next point */
	uint64_t random;   /* 0: not begun */
	struct leaf *leaf; /* of the site captured last */
	struct unwind_bounds bounds;
	struct counts counts;
	struct unwind_kept unwind;
	struct strand python;
	struct strand native; /* of the last stack in `unwind` */
	size_t py_count;
	uint64_t py_words[THREAD_WORDS];
	uint64_t words[THREAD_WORDS]; /* being captured, innermost first */
	struct paths paths;
};

/*
 * guard is the frame address of the hook in progress, 0 none, GUARD_FOREVER in
 * the ticker. recording: past the true function, so whoever comes now is a
 * signal handler.
 */
struct thread_tls {
	struct thread *thread;
	uint64_t guard;
	bool recording;
};
extern __thread struct thread_tls thread_tls;

#define GUARD_FOREVER UINT64_MAX

/* The struct of the calling thread, made when it has none; NULL: no room. */
struct thread *thread_self(void);
/* The newest; `next` leads to the others. */
struct thread *threads_first(void);
uint32_t threads_count(void);

#endif
