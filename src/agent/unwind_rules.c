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

void
walk_by_rules(struct walk *walk)
{
	const uint64_t *words =
	    __atomic_load_n(&rule_table.words, __ATOMIC_ACQUIRE);
	const uint64_t generation =
	    __atomic_load_n(&rule_table.generation, __ATOMIC_ACQUIRE);
	uint64_t pc = walk->first.pc;
	uint64_t sp = walk->first.sp;
	uint64_t bp = walk->first.bp;

	if (!words) {
		walk_by_rows(walk);
		return;
	}
	if (!walk_take(walk, pc))
		return;
	for (;;) {
		uint64_t rule = rule_probe(words, pc, generation);
		uint64_t cfa, slot, saved;

		if (__builtin_expect(rule == 0, 0))
			rule = rule_find(pc);
		if (__builtin_expect(rule & RULE_SPECIAL, 0)) {
			walk->state = (struct unwind_state){pc, sp, bp};
			if (!walk_special(walk, rule))
				return;
			pc = walk->state.pc;
			sp = walk->state.sp;
			bp = walk->state.bp;
			continue;
		}
		cfa = (rule & RULE_BASE_BP ? bp : sp) + rule_k(rule);
		slot = cfa - 8 * rule_n(rule);
		if (__builtin_expect(slot - sp > cfa - 8 - sp ||
					 cfa > walk->range.high,
				     0)) {
			if (slot - sp > cfa - 8 - sp || !cross(walk, cfa)) {
				walk->end = UNWIND_END_BOUNDS;
				return;
			}
		}
		saved = *(const uint64_t *)slot;
		pc = *(const uint64_t *)(cfa - 8);
		bp = rule_n(rule) == 1 ? bp : saved;
		sp = cfa;
		if (__builtin_expect(pc == 0, 0)) {
			walk->end = UNWIND_END_OUTERMOST;
			return;
		}
		if (__builtin_expect(!walk_take(walk, pc), 0))
			return;
	}
}
