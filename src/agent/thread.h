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
#include "agent/unwind.h"
#include "agent/unwind_kept.h"

#define THREAD_WORDS 4096 /* the deepest stack that is kept */
#define THREAD_MEMO  512  /* pairs */

/* Stacks this thread met, by the hash of all their words; in pairs, the newer
 * first. */
struct memo {
	uint64_t hash;
	uint32_t epoch; /* of py_code_epoch, when it was stored */
	uint32_t site;
	const struct node *node; /* NULL: empty */
	struct leaf *leaf;
};

/*
 * The stack captured last, outermost first, so that the next one only has to
 * deal with the frames that differ.
 *
 *	node[i] is the stack of word[0..i]; hash[i] is the sum of the words'
 *	hashes up to there, each by its place
 */
struct kept {
	uint32_t count;
	uint32_t domain; /* of the site */
	uint32_t site;	 /* 0: the stack has none */
	bool is_trace;	 /* its words are those of the last native walk */
	struct leaf *leaf;
	uint32_t epoch;
	uint64_t word[THREAD_WORDS];
	uint64_t hash[THREAD_WORDS];
	const struct node *node[THREAD_WORDS];
};

struct thread {
	uint64_t owner; /* arch_thread_pointer */
	struct thread *next;
	int64_t countdown; /* sampled mode: bytes until the next point */
	uint64_t random;   /* 0: not begun */
	struct unwind_bounds bounds;
	struct memo memo[THREAD_MEMO][2];
	struct counts counts;
	struct unwind_kept unwind;
	struct kept kept;
	uint64_t words[THREAD_WORDS]; /* being captured, innermost first */
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
