/*
 * unwind_cfi.c - finds the frame description of a pc and runs its program.
 *
 *	.eh_frame_hdr      .eh_frame
 *	[loc, fde] ...     CIE: factors, first instructions
 *	[loc, fde] ------> FDE: its CIE, [loc, loc + range), instructions
 *
 * The instructions build a table of rows, one per change of loc; only the
 * row that holds the pc is kept.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_cfi.h"

#include <string.h>

enum {
	/* Pointer encodings: a format, what it is relative to, a flag. */
	ENC_OMIT = 0xff,
	ENC_FORMAT = 0x0f,
	ENC_ABSPTR = 0x00,
	ENC_ULEB = 0x01,
	ENC_UDATA2 = 0x02,
	ENC_UDATA4 = 0x03,
	ENC_UDATA8 = 0x04,
	ENC_SLEB = 0x09,
	ENC_SDATA2 = 0x0a,
	ENC_SDATA4 = 0x0b,
	ENC_SDATA8 = 0x0c,
	ENC_BASE = 0x70,
	ENC_PCREL = 0x10,
	ENC_DATAREL = 0x30,
	ENC_INDIRECT = 0x80,
};

enum {
	OP_ADVANCE = 0x40, /* the upper two bits; the operand is below */
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0,
	OP_NOP = 0x00,
	OP_SET_LOC = 0x01,
	OP_ADVANCE1 = 0x02,
	OP_ADVANCE2 = 0x03,
	OP_ADVANCE4 = 0x04,
	OP_OFFSET_EXTENDED = 0x05,
	OP_RESTORE_EXTENDED = 0x06,
	OP_UNDEFINED = 0x07,
	OP_SAME_VALUE = 0x08,
	OP_REGISTER = 0x09,
	OP_REMEMBER = 0x0a,
	OP_RESTORE_STATE = 0x0b,
	OP_DEF_CFA = 0x0c,
	OP_DEF_CFA_REGISTER = 0x0d,
	OP_DEF_CFA_OFFSET = 0x0e,
	OP_DEF_CFA_EXPRESSION = 0x0f,
	OP_EXPRESSION = 0x10,
	OP_OFFSET_EXTENDED_SF = 0x11,
	OP_DEF_CFA_SF = 0x12,
	OP_DEF_CFA_OFFSET_SF = 0x13,
	OP_VAL_OFFSET = 0x14,
	OP_VAL_OFFSET_SF = 0x15,
	OP_VAL_EXPRESSION = 0x16,
	OP_GNU_ARGS_SIZE = 0x2e,
	OP_GNU_NEGATIVE_OFFSET = 0x2f,
};

#define REMEMBER_MAX	 2 /* gcc and clang nest one deep */
#define INSTRUCTIONS_MAX 20000

/* A CIE, as far as its FDEs need it. */
struct cie {
	uint64_t code_factor;
	int64_t data_factor;
	uint8_t encoding; /* of the FDE's addresses */
	bool is_signal;
	bool has_augmentation; /* FDEs carry a length of it too */
	struct cfi_cursor code;
};

/* The machine that runs the instructions. */
struct machine {
	const struct cfi_image *image;
	const struct cie *cie;
	uint64_t loc;
	uint64_t target;
	struct cfi_row *row;
	const struct cfi_row *initial; /* NULL while the CIE's run */
	unsigned depth;
	struct cfi_row saved[REMEMBER_MAX];
};

static uint64_t
read_format(struct cfi_cursor *cursor, uint8_t encoding)
{
	switch (encoding & ENC_FORMAT) {
	case ENC_ABSPTR:
	case ENC_UDATA8:
	case ENC_SDATA8:
		return cfi_read(cursor, 8);
	case ENC_UDATA4:
		return cfi_read(cursor, 4);
	case ENC_SDATA4:
		return (uint64_t)(int32_t)cfi_read(cursor, 4);
	case ENC_UDATA2:
		return cfi_read(cursor, 2);
	case ENC_SDATA2:
		return (uint64_t)(int16_t)cfi_read(cursor, 2);
	case ENC_ULEB:
		return cfi_read_uleb(cursor);
	case ENC_SLEB:
		return (uint64_t)cfi_read_sleb(cursor);
	}
	cursor->bad = true;
	return 0;
}

