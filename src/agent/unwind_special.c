/*
 * unwind_special.c - the steps that no compact rule can say: by the whole row,
 * through signal frames, and over code without CFI.
 *
 * Context: hook. Rare; a few hundred nanoseconds a frame.
 */
#include "config.h"

#include "agent/unwind_rules.h"

#include "agent/unwind_module.h"
#include "agent/unwind_step.h"
#include "agent/unwind_table.h"

/* Code without CFI that keeps a frame pointer: believed if the chain leads
 * outwards on this stack, into code of a module. */
static enum unwind_step
step_frame_pointer(struct walk *walk, struct unwind_registers *registers)
{
	uint64_t bp = registers->value[ARCH_BP];
	uint64_t sp = registers->value[ARCH_SP];
	uint64_t pc, saved;

	if (!(registers->known & 1u << ARCH_BP) || bp < sp || bp % 8 != 0 ||
	    bp + 16 < bp)
		return STEP_NO_RULE;
	if (bp + 16 > walk->range.high &&
	    (walk->range.is_known ||
	     !stack_extend(walk->bounds, &walk->range, bp + 16)))
		return STEP_NO_RULE;
	if (!stack_read(&walk->range, bp + 8, &pc) ||
	    !stack_read(&walk->range, bp, &saved) || !module_has_code(pc - 1))
		return STEP_NO_RULE;
	registers->value[ARCH_PC] = pc;
	registers->value[ARCH_SP] = bp + 16;
	registers->value[ARCH_BP] = saved;
	registers->known = 1u << ARCH_PC | 1u << ARCH_SP | 1u << ARCH_BP;
	registers->is_exact = false;
	return STEP_DONE;
}

static enum unwind_step
step_out(struct walk *walk, struct unwind_registers *registers)
{
	uint64_t pc = registers->value[ARCH_PC] - !registers->is_exact;
	struct cfi_image image;
	struct cfi_row row;
	const char *name;

	if (!module_find(pc, &image, &name) || !cfi_find_row(&image, pc, &row))
		return step_frame_pointer(walk, registers);
	return unwind_step_row(&image, &row, walk->bounds, &walk->range,
			       registers);
}

static bool
end_with(struct walk *walk, enum unwind_step step)
{
	switch (step) {
	case STEP_DONE:
		return true;
	case STEP_OUTERMOST:
		walk->end = UNWIND_END_OUTERMOST;
		return false;
	case STEP_BOUNDS:
		walk->end = UNWIND_END_BOUNDS;
		return false;
	case STEP_NO_RULE:
	case STEP_REGISTER:
		walk->end = UNWIND_END_NO_RULE;
		return false;
	}
	return false;
}

static void
registers_of(const struct unwind_state *state,
	     struct unwind_registers *registers)
{
	registers->value[ARCH_PC] = state->pc;
	registers->value[ARCH_SP] = state->sp;
	registers->value[ARCH_BP] = state->bp;
	registers->known = 1u << ARCH_PC | 1u << ARCH_SP | 1u << ARCH_BP;
	registers->is_exact = false;
}

void
walk_by_rows(struct walk *walk)
{
	struct unwind_registers registers;

	registers_of(&walk->first, &registers);
	walk->count = 0;
	if (!stack_enter(walk->bounds, walk->first.sp, &walk->range))
		walk->range = (struct stack_range){0, 0, false};
	while (walk_take(walk, registers.value[ARCH_PC]))
		if (!end_with(walk, step_out(walk, &registers)))
			return;
}

/* A register besides sp and bp is needed: it may have been saved by a frame
 * that has been passed already, so the walk begins anew and tracks them all. */
static bool
walk_again(struct walk *walk)
{
	walk_by_rows(walk);
	return false;
}

bool
walk_special(struct walk *walk, uint64_t rule)
{
	struct unwind_registers registers;
	enum unwind_step step;

	if (rule_k(rule) == RULE_OUTERMOST)
		return end_with(walk, STEP_OUTERMOST);
	registers_of(&walk->state, &registers);
	do {
		step = step_out(walk, &registers);
		if (step == STEP_REGISTER)
			return walk_again(walk);
		if (!end_with(walk, step) ||
		    !walk_take(walk, registers.value[ARCH_PC]))
			return false;
	} while (registers.is_exact);
	walk->state.pc = registers.value[ARCH_PC];
	walk->state.sp = registers.value[ARCH_SP];
	walk->state.bp =
	    registers.known & 1u << ARCH_BP ? registers.value[ARCH_BP] : 0;
	return true;
}
