/*
 * unwind_rules.h - walks a stack by rules.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_UNWIND_RULES_H
#define HEAPTOP_AGENT_UNWIND_RULES_H

#include "agent/hidden.h"
#include "agent/unwind.h"
#include "agent/unwind_stack.h"
#include "agent/unwind_stop.h"

#define likely(condition_)   __builtin_expect(!!(condition_), 1)
#define unlikely(condition_) __builtin_expect(!!(condition_), 0)

/* Keeps the compiler from choosing the base by a conditional move: a branch
 * can be predicted, and the next frame need not wait for the rule's bit. */
static inline uint64_t
opaque(uint64_t value)
{
	__asm__("" : "+r"(value));
	return value;
}

/* One walk: what unwind_walk was asked, and how far it is. */
struct walk {
	struct unwind_state state; /* of the frame taken last */
	struct unwind_state first;
	struct unwind_bounds *bounds;
	struct stack_range range;
	uint64_t stop_low;
	uint64_t stop_size;
	uint64_t *pcs;
	size_t max;
	size_t count;
	bool stopped;
	enum unwind_end end;
};

/* Walks from `first` to the end. */
void walk_by_rules(struct walk *);

/* Takes walk->state.pc as the next frame. False: the walk has ended. */
static inline bool
walk_take(struct walk *walk, uint64_t pc)
{
	if (unwind_is_stop(pc, walk->stop_low, walk->stop_size)) {
		walk->stopped = true;
		walk->end = UNWIND_END_OUTERMOST;
		return false;
	}
	if (walk->count == walk->max) {
		walk->end = UNWIND_END_FULL;
		return false;
	}
	walk->pcs[walk->count++] = pc;
	return true;
}

/*
 * Goes on from the frame taken last, whose rule is not a simple one, and takes
 * the next. Follows interrupted frames too, so that walk->state is that of a
 * return address afterwards. False: the walk has ended.
 */
bool walk_special(struct walk *, uint64_t rule);

/* Which unwinder: enum wire_unwinder, 0 before unwind_init. Written once. */
extern HIDDEN int walk_kind;

/* Compares a walk with libunwind's and counts. */
void walk_check(const uint64_t *pcs, size_t count, size_t max, bool stopped,
		enum unwind_end end);

/* Walks from `first` by rows alone, with all registers that can be known. */
void walk_by_rows(struct walk *);

#endif
