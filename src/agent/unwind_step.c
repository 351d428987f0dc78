/*
 * unwind_step.c - applies a whole row.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_step.h"

struct step {
	const struct cfi_image *image;
	const struct unwind_registers *old;
	const struct stack_range *range;
	uint64_t cfa;
};

static enum unwind_step
find_cfa(struct step *step, const struct cfi_row *row)
{
	const struct unwind_registers *old = step->old;

	if (row->cfa_register == CFI_CFA_EXPRESSION)
		return unwind_expression(step->image, row->cfa_value, old,
					 step->range, NULL, &step->cfa);
	if (!(old->known & 1u << row->cfa_register))
		return STEP_REGISTER;
	step->cfa = old->value[row->cfa_register] + (int64_t)row->cfa_value;
	return STEP_DONE;
}

/* The caller's value of a register that the row mentions. */
static enum unwind_step
find_column(const struct step *step, cfi_column column, uint64_t *value)
{
	int32_t offset = cfi_value(column);
	uint64_t address = step->cfa + (int64_t)offset;
	enum unwind_step result = STEP_DONE;

	switch (cfi_how(column)) {
	case CFI_SAME:
	case CFI_UNDEFINED:
		return STEP_REGISTER;
	case CFI_IS:
		*value = address;
		return STEP_DONE;
	case CFI_REGISTER:
		if ((uint32_t)offset >= ARCH_REGISTERS ||
		    !(step->old->known & 1u << offset))
			return STEP_REGISTER;
		*value = step->old->value[offset];
		return STEP_DONE;
	case CFI_IS_EXPRESSION:
		return unwind_expression(step->image, offset, step->old,
					 step->range, &step->cfa, value);
	case CFI_AT_EXPRESSION:
		result = unwind_expression(step->image, offset, step->old,
					   step->range, &step->cfa, &address);
		break;
	case CFI_AT:
		break;
	}
	if (result == STEP_DONE && !stack_read(step->range, address, value))
		result = STEP_BOUNDS;
	return result;
}

/* A row that is not a signal's leads outwards on the same stack. */
static enum unwind_step
check_frame(const struct step *step, struct unwind_bounds *bounds,
	    struct stack_range *range)
{
	uint64_t sp = step->old->value[ARCH_SP];

	if (step->cfa < sp + 8)
		return STEP_NO_RULE;
	if (step->cfa > range->high && !stack_extend(bounds, range, step->cfa))
		return STEP_BOUNDS;
	return STEP_DONE;
}

static void
find_registers(const struct step *step, const struct cfi_row *row,
	       struct unwind_registers *next)
{
	const struct unwind_registers *old = step->old;

	next->known = 0;
	for (unsigned i = 0; i < ARCH_PC; i++) {
		cfi_column column = row->columns[i];

		if (cfi_how(column) == CFI_SAME) {
			next->value[i] = old->value[i];
			next->known |= old->known & ARCH_CALLEE_SAVED & 1u << i;
		} else if (find_column(step, column, &next->value[i]) ==
			   STEP_DONE) {
			next->known |= 1u << i;
		}
	}
	if (cfi_how(row->columns[ARCH_SP]) == CFI_SAME) {
		next->value[ARCH_SP] = step->cfa;
		next->known |= 1u << ARCH_SP;
	}
}

enum unwind_step
unwind_step_row(const struct cfi_image *image, const struct cfi_row *row,
		struct unwind_bounds *bounds, struct stack_range *range,
		struct unwind_registers *registers)
{
	struct step step = {.image = image, .old = registers, .range = range};
	struct unwind_registers next;
	enum unwind_step result;

	if (cfi_how(row->columns[ARCH_PC]) == CFI_UNDEFINED)
		return STEP_OUTERMOST;
	result = find_cfa(&step, row);
	if (result == STEP_DONE && !row->is_signal)
		result = check_frame(&step, bounds, range);
	if (result != STEP_DONE)
		return result;
	result =
	    find_column(&step, row->columns[ARCH_PC], &next.value[ARCH_PC]);
	if (result != STEP_DONE)
		return result;
	find_registers(&step, row, &next);
	if (!(next.known & 1u << ARCH_SP))
		return STEP_REGISTER;
	if (row->is_signal && !stack_enter(bounds, next.value[ARCH_SP], range))
		return STEP_BOUNDS;
	next.known |= 1u << ARCH_PC;
	next.is_exact = row->is_signal;
	*registers = next;
	return next.value[ARCH_PC] ? STEP_DONE : STEP_OUTERMOST;
}
