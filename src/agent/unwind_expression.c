/*
 * unwind_expression.c - evaluates the DWARF expressions that frame
 * descriptions use: PLT entries, realigned stacks, signal frames.
 *
 * Source: DWARF 5, 2.5.1; operations of 6.4.2 only.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_step.h"

enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST8S = 0x0f,
	OP_CONSTU = 0x10,
	OP_CONSTS = 0x11,
	OP_DUP = 0x12,
	OP_DROP = 0x13,
	OP_OVER = 0x14,
	OP_PICK = 0x15,
	OP_SWAP = 0x16,
	OP_ROT = 0x17,
	OP_ABS = 0x19,
	OP_AND = 0x1a,
	OP_MINUS = 0x1c,
	OP_MUL = 0x1e,
	OP_NEG = 0x1f,
	OP_NOT = 0x20,
	OP_OR = 0x21,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_SHR = 0x25,
	OP_SHRA = 0x26,
	OP_XOR = 0x27,
	OP_BRA = 0x28,
	OP_EQ = 0x29,
	OP_GE = 0x2a,
	OP_GT = 0x2b,
	OP_LE = 0x2c,
	OP_LT = 0x2d,
	OP_NE = 0x2e,
	OP_SKIP = 0x2f,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_BREGX = 0x92,
	OP_DEREF_SIZE = 0x94,
	OP_NOP = 0x96,
};

#define STACK_MAX 16
#define STEPS_MAX 256

struct machine {
	const struct unwind_registers *registers;
	const struct stack_range *range;
	struct cfi_cursor code;
	const uint8_t *start;
	unsigned depth;
	uint64_t stack[STACK_MAX];
};

static bool
push(struct machine *machine, uint64_t value)
{
	if (machine->depth == STACK_MAX)
		return false;
	machine->stack[machine->depth++] = value;
	return true;
}

static bool
push_copy(struct machine *machine, uint64_t down)
{
	return down < machine->depth &&
	       push(machine, machine->stack[machine->depth - 1 - down]);
}

static bool
jump(struct machine *machine, int16_t distance)
{
	struct cfi_cursor *code = &machine->code;

	if (distance > code->end - code->at ||
	    distance < machine->start - code->at)
		return false;
	code->at += distance;
	return true;
}

/* Operations that take two values and leave one. */
static bool
run_binary(struct machine *machine, uint8_t op)
{
	uint64_t b, a, value;

	if (machine->depth < 2)
		return false;
	b = machine->stack[--machine->depth];
	a = machine->stack[--machine->depth];
	switch (op) {
	case OP_AND:
		value = a & b;
		break;
	case OP_OR:
		value = a | b;
		break;
	case OP_XOR:
		value = a ^ b;
		break;
	case OP_PLUS:
		value = a + b;
		break;
	case OP_MINUS:
		value = a - b;
		break;
	case OP_MUL:
		value = a * b;
		break;
	case OP_SHL:
		value = b < 64 ? a << b : 0;
		break;
	case OP_SHR:
		value = b < 64 ? a >> b : 0;
		break;
	case OP_SHRA:
		value = (uint64_t)((int64_t)a >> (b < 64 ? b : 63));
		break;
	case OP_EQ:
		value = a == b;
		break;
	case OP_NE:
		value = a != b;
		break;
	case OP_GE:
		value = (int64_t)a >= (int64_t)b;
		break;
	case OP_GT:
		value = (int64_t)a > (int64_t)b;
		break;
	case OP_LE:
		value = (int64_t)a <= (int64_t)b;
		break;
	case OP_LT:
		value = (int64_t)a < (int64_t)b;
		break;
	default:
		return false;
	}
	return push(machine, value);
}

/* Operations that change the top. */
static bool
run_unary(struct machine *machine, uint8_t op)
{
	unsigned size = 8;
	uint64_t *top;

	if (machine->depth < 1)
		return false;
	top = &machine->stack[machine->depth - 1];
	switch (op) {
	case OP_DEREF_SIZE:
		size = (unsigned)cfi_read(&machine->code, 1);
		if (size < 1 || size > 8)
			return false;
		/* fallthrough */
	case OP_DEREF:
		if (!stack_read(machine->range, *top, top))
			return false;
		if (size < 8)
			*top &= (1ull << 8 * size) - 1;
		return true;
	case OP_ABS:
		if ((int64_t)*top < 0)
			*top = -*top;
		return true;
	case OP_NEG:
		*top = -*top;
		return true;
	case OP_NOT:
		*top = ~*top;
		return true;
	case OP_PLUS_UCONST:
		*top += cfi_read_uleb(&machine->code);
		return true;
	}
	return false;
}

