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

/* No function of code without CFI is longer. */
#define FUNCTION_MAX (64u << 10)

/* Words between sp and bp that are looked through. */
#define FRAME_WORDS 1024

/* How far apart the code of one translator can lie: what points near pc may
 * be a return address, though no module tells. */
#define TRANSLATED_SPAN (256ull << 20)

/*
 * Whether the function that pc is in may be the one that a call pushed `other`
 * for, rather than `own`. Where calls name their targets, a function that
 * begins behind pc, or before the one that own's call went to, is another.
 */
static bool
competes(uint64_t other, uint64_t own, uint64_t pc)
{
	uint64_t begin = arch_call_target((const uint8_t *)other);
	uint64_t own_begin = arch_call_target((const uint8_t *)own);

	if (begin == 0)
		return true;
	if (own_begin >= pc || pc - own_begin > FUNCTION_MAX)
		own_begin = pc - FUNCTION_MAX;
	return begin < pc && begin > own_begin;
}

/* What was known of another stack may be out of date where memory was unmapped
 * unseen, and bp may be anything: ask. */
static bool
can_read(uint64_t low, uint64_t high)
{
	for (low &= ~4095ull; low < high; low += 4096)
		if (!stack_probe(low))
			return false;
	return true;
}

static bool
is_in_module(uint64_t address)
{
	struct cfi_image image;
	const char *name;

	return module_find(address, &image, &name);
}

/*
 * Whether bp is the frame pointer of code without CFI. That cannot be known of
 * the code, but follows from the stack: if bp were not its own, its return
 * address would be found nearer to sp than the one above bp. One that is left
 * over in its locals may look the same, and ends the stack too.
 */
static __attribute__((noinline)) bool
keeps_frame_pointer(const struct walk *walk,
		    const struct unwind_registers *registers,
		    bool is_translated)
{
	uint64_t bp = registers->value[ARCH_BP];
	uint64_t sp = registers->value[ARCH_SP];
	uint64_t pc = registers->value[ARCH_PC];
	uint64_t value, own;

	if (sp % 8 != 0 || bp - sp > FRAME_WORDS * 8 ||
	    (!walk->range.is_known && !can_read(sp, bp + 16)) ||
	    !stack_read(&walk->range, bp + 8, &own) || !module_is_return(own))
		return false;
	for (; sp < bp + 8; sp += 8) {
		if (!stack_read(&walk->range, sp, &value))
			return false;
		if (is_translated &&
		    value - (pc - TRANSLATED_SPAN) < 2 * TRANSLATED_SPAN &&
		    !is_in_module(value))
			return false;
		if (module_is_return(value) && competes(value, own, pc))
			return false;
	}
	return true;
}

static __attribute__((noinline)) enum unwind_step
step_frame_pointer(struct walk *walk, struct unwind_registers *registers,
		   bool is_translated)
{
	bool may_keep = !registers->is_exact && !is_translated;
	uint64_t bp = registers->value[ARCH_BP];
	uint64_t pc, saved;

	if (!(registers->known & 1u << ARCH_BP) ||
	    bp < registers->value[ARCH_SP] || bp % 8 != 0 || bp + 16 < bp)
		return STEP_NO_RULE;
	if (bp + 16 > walk->range.high &&
	    (walk->range.is_known ||
	     !stack_extend(walk->bounds, &walk->range, bp + 16)))
		return STEP_NO_RULE;
	if (!may_keep || rule_find(registers->value[ARCH_PC]) & RULE_SPECIAL) {
		if (!keeps_frame_pointer(walk, registers, is_translated))
			return STEP_NO_RULE;
		if (may_keep)
			rule_keep(registers->value[ARCH_PC],
				  RULE_FRAME_POINTER);
	}
	if (!stack_read(&walk->range, bp + 8, &pc) ||
	    !stack_read(&walk->range, bp, &saved))
		return STEP_NO_RULE;
	registers->value[ARCH_PC] = pc;
	registers->value[ARCH_SP] = bp + 16;
	registers->value[ARCH_BP] = saved;
	registers->known = 1u << ARCH_PC | 1u << ARCH_SP | 1u << ARCH_BP;
	registers->is_exact = false;
	return STEP_DONE;
}

/* Whether somebody made the frame instead of calling: its return address is
 * where a described function begins, and no call is before it. Thus begins the
 * stack of makecontext. */
static __attribute__((noinline)) bool
is_made(const struct cfi_image *image, uint64_t pc)
{
	struct cfi_row row;

	return cfi_find_row(image, pc, &row) && !module_is_return(pc);
}

static enum unwind_step
step_out(struct walk *walk, struct unwind_registers *registers)
{
	uint64_t pc = registers->value[ARCH_PC] - !registers->is_exact;
	struct cfi_image image;
	struct cfi_row row;
	const char *name;
	bool is_module = module_find(pc, &image, &name);

	if (is_module && cfi_find_row(&image, pc, &row))
		return unwind_step_row(&image, &row, walk->bounds, &walk->range,
				       registers);
	if (stack_is_end(&walk->range, registers->value[ARCH_SP]))
		return STEP_OUTERMOST;
	if (is_module && !registers->is_exact && is_made(&image, pc + 1)) {
		rule_keep(pc + 1, RULE_SPECIAL | RULE_OUTERMOST);
		return STEP_OUTERMOST;
	}
	return step_frame_pointer(walk, registers, !is_module);
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
