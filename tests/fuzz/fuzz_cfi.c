/*
 * fuzz_cfi.c - any bytes as call frame information, registers and a stack: no
 * read leaves the module and the stacks there are, and a walk ends.
 *
 * input = registers (2 bytes each), how, size, instructions, stack
 *
 * The module ends where its page ends, and so does the stack; behind both lies
 * a page that cannot be read. `how` says how much of the module is made
 * right, so that more than its first lines is reached.
 */
#include "config.h"

#include <sys/mman.h>

#include "agent/unwind_step.h"
#include "agent/unwind_table.h"
#include "fuzz.h"

#define PAGE  4096u
#define CODE  256u
#define STEPS 256

struct place {
	uint8_t *low; /* a page */
	uint8_t *high;
};

static struct place
place_make(void)
{
	uint8_t *map =
	    mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	FUZZ_REQUIRE(map != MAP_FAILED);
	FUZZ_REQUIRE(!mprotect(map + PAGE, PAGE, PROT_READ | PROT_WRITE));
	return (struct place){map + PAGE, map + 2 * PAGE};
}

static uint8_t *
put(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static uint8_t *
put32(uint8_t *at, int64_t value)
{
	int32_t word = (int32_t)value;

	return put(at, &word, 4);
}

/* A header, a CIE and an FDE over the code, with these instructions in both. */
static void
frame_make(struct cfi_image *image, uint8_t *at, struct fuzz_input *input)
{
	static const uint8_t head[] = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b};
	uint8_t *hdr = at;
	uint8_t *end = (uint8_t *)image->end;
	size_t first = fuzz_number(input, 1) % 64;
	uint8_t *cie = hdr + 20;
	uint8_t *fde;

	image->hdr = (uint64_t)hdr;
	put32(put32(put(hdr, "\x01\x1b\x03\x3b", 4), 0), 1);
	at = put(put32(put32(cie, (int64_t)(4 + sizeof(head) + first)), 0),
		 head, sizeof(head));
	fuzz_take(input, at, first);
	fde = at + first;
	put32(put32(hdr + 12, (int64_t)(image->start - image->hdr)), fde - hdr);
	at = put32(put32(fde, end - fde - 4), fde + 4 - cie);
	at = put32(put32(at, (int64_t)(image->start - (uint64_t)at)), CODE);
	*at++ = 0;
	fuzz_take(input, at, (size_t)(end - at));
}

static struct cfi_image
image_make(const struct place *place, struct fuzz_input *input)
{
	uint8_t how = (uint8_t)fuzz_number(input, 1);
	size_t size = CODE + 128 + 8 * (fuzz_number(input, 1) % 96);
	struct cfi_image image = {.end = (uint64_t)place->high};

	if (how & 1)
		size = PAGE;
	image.start = image.end - size;
	image.bias = image.start;
	if (how & 2) {
		image.hdr = image.start + fuzz_number(input, 2) % size;
		fuzz_take(input, (void *)image.start, size);
	} else {
		frame_make(&image, (uint8_t *)image.start + CODE, input);
	}
	if (how & 1)
		cfi_image_headers(&image);
	return image;
}

/* A word as it stands in a register or a stack: one of the stack's addresses,
 * a return address, or nonsense. */
static uint64_t
word_make(const struct place *stack, const struct cfi_image *image,
	  uint16_t word)
{
	if (word < 0x8000)
		return (uint64_t)stack->low + word % PAGE;
	if (word < 0xf000)
		return image->start + word % (CODE + 16);
	return UINT64_C(0x100010001) * word;
}

static void
walk(const struct cfi_image *image, struct unwind_registers *registers,
     struct stack_range range)
{
	static struct unwind_bounds bounds;
	enum unwind_step result = STEP_DONE;
	struct cfi_row row;

	for (int i = 0; i < STEPS && result == STEP_DONE; i++) {
		uint64_t sp = registers->value[ARCH_SP];
		uint64_t pc = registers->value[ARCH_PC];

		if (!cfi_find_row(image, pc - !registers->is_exact, &row))
			return;
		FUZZ_REQUIRE(rule_of_row(&row) != 0);
		result =
		    unwind_step_row(image, &row, &bounds, &range, registers);
		FUZZ_REQUIRE(result != STEP_DONE || row.is_signal ||
			     cfi_how(row.columns[ARCH_SP]) != CFI_SAME ||
			     registers->value[ARCH_SP] > sp);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct place module, stack;
	struct fuzz_input input = {data, size};
	struct unwind_registers registers = {.known = 0x1ffff};
	struct stack_range range = {.is_known = true};
	uint16_t words[ARCH_REGISTERS + 1];
	struct cfi_image image;
	uint64_t low, high;

	fuzz_take(&input, words, sizeof(words));
	if (!module.low) {
		module = place_make();
		stack = place_make();
	}
	image = image_make(&module, &input);
	for (int i = 0; i < ARCH_REGISTERS; i++)
		registers.value[i] = word_make(&stack, &image, words[i]);
	registers.value[ARCH_PC] = image.start + 1 + words[ARCH_PC] % CODE;
	registers.value[ARCH_SP] =
	    (uint64_t)stack.low + words[ARCH_SP] % (PAGE / 8) * 8;
	registers.known &= words[ARCH_REGISTERS] | 1u << ARCH_SP;
	for (uint64_t *at = (uint64_t *)stack.low; (uint8_t *)at < stack.high;
	     at++)
		*at =
		    word_make(&stack, &image, (uint16_t)fuzz_number(&input, 2));
	range.low = (uint64_t)stack.low;
	range.high = (uint64_t)stack.high;
	if (cfi_find_code(&image, registers.value[ARCH_PC], &low, &high))
		FUZZ_REQUIRE(low < high);
	walk(&image, &registers, range);
	return 0;
}