static bool
run_stack(struct machine *machine, uint8_t op)
{
	uint64_t *stack = machine->stack;
	unsigned n = machine->depth;
	uint64_t top;

	switch (op) {
	case OP_DUP:
		return push_copy(machine, 0);
	case OP_OVER:
		return push_copy(machine, 1);
	case OP_PICK:
		return push_copy(machine, cfi_read(&machine->code, 1));
	case OP_DROP:
		if (n < 1)
			return false;
		machine->depth--;
		return true;
	case OP_SWAP:
		if (n < 2)
			return false;
		top = stack[n - 1];
		stack[n - 1] = stack[n - 2];
		stack[n - 2] = top;
		return true;
	case OP_ROT:
		if (n < 3)
			return false;
		top = stack[n - 1];
		stack[n - 1] = stack[n - 2];
		stack[n - 2] = stack[n - 3];
		stack[n - 3] = top;
		return true;
	}
	return false;
}

static bool
run_flow(struct machine *machine, uint8_t op)
{
	int16_t distance = (int16_t)cfi_read(&machine->code, 2);

	if (op == OP_BRA) {
		if (machine->depth < 1)
			return false;
		if (machine->stack[--machine->depth] == 0)
			return true;
	}
	return jump(machine, distance);
}

/* 1u 1s 2u 2s 4u 4s 8u 8s, in that order. */
static bool
push_constant(struct machine *machine, uint8_t op)
{
	unsigned size = 1u << (op - OP_CONST1U) / 2;
	uint64_t value = cfi_read(&machine->code, size);

	if ((op - OP_CONST1U) % 2 && size < 8) {
		unsigned shift = 64 - 8 * size;

		value = (uint64_t)((int64_t)(value << shift) >> shift);
	}
	return push(machine, value);
}

static enum unwind_step
push_register(struct machine *machine, uint64_t number)
{
	uint64_t offset = (uint64_t)cfi_read_sleb(&machine->code);

	if (number >= ARCH_REGISTERS)
		return STEP_NO_RULE;
	if (!(machine->registers->known & 1u << number))
		return STEP_REGISTER;
	if (!push(machine, machine->registers->value[number] + offset))
		return STEP_NO_RULE;
	return STEP_DONE;
}

static bool
run_other(struct machine *machine, uint8_t op)
{
	if (op >= OP_LIT0 && op <= OP_LIT31)
		return push(machine, op - OP_LIT0);
	if (op >= OP_CONST1U && op <= OP_CONST8S)
		return push_constant(machine, op);
	switch (op) {
	case OP_ADDR:
		return push(machine, cfi_read(&machine->code, 8));
	case OP_CONSTU:
		return push(machine, cfi_read_uleb(&machine->code));
	case OP_CONSTS:
		return push(machine, (uint64_t)cfi_read_sleb(&machine->code));
	case OP_BRA:
	case OP_SKIP:
		return run_flow(machine, op);
	case OP_DEREF:
	case OP_DEREF_SIZE:
	case OP_ABS:
	case OP_NEG:
	case OP_NOT:
	case OP_PLUS_UCONST:
		return run_unary(machine, op);
	case OP_NOP:
		return true;
	}
	if (op >= OP_DUP && op <= OP_ROT)
		return run_stack(machine, op);
	return run_binary(machine, op);
}

enum unwind_step
unwind_expression(const struct cfi_image *image, int32_t place,
		  const struct unwind_registers *registers,
		  const struct stack_range *range, const uint64_t *cfa,
		  uint64_t *result)
{
	struct machine machine = {.registers = registers, .range = range};
	struct cfi_cursor *code = &machine.code;
	enum unwind_step step = STEP_DONE;
	uint64_t size;

	*code = cfi_cursor_at(image, image->start + (uint64_t)place);
	size = cfi_read_uleb(code);
	if (code->bad || size > (uint64_t)(code->end - code->at))
		return STEP_NO_RULE;
	code->end = code->at + size;
	machine.start = code->at;
	if (cfa)
		push(&machine, *cfa);
	for (unsigned n = 0; code->at < code->end; n++) {
		uint8_t op = (uint8_t)cfi_read(code, 1);

		if (op >= OP_BREG0 && op <= OP_BREG31)
			step = push_register(&machine, op - OP_BREG0);
		else if (op == OP_BREGX)
			step = push_register(&machine, cfi_read_uleb(code));
		else if (!run_other(&machine, op))
			step = STEP_NO_RULE;
		if (step != STEP_DONE)
			return step;
		if (code->bad || n >= STEPS_MAX)
			return STEP_NO_RULE;
	}
	if (machine.depth == 0)
		return STEP_NO_RULE;
	*result = machine.stack[machine.depth - 1];
	return STEP_DONE;
}
