/*
 * life.h - an agent that is switched on and off while the program runs.
 *
 * There are two kinds. One that was loaded later (real_is_late) is on or gone:
 * no hook is called, there is no ticker. One that was preloaded is on or
 * asleep: the ticker waits, with a segment, for the wish to be switched on, and
 * the program calls the true functions (got.h).
 *
 * What was known when it was switched off is worth nothing any more, since
 * frees were not seen: it begins from nothing each time.
 *
 * Context: ticker, but where said.
 */
#ifndef HEAPTOP_AGENT_LIFE_H
#define HEAPTOP_AGENT_LIFE_H

#include <stdbool.h>

#include "heaptop/wire.h"

/* Not to be switched on yet: nothing is recorded. Context: setup. */
void life_sleep(void);
/* Context: any. */
bool life_is_asleep(void);

/* The ticker begins: a late agent is switched on, and one that is asleep gets
 * out of the way. */
void life_begin(void);
/* What is left to do now and then: objects and interpreters that came later.
 * forked: the loader is not to be asked. */
void life_tend(bool forked);

/* What is to be done, now that this is wished of a process that is like this:
 * LIFE_AS_IS, nothing. Whether there is a wish not looked at yet. */
bool life_is_wished(const struct wire_control *);
enum wire_life life_wish(const struct wire_control *);
/* The control page is a new one, in which nothing was wished so far. */
void life_wish_forget(void);
/* The same by a call from within. wake waits for it, two seconds at most; false:
 * it is asleep still. Context: any thread of the program. */
void life_wish_on(void);
bool life_wake(void);

/* Records from now on. True: what was published before is not true any more. */
bool life_on(void);
/* Records no more, and calls of hooks end. */
void life_off(void);

#endif