static uint64_t
read_pointer(const struct cfi_image *image, struct cfi_cursor *cursor,
	     uint8_t encoding)
{
	uint64_t here = (uint64_t)cursor->at;
	uint64_t value = read_format(cursor, encoding);

	switch (encoding & ENC_BASE) {
	case ENC_ABSPTR:
		break;
	case ENC_PCREL:
		value += here;
		break;
	case ENC_DATAREL:
		value += image->hdr;
		break;
	default:
		cursor->bad = true;
	}
	if (encoding & ENC_INDIRECT)
		cursor->bad = true;
	return value;
}

/* Reads the length of a CIE or FDE and cuts the cursor at its end. */
static struct cfi_cursor
entry_at(const struct cfi_image *image, uint64_t address)
{
	struct cfi_cursor cursor = cfi_cursor_at(image, address);
	uint64_t size = cfi_read(&cursor, 4);

	if (size == 0xffffffff)
		size = cfi_read(&cursor, 8);
	if (size < 4 || size > (uint64_t)(cursor.end - cursor.at))
		cursor.bad = true;
	else
		cursor.end = cursor.at + size;
	return cursor;
}

/* The letters after 'z' say what the augmentation holds, in their order. */
static bool
read_augmentation(struct cfi_cursor *cursor, const char *letters,
		  struct cie *cie)
{
	uint64_t size = cfi_read_uleb(cursor);
	struct cfi_cursor data = *cursor;

	cfi_skip(cursor, size);
	if (cursor->bad)
		return false;
	data.end = cursor->at;
	for (; *letters; letters++) {
		uint8_t encoding;

		switch (*letters) {
		case 'R':
			cie->encoding = cfi_read(&data, 1);
			break;
		case 'P':
			encoding = cfi_read(&data, 1);
			read_format(&data, encoding);
			break;
		case 'L':
			cfi_read(&data, 1);
			break;
		case 'S':
			cie->is_signal = true;
			break;
		default:
			return false;
		}
	}
	return !data.bad;
}

static bool
read_cie(const struct cfi_image *image, uint64_t address, struct cie *cie)
{
	struct cfi_cursor cursor = entry_at(image, address);
	const char *letters;
	uint64_t column;
	uint8_t version;

	if (cfi_read(&cursor, 4) != 0) /* an FDE */
		return false;
	version = cfi_read(&cursor, 1);
	letters = (const char *)cursor.at;
	while (cfi_read(&cursor, 1) != 0)
		;
	if (cursor.bad || (version != 1 && version != 3))
		return false;
	memset(cie, 0, sizeof(*cie));
	cie->code_factor = cfi_read_uleb(&cursor);
	cie->data_factor = cfi_read_sleb(&cursor);
	column = version == 1 ? cfi_read(&cursor, 1) : cfi_read_uleb(&cursor);
	if (column != ARCH_PC)
		return false;
	if (*letters == 'z') {
		cie->has_augmentation = true;
		if (!read_augmentation(&cursor, letters + 1, cie))
			return false;
	} else if (*letters) {
		return false;
	}
	cie->code = cursor;
	return !cursor.bad;
}

static bool
set_column(struct machine *machine, uint64_t number, enum cfi_how how,
	   int64_t value)
{
	/* Vector registers are described too, and do not matter. */
	if (number >= ARCH_REGISTERS)
		return true;
	if (value >= 1 << 28 || value < -(1 << 28))
		return false;
	machine->row->columns[number] = (cfi_column)(value * 8) | how;
	return true;
}

static bool
set_cfa(struct machine *machine, uint64_t number, int64_t value)
{
	if (number >= ARCH_REGISTERS || value >= 1 << 28 || value < -(1 << 28))
		return false;
	machine->row->cfa_register = number;
	machine->row->cfa_value = (int32_t)value;
	return true;
}

static bool
restore_column(struct machine *machine, uint64_t number)
{
	if (number < ARCH_REGISTERS)
		machine->row->columns[number] =
		    machine->initial ? machine->initial->columns[number]
				     : (cfi_column)CFI_SAME;
	return true;
}

static bool
remember(struct machine *machine, bool restore)
{
	if (restore) {
		if (machine->depth == 0)
			return false;
		*machine->row = machine->saved[--machine->depth];
		return true;
	}
	if (machine->depth == REMEMBER_MAX)
		return false;
	machine->saved[machine->depth++] = *machine->row;
	return true;
}

/* An offset counts in units of the CIE's; a damaged one may wrap. */
static int64_t
offset_of(const struct machine *machine, uint64_t number)
{
	return (int64_t)(number * (uint64_t)machine->cie->data_factor);
}

/* Takes the place of an expression, and skips it. */
static int64_t
read_block(struct machine *machine, struct cfi_cursor *code)
{
	uint64_t place = (uint64_t)code->at - machine->image->start;

	cfi_skip(code, cfi_read_uleb(code));
	return (int64_t)place;
}

