/*
 * tls.h - what a hook needs of its thread before anything else: 32 bytes of
 * initial-exec TLS, so that passing over a block costs one access.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_TLS_H
#define HEAPTOP_AGENT_TLS_H

#include <stdint.h>

#include "agent/hidden.h"

struct thread;

/*
 *	rate == sample_rate: thread is there, the agent is on, and countdown
 *	holds for the level that is in rate
 *
 * guard is the frame address of the hook in progress, 0 none, GUARD_FOREVER in
 * the ticker. GUARD_RECORDING is added past the true function: whoever comes
 * then is a signal handler. GUARD_PASSED: some were called meanwhile (passed in
 * struct thread says how many).
 */
struct thread_tls {
	uint64_t countdown; /* mass that passes; 0 in exact mode */
	uint32_t rate;	    /* copy of sample_rate, or SAMPLE_RATE_SLOW */
	uint32_t untimed;   /* recorded blocks until one is timed */
	uint64_t guard;
	struct thread *thread;
};
extern HIDDEN __thread struct thread_tls thread_tls;

#define GUARD_FOREVER	UINT64_MAX
#define GUARD_RECORDING UINT64_C(1)
#define GUARD_PASSED	UINT64_C(2)
#define GUARD_FLAGS	(GUARD_RECORDING | GUARD_PASSED)

#endif
