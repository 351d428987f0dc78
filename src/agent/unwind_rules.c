/*
 * unwind_rules.c - the loop of the hot path: one probe of the table and two
 * loads from the stack a frame.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_rules.h"

#include "agent/unwind_table.h"

/* The step leads out of the range: a bad one, or one into pages of an unknown
 * stack that have not been probed. */
static __attribute__((noinline)) bool
cross(struct walk *walk, uint64_t cfa)
{
	if (cfa > walk->range.high && !walk->range.is_known &&
	    stack_extend(walk->bounds, &walk->range, cfa))
		return true;
	walk->end = UNWIND_END_BOUNDS;
	return false;
}

/* Takes plain values, so that those of the loop stay in registers. */
static __attribute__((noinline)) bool
step_special(struct walk *walk, uint64_t rule, uint64_t pc, uint64_t sp,
	     uint64_t bp)
{
	walk->state.pc = pc;
	walk->state.sp = sp;
	walk->state.bp = bp;
	return walk_special(walk, rule);
}

void
walk_by_rules(struct walk *walk)
{
	const uint64_t *const words =
	    __atomic_load_n(&rule_table.words, __ATOMIC_ACQUIRE);
	const uint64_t generation =
	    __atomic_load_n(&rule_table.generation, __ATOMIC_ACQUIRE);
	const uint64_t stop_low = walk->stop_low;
	const uint64_t stop_size = walk->stop_size;
	uint64_t *const pcs = walk->pcs;
	const size_t max = walk->max;
	uint64_t high = walk->range.high;
	uint64_t pc = walk->first.pc;
	uint64_t sp = walk->first.sp;
	uint64_t bp = walk->first.bp;
	size_t n = 0;

	if (!words) {
		walk_by_rows(walk);
		return;
	}
	for (;;) {
		uint64_t rule, cfa, slot, saved;

		if (unlikely(unwind_is_stop(pc, stop_low, stop_size) ||
			     n == max)) {
			walk->count = n;
			walk_take(walk, pc);
			return;
		}
		pcs[n++] = pc;
	again:
		rule = rule_probe(words, pc, generation);
		if (unlikely(rule == 0))
			rule = rule_find(pc);
		if (unlikely(rule & RULE_SPECIAL)) {
			walk->count = n;
			if (!step_special(walk, rule, pc, sp, bp))
				return;
			n = walk->count;
			high = walk->range.high;
			pc = walk->state.pc;
			sp = walk->state.sp;
			bp = walk->state.bp;
			goto again;
		}
		if (rule & RULE_BASE_BP)
			cfa = opaque(bp) + rule_k(rule);
		else
			cfa = sp + rule_k(rule);
		slot = cfa - 8 * rule_n(rule);
		if (unlikely(cfa > high)) {
			if (!cross(walk, cfa))
				break;
			high = walk->range.high;
		}
		if (unlikely(slot < sp || cfa < slot))
			break;
		saved = *(const uint64_t *)slot;
		pc = *(const uint64_t *)(cfa + ARCH_RETURN_AT);
		bp = rule_n(rule) == 1 ? bp : saved;
		sp = cfa;
		if (unlikely(pc == 0)) {
			walk->count = n;
			walk->end = UNWIND_END_OUTERMOST;
			return;
		}
	}
	walk->count = n;
	walk->end = UNWIND_END_BOUNDS;
}