/* The instructions that say where a register is. */
static bool
run_column(struct machine *machine, struct cfi_cursor *code, uint8_t op)
{
	uint64_t number = cfi_read_uleb(code);

	switch (op) {
	case OP_OFFSET_EXTENDED:
		return set_column(machine, number, CFI_AT,
				  offset_of(machine, cfi_read_uleb(code)));
	case OP_OFFSET_EXTENDED_SF:
		return set_column(
		    machine, number, CFI_AT,
		    offset_of(machine, (uint64_t)cfi_read_sleb(code)));
	case OP_GNU_NEGATIVE_OFFSET:
		return set_column(machine, number, CFI_AT,
				  offset_of(machine, -cfi_read_uleb(code)));
	case OP_VAL_OFFSET:
		return set_column(machine, number, CFI_IS,
				  offset_of(machine, cfi_read_uleb(code)));
	case OP_VAL_OFFSET_SF:
		return set_column(
		    machine, number, CFI_IS,
		    offset_of(machine, (uint64_t)cfi_read_sleb(code)));
	case OP_REGISTER:
		return set_column(machine, number, CFI_REGISTER,
				  (int64_t)cfi_read_uleb(code));
	case OP_EXPRESSION:
		return set_column(machine, number, CFI_AT_EXPRESSION,
				  read_block(machine, code));
	case OP_VAL_EXPRESSION:
		return set_column(machine, number, CFI_IS_EXPRESSION,
				  read_block(machine, code));
	case OP_UNDEFINED:
		return set_column(machine, number, CFI_UNDEFINED, 0);
	case OP_SAME_VALUE:
		return set_column(machine, number, CFI_SAME, 0);
	case OP_RESTORE_EXTENDED:
		return restore_column(machine, number);
	}
	return false;
}

/* The instructions that say where the frame is. */
static bool
run_cfa(struct machine *machine, struct cfi_cursor *code, uint8_t op)
{
	struct cfi_row *row = machine->row;
	uint64_t number;

	switch (op) {
	case OP_DEF_CFA:
		number = cfi_read_uleb(code);
		return set_cfa(machine, number, (int64_t)cfi_read_uleb(code));
	case OP_DEF_CFA_SF:
		number = cfi_read_uleb(code);
		return set_cfa(
		    machine, number,
		    offset_of(machine, (uint64_t)cfi_read_sleb(code)));
	case OP_DEF_CFA_REGISTER:
		return set_cfa(machine, cfi_read_uleb(code), row->cfa_value);
	case OP_DEF_CFA_OFFSET:
		return set_cfa(machine, row->cfa_register,
			       (int64_t)cfi_read_uleb(code));
	case OP_DEF_CFA_OFFSET_SF:
		return set_cfa(
		    machine, row->cfa_register,
		    offset_of(machine, (uint64_t)cfi_read_sleb(code)));
	case OP_DEF_CFA_EXPRESSION:
		if (!set_cfa(machine, 0, read_block(machine, code)))
			return false;
		row->cfa_register = CFI_CFA_EXPRESSION;
		return true;
	}
	return false;
}

/* Sets *moved when the instruction begins a new row. */
static bool
run_one(struct machine *machine, struct cfi_cursor *code, bool *moved)
{
	const uint64_t factor = machine->cie->code_factor;
	uint8_t op = cfi_read(code, 1);
	uint8_t low = op & 0x3f;

	switch (op & 0xc0) {
	case OP_ADVANCE:
		machine->loc += low * factor;
		*moved = true;
		return true;
	case OP_OFFSET:
		return set_column(machine, low, CFI_AT,
				  offset_of(machine, cfi_read_uleb(code)));
	case OP_RESTORE:
		return restore_column(machine, low);
	}
	switch (op) {
	case OP_NOP:
		return true;
	case OP_SET_LOC:
		machine->loc =
		    read_pointer(machine->image, code, machine->cie->encoding);
		*moved = true;
		return true;
	case OP_ADVANCE1:
	case OP_ADVANCE2:
	case OP_ADVANCE4:
		machine->loc +=
		    cfi_read(code, 1u << (op - OP_ADVANCE1)) * factor;
		*moved = true;
		return true;
	case OP_REMEMBER:
		return remember(machine, false);
	case OP_RESTORE_STATE:
		return remember(machine, true);
	case OP_GNU_ARGS_SIZE:
		cfi_read_uleb(code);
		return true;
	case OP_DEF_CFA:
	case OP_DEF_CFA_SF:
	case OP_DEF_CFA_REGISTER:
	case OP_DEF_CFA_OFFSET:
	case OP_DEF_CFA_OFFSET_SF:
	case OP_DEF_CFA_EXPRESSION:
		return run_cfa(machine, code, op);
	}
	return run_column(machine, code, op);
}

