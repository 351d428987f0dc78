/*
 * capture.h - the stack that runs now, and its site.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_CAPTURE_H
#define HEAPTOP_AGENT_CAPTURE_H

#include <stdint.h>

#include "agent/unwind.h"
#include "heaptop/wire.h"

struct thread;

/* The site of the calling thread's stack, from state outwards; its counters
 * are in thread->kept.leaf. 0: no room. */
uint32_t capture_site(struct thread *, enum wire_domain,
		      const struct unwind_state *);

#endif
