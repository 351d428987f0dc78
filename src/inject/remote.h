/*
 * remote.h - the agent by a script that the process's own Python runs: where
 * ptrace is refused or taken, for CPython 3.14 and later.
 */
#ifndef HEAPTOP_INJECT_REMOTE_H
#define HEAPTOP_INJECT_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "inject/call.h"
#include "inject/object.h"
#include "inject/target.h"

/* Whether there is a Python that knows of scripts at all. */
bool remote_may(const struct target *, const struct regions *);

/*
 * Has the process call what `call` names, and waits until it has: *answer is
 * what the entry returned. *err says why another way could not be taken; where
 * this one fails too, that is added to it. Nothing of ours is left then, but
 * where err says so.
 */
bool remote_call(const struct target *, const struct regions *,
		 const struct call *, uint64_t until_ns, int *answer,
		 struct err *);

#endif
