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

#include <stdint.h>

#include "agent/counts.h"
#include "agent/sites.h"
#include "agent/unwind.h"

#define THREAD_WORDS 1024 /* the deepest stack that is kept */
#define THREAD_MEMO  256

/* The sites this thread met last, by hash. */
struct memo {
	struct site *site;
	struct leaf *leaf;
};

struct thread {
	uint64_t owner; /* arch_thread_pointer */
	struct thread *next;
	struct unwind_bounds bounds;
	struct memo memo[THREAD_MEMO];
	uint64_t words[THREAD_WORDS];
	struct counts counts;
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
