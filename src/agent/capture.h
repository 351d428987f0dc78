/*
 * capture.h - the stack that runs now, and its site.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_CAPTURE_H
#define HEAPTOP_AGENT_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/py/pykept.h"
#include "agent/thread.h"
#include "agent/unwind.h"
#include "heaptop/wire.h"

/* The site of the calling thread's stack, from state outwards; its counters
 * are in thread->leaf. 0: it has none; sites_are_full says why. */
uint32_t capture_site_slow(struct thread *, enum wire_domain,
			   const struct unwind_state *);
static inline uint32_t
capture_site(struct thread *thread, enum wire_domain domain,
	     const struct unwind_state *state)
{
	uint32_t site = pieces_quick(&thread->pieces, state, &thread->bounds,
				     domain, &thread->leaf);

	return __builtin_expect(site != 0, 1)
		   ? site
		   : capture_site_slow(thread, domain, state);
}

/* The same, for a block of one of Python's allocators, whose hook has this
 * frame. same: py_kept_look's answer. */
uint32_t capture_python_slow(struct thread *, enum wire_domain,
			     const void *frame, bool same);
static inline uint32_t
capture_python(struct thread *thread, enum wire_domain domain,
	       const void *frame)
{
	const struct strand *strand = &thread->python;
	bool same =
	    py_kept_look(&thread->py_kept, domain != WIRE_DOMAIN_PYMEM_RAW);

	if (__builtin_expect(same && strand->known >> domain & 1, 1)) {
		thread->leaf = strand->leaves[domain];
		return strand->sites[domain];
	}
	return capture_python_slow(thread, domain, frame, same);
}

/* The sites that the thread remembers are not to be used any more. */
void capture_forget(struct thread *);

#endif