/* Runs instructions up to the row that holds the target. */
static bool
run(struct machine *machine, struct cfi_cursor code)
{
	for (unsigned n = 0; n < INSTRUCTIONS_MAX; n++) {
		bool moved = false;

		if (code.at == code.end)
			return !code.bad;
		if (!run_one(machine, &code, &moved) || code.bad)
			return false;
		if (moved && machine->loc > machine->target)
			return true;
	}
	return false;
}

static int64_t
read_i32(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The FDE that begins last at or before pc; 0: none. */
static uint64_t
search(const struct cfi_image *image, uint64_t pc)
{
	struct cfi_cursor cursor = cfi_cursor_at(image, image->hdr);
	uint64_t version = cfi_read(&cursor, 1);
	uint8_t frame_encoding = cfi_read(&cursor, 1);
	uint8_t count_encoding = cfi_read(&cursor, 1);
	uint8_t table_encoding = cfi_read(&cursor, 1);
	int64_t wanted = (int64_t)(pc - image->hdr);
	const uint8_t *table;
	uint64_t low = 0;
	uint64_t count;

	if (version != 1 || count_encoding == ENC_OMIT ||
	    table_encoding != (ENC_DATAREL | ENC_SDATA4))
		return 0;
	if (frame_encoding != ENC_OMIT)
		read_format(&cursor, frame_encoding);
	count = read_format(&cursor, count_encoding);
	table = cursor.at; /* of pairs: where code begins, its FDE */
	if (cursor.bad || count > (uint64_t)(cursor.end - table) / 8)
		return 0;
	while (count - low > 0) { /* table[low - 1] <= wanted < table[count] */
		uint64_t middle = low + (count - low) / 2;

		if (read_i32(table + 8 * middle) <= wanted)
			low = middle + 1;
		else
			count = middle;
	}
	return low ? image->hdr + (uint64_t)read_i32(table + 8 * low - 4) : 0;
}

/* What an FDE says before its instructions. */
struct fde {
	struct cie cie;
	uint64_t low;
	uint64_t range;
	struct cfi_cursor code;
};

/* The FDE that covers pc. */
static __attribute__((noinline)) bool
find_fde(const struct cfi_image *image, uint64_t pc, struct fde *found)
{
	uint64_t fde = image->hdr ? search(image, pc) : 0;
	struct cfi_cursor cursor;
	uint64_t here;

	if (!fde)
		return false;
	cursor = entry_at(image, fde);
	here = (uint64_t)cursor.at;
	if (!read_cie(image, here - cfi_read(&cursor, 4), &found->cie))
		return false;
	found->low = read_pointer(image, &cursor, found->cie.encoding);
	found->range = read_format(&cursor, found->cie.encoding);
	if (found->cie.has_augmentation)
		cfi_skip(&cursor, cfi_read_uleb(&cursor));
	found->code = cursor;
	return !cursor.bad && pc - found->low < found->range;
}

bool
cfi_find_code(const struct cfi_image *image, uint64_t pc, uint64_t *low,
	      uint64_t *high)
{
	struct fde fde;

	if (!find_fde(image, pc, &fde))
		return false;
	*low = fde.low;
	*high = fde.low + fde.range;
	return *high > *low;
}

/* Not inline: what is found, and the search for it, need no room at once. */
static __attribute__((noinline)) bool
find_row(const struct cfi_image *image, uint64_t pc, const struct fde *fde,
	 struct cfi_row *row)
{
	struct machine machine;
	struct cfi_row initial;

	memset(row, 0, sizeof(*row));
	machine.image = image;
	machine.cie = &fde->cie;
	machine.loc = fde->low;
	machine.target = pc;
	machine.row = row;
	machine.initial = NULL;
	machine.depth = 0;
	if (!run(&machine, fde->cie.code))
		return false;
	initial = *row;
	machine.initial = &initial;
	if (!run(&machine, fde->code))
		return false;
	row->is_signal = fde->cie.is_signal;
	return true;
}

bool
cfi_find_row(const struct cfi_image *image, uint64_t pc, struct cfi_row *row)
{
	struct fde fde;

	return find_fde(image, pc, &fde) && find_row(image, pc, &fde, row);
}
