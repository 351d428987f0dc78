/*
 * moment.h - whether a thread that is stopped may load a library just there.
 *
 * It may not within an allocator, the loader, fork or exit: what it holds the
 * loader would wait for, for ever. None of these calls code of the program
 * while it holds a lock that cannot be had twice. So where the pc is elsewhere
 * than in the C library and in what else they consist of, all is well; where it
 * is there, the return addresses on the nearest part of the stack tell. A word
 * of the stack may be old, so this errs towards "not now". What a signal
 * handler has interrupted is looked at in the same way.
 *
 * Who sits in a system call that neither takes nor waits for such a lock, and
 * has not moved for a while, is believed to be nowhere in between.
 */
#ifndef HEAPTOP_INJECT_MOMENT_H
#define HEAPTOP_INJECT_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inject/object.h"
#include "inject/trace.h"

struct range {
	uint64_t start;
	uint64_t end;
};

struct ranges {
	struct range *list;
	size_t count;
	size_t room;
};

struct moments {
	struct ranges bad;    /* whose functions hold locks */
	struct ranges system; /* all that they call */
};

/* Looks through all objects of the process. libc is the one read already;
 * loader is where the loader's ELF header is. */
void moments_init(struct moments *, const struct regions *, int memory,
		  const struct object *libc, const struct region *libc_at,
		  uint64_t loader);
void moments_fini(struct moments *);

/* Whether the thread, stopped with these registers, may. parked: it has been
 * in the same place for a while. */
bool moment_is_good(const struct moments *, const struct trace *,
		    const struct user_regs_struct *, bool parked);

/* Whether a call that a thread waits in may be part of an allocator's or the
 * loader's work. */
bool moment_call_is_open(long call, const uint64_t args[6]);

#endif
