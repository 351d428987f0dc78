/*
 * unwind_stack.h - which memory is the stack of the calling thread.
 *
 * Context: hook. One syscall per new page of a stack that is not known yet,
 * none afterwards.
 *
 * The main thread's stack ends at __libc_stack_end and may grow down as far as
 * its limit lets it: no mapping is put there. The stack of a pthread ends at
 * its descriptor; what lies between sp and that is known to be one piece once
 * every page of it has been probed. Of any other stack (sigaltstack, coroutine)
 * only what has been probed is known. Many of them are remembered by the page
 * that sp was in, so that a program may switch between hundreds; all of that
 * is forgotten as soon as memory was unmapped (unwind_unmapped), since they may
 * be gone then.
 */
#ifndef HEAPTOP_AGENT_UNWIND_STACK_H
#define HEAPTOP_AGENT_UNWIND_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/unwind.h"

/* Memory that may be read. is_known: up to the end of the thread's own stack;
 * else only what has been probed, and high may be moved. */
struct stack_range {
	uint64_t low;
	uint64_t high;
	bool is_known;
};

/* Once, in set-up: finds the main thread's stack. */
void stack_init(void);

/* The range that holds sp, learned if need be. Inline in the common case. */
bool stack_learn(struct unwind_bounds *, uint64_t sp, struct stack_range *);

static inline bool
stack_enter(struct unwind_bounds *bounds, uint64_t sp,
	    struct stack_range *range)
{
	if (sp - bounds->low < bounds->high - bounds->low) {
		range->low = bounds->low;
		range->high = bounds->high;
		range->is_known = true;
		return true;
	}
	return stack_learn(bounds, sp, range);
}

/* Moves the high end of a range that is not known to at least `high`. */
bool stack_extend(struct unwind_bounds *, struct stack_range *, uint64_t high);

/* Whether sp is where the program began: no frame is further out. */
bool stack_is_end(const struct stack_range *, uint64_t sp);

/* Reads a word that may be anywhere. */
bool stack_read(const struct stack_range *, uint64_t address, uint64_t *value);

/* Whether the byte at address can be read now: asks the kernel. */
bool stack_probe(uint64_t address);

/* Probed ranges are not to be trusted any more. */
void stack_forget(void);

#endif
