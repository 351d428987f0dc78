/*
 * rest.h - the ticker is no thread for a while.
 *
 * Python counts the threads of its process when it forks, and warns if there is
 * more than one; Linux refuses a process with more than one to enter another
 * user namespace. So the ticker ends before, with a last tick, and begins again
 * when a hook comes by that finds that it has been long enough: a program that
 * forks again and again pays once for all of them.
 *
 *	rest_begin ... fork ... rest_release ... hook: rest_end
 *
 * It rests until then, and is not missed: without a hook nothing changes. Only
 * what a viewer asks for has to wait.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_REST_H
#define HEAPTOP_AGENT_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"

extern HIDDEN uint32_t rest_state;
enum rest_state { REST_NONE, REST_BEGINS, REST_ON, REST_ENDS };

/* Returns when the kernel does not count the thread any more, or cannot be
 * brought to that. A rest that is long gets a tick in between. From many
 * threads at once; each calls rest_release. */
void rest_begin(void);
/* From now on it may end, but not at once. */
void rest_release(void);

static inline bool
rest_is_on(void)
{
	return __atomic_load_n(&rest_state, __ATOMIC_ACQUIRE) != REST_NONE;
}
/* Ends it, when it has been long enough. */
void rest_end(void);
/* At exit: nobody else ends it any more. False: it is not on, or is just being
 * ended by somebody. */
bool rest_take(void);

/* In a forked child. */
void rest_forked(void);

#endif
