/*
 * unwind.h - the native stack of the calling thread.
 *
 * Context: hook. No lock, no allocation, no syscall (but to probe an unknown
 * stack), no call into the loader but _dl_find_object; at most 2 KiB of stack.
 *
 * Walks by rules: the rule of a pc says where its caller's frame is, is read
 * once from the CFI in .eh_frame, and kept in a table keyed by pc. A row that
 * is not of the simple form is evaluated by the same reader, or ends the stack.
 */
#ifndef HEAPTOP_AGENT_UNWIND_H
#define HEAPTOP_AGENT_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/hidden.h"

/* The machine state of a frame whose caller is wanted (x86-64 names). */
struct unwind_state {
	uint64_t pc; /* a return address */
	uint64_t sp; /* the stack pointer just after the return to pc */
	uint64_t bp;
};

/* A page of a stack that is not the thread's own, and up to where the pages
 * above it can be read; known while nothing was unmapped. */
struct unwind_probed {
	uint64_t page;
	uint64_t high;
	uint32_t stamp; /* 0: empty */
};

#define UNWIND_PROBED 256

/* The stacks of this thread that may be read; kept per thread by the caller,
 * zero at first; unwind fills and refreshes it. 12 KiB, of which only the
 * first words are touched unless there are other stacks. */
struct unwind_bounds {
	uint64_t low; /* of the thread's own stack */
	uint64_t high;
	struct unwind_probed probed[UNWIND_PROBED][2]; /* the newer first */
};

enum unwind_end {
	UNWIND_END_OUTERMOST, /* reached the outermost frame, or stop range */
	UNWIND_END_FULL,      /* max frames taken */
	UNWIND_END_NO_RULE,   /* no CFI and no way on */
	UNWIND_END_BOUNDS,    /* left the stack */
};

/* Once, from the agent's set-up. kind: enum wire_unwinder. Returns false when
 * that kind cannot be had (libunwind missing); rules are used then. */
bool unwind_init(int kind);

/*
 * Writes the pcs of the frames from state outwards, state.pc first, each a
 * return address. Stops before a pc in [stop_low, stop_high) (0, 0: never;
 * unwind_stop.h: or in parts of that; *stopped tells). Returns how many; *end
 * says why it ended.
 */
size_t unwind_walk(struct unwind_state state, struct unwind_bounds *bounds,
		   uint64_t stop_low, uint64_t stop_high, uint64_t *pcs,
		   size_t max, bool *stopped, enum unwind_end *end);

/* A module may have been unmapped, or what walks stop at is another: no rule
 * older than this call is used. */
void unwind_modules_changed(void);
/* Counts its calls, from 1. */
extern HIDDEN uint64_t unwind_changes;

/* Reads the list of modules again, where the loader cannot be asked from a
 * hook (glibc before 2.35). Context: setup, ticker; takes the loader's lock. */
void unwind_modules_scan(void);

/* Memory was unmapped or protected: stacks of coroutines may be gone. Cheap. */
void unwind_unmapped(void);

/* In a forked child, before anything else runs there. */
void unwind_forked(void);

/* The module that holds pc, without a lock. False when there is none. name is
 * the loader's (may be "" for the executable), valid while it stays loaded. */
struct unwind_module {
	uint64_t start;
	uint64_t end;
	uint64_t bias;
	const char *name;
};
bool unwind_find_module(uint64_t pc, struct unwind_module *module);

/* How many walks --unwinder check compared, and how many differed. */
void unwind_check_counts(uint64_t *compared, uint64_t *differed);

#endif
