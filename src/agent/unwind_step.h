/*
 * unwind_step.h - one step outwards by the whole row, with every register
 * that is known: slower than a compact rule, and right for any row.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_UNWIND_STEP_H
#define HEAPTOP_AGENT_UNWIND_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/unwind_cfi.h"
#include "agent/unwind_stack.h"

struct unwind_registers {
	uint64_t value[ARCH_REGISTERS];
	uint32_t known; /* bit per register */
	bool is_exact;	/* pc was interrupted: it is no return address */
};

enum unwind_step {
	STEP_DONE,
	STEP_OUTERMOST,
	STEP_NO_RULE,
	STEP_BOUNDS,
	STEP_REGISTER, /* a register that is needed is not known */
};

/* Makes the registers those of the caller, by the row of their pc. range is
 * the stack of the frame and becomes that of the caller. */
enum unwind_step unwind_step_row(const struct cfi_image *,
				 const struct cfi_row *, struct unwind_bounds *,
				 struct stack_range *,
				 struct unwind_registers *);

/* Evaluates the expression at `place` (cfi_value). cfa, unless NULL, is pushed
 * first. STEP_DONE, or why not. */
enum unwind_step unwind_expression(const struct cfi_image *, int32_t place,
				   const struct unwind_registers *,
				   const struct stack_range *,
				   const uint64_t *cfa, uint64_t *result);

#endif
