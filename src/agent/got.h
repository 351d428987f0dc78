/*
 * got.h - which functions the program calls: the hooks or the true ones.
 *
 * A library that is preloaded comes first in the loader's order, and so its
 * hooks are what everybody finds. One that comes later, by dlopen, is found by
 * nobody; and a hook that only forwards costs more than none. So this changes
 * the words in which loaded objects keep the addresses of functions of others:
 * their global offset tables, and data that was initialised with one.
 *
 * A word is changed only if it holds the function that we know of, the hook or
 * the true one, or if the object has not called it yet. An object in which one
 * of the functions is somebody else's is left alone as far as that goes.
 *
 * Context: ticker, but where said. Calls of functions whose address the program
 * took by dlsym stay as they are.
 */
#ifndef HEAPTOP_AGENT_GOT_H
#define HEAPTOP_AGENT_GOT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/hidden.h"

/* Of every object that is loaded now, and with got_follow of those to come. */
void got_point(bool to_hooks);
/* Objects that were loaded or closed since; cheap when there were none. */
void got_follow(void);
/* Objects will come at once: got_follow is to be called every few
 * milliseconds, as got_is_urgent says, for a while. Context: hook. */
void got_hurry(void);
bool got_is_urgent(void);

/* Around a fork, in the parent: the loader's lock must not be held by the
 * ticker, which the child does not have. Context: any. */
void got_hold(void);
void got_release(void);
/* In a forked child. If its parent had threads, one of them may have held that
 * lock: then objects that come later are not looked at. */
void got_forked(void);

/* Everything in hooks.def, ended by one without a name. */
struct got_hook {
	const char *name;
	void (*hook)(void);
	size_t real; /* where the true one is in struct real */
};
extern HIDDEN const struct got_hook got_hooks[];

#endif
