/*
 * test_unwind_cfi.c - the reader of rows against call frame information made
 * by hand, whole and damaged.
 *
 * The image ends at the end of a page, and the pages around it cannot be
 * read: a read that leaves it ends the test.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "agent/unwind_cfi.h"
#include "agent/unwind_step.h"
#include "agent/unwind_table.h"

#define PAGE 4096u

/* Code of 256 bytes at the image's start, then hdr, CIE and FDE, moved so
 * that the last byte ends its page. */
struct made {
	uint8_t *map;
	struct cfi_image image;
	uint64_t code;
	uint8_t bytes[1024];
	size_t used;
};

static void
put(struct made *made, const void *bytes, size_t size)
{
	assert_true(made->used + size <= sizeof(made->bytes));
	memcpy(made->bytes + made->used, bytes, size);
	made->used += size;
}

static void
put32(struct made *made, uint32_t value)
{
	put(made, &value, 4);
}

/* Ends an entry that began with the length at `start`. */
static void
put_length(struct made *made, size_t start)
{
	uint32_t size;

	while ((made->used - start) % 4 != 0)
		put(made, "", 1);
	size = (uint32_t)(made->used - start - 4);
	memcpy(made->bytes + start, &size, 4);
}

static const uint8_t usual_cie[] = {
    1,	  'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, /* version .. encoding */
    0x0c, 7,   8,			     /* def_cfa rsp+8 */
    0x90, 1,				     /* ra at cfa-8 */
};

/* Makes an image of one CIE and one FDE over the 256 bytes of code. */
static void
make(struct made *made, const void *cie, size_t cie_size, const void *program,
     size_t program_size)
{
	size_t hdr = 256, cie_at, fde_at, place;
	uint8_t *base;

	memset(made, 0, sizeof(*made));
	made->used = hdr;
	put(made, "\x01\x1b\x03\x3b", 4);
	put32(made, 0);
	put32(made, 1);
	put32(made, (uint32_t)-256);
	put32(made, 20);
	cie_at = made->used;
	put32(made, 0);
	put32(made, 0);
	put(made, cie, cie_size);
	put_length(made, cie_at);
	fde_at = made->used;
	memcpy(made->bytes + hdr + 16, &(uint32_t){(uint32_t)(fde_at - hdr)},
	       4);
	put32(made, 0);
	put32(made, (uint32_t)(made->used - cie_at));
	put32(made, (uint32_t)-made->used);
	put32(made, 256);
	put(made, "", 1); /* no augmentation data */
	put(made, program, program_size);
	put_length(made, fde_at);

	made->map =
	    mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(made->map, MAP_FAILED);
	assert_int_equal(
	    mprotect(made->map + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	place = 2 * PAGE - made->used;
	base = made->map + place;
	memcpy(base, made->bytes, made->used);
	made->code = (uint64_t)base;
	made->image.start = made->code;
	made->image.end = made->code + made->used;
	made->image.hdr = made->code + hdr;
}

static void
unmake(struct made *made)
{
	munmap(made->map, 3 * PAGE);
}

#define MAKE(made_, ...)                                            \
	do {                                                        \
		static const uint8_t program_[] = {__VA_ARGS__};    \
		make(made_, usual_cie, sizeof(usual_cie), program_, \
		     sizeof(program_));                             \
	} while (0)

static void
expect_rule(const struct made *made, unsigned at, uint64_t base, uint64_t k,
	    uint64_t n)
{
	struct cfi_row row;
	uint64_t rule;

	assert_true(cfi_find_row(&made->image, made->code + at, &row));
	rule = rule_of_row(&row);
	assert_false(rule & RULE_SPECIAL);
	assert_int_equal(rule & RULE_BASE_BP, base);
	assert_int_equal(rule_k(rule), k);
	assert_int_equal(rule_n(rule), n);
}

static void
expect_special(const struct made *made, unsigned at, enum rule_kind kind)
{
	struct cfi_row row;
	uint64_t rule;

	assert_true(cfi_find_row(&made->image, made->code + at, &row));
	rule = rule_of_row(&row);
	assert_true(rule & RULE_SPECIAL);
	assert_int_equal(rule_k(rule), kind);
}

/* push rbp; mov rsp, rbp; ...; leave; ret */
static void
test_frame_pointer(void **state)
{
	struct made made;

	(void)state;
	MAKE(&made, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x02, 60, 0x0c, 7,
	     8, 0xc6);
	expect_rule(&made, 0, 0, 8, 1);
	expect_rule(&made, 1, 0, 16, 2);
	expect_rule(&made, 3, 0, 16, 2);
	expect_rule(&made, 4, RULE_BASE_BP, 16, 2);
	expect_rule(&made, 63, RULE_BASE_BP, 16, 2);
	expect_rule(&made, 64, 0, 8, 1);
	expect_rule(&made, 255, 0, 8, 1);
	unmake(&made);
}

/* An epilogue in the middle: remember_state, restore_state. */
static void
test_remember(void **state)
{
	struct made made;

	(void)state;
	MAKE(&made, 0x41, 0x0e, 24, 0x86, 3, 0x50, 0x0a, 0x0e, 8, 0xc6, 0x41,
	     0x0b);
	expect_rule(&made, 5, 0, 24, 3);
	expect_rule(&made, 17, 0, 8, 1);
	expect_rule(&made, 18, 0, 24, 3);
	unmake(&made);
}

static void
test_advance(void **state)
{
	struct made made;

	(void)state;
	MAKE(&made, 0x03, 100, 0, 0x0e, 32, 0x04, 100, 0, 0, 0, 0x0e, 0x80, 2,
	     0x2e, 8, 0x12, 7, 0x60);
	expect_rule(&made, 99, 0, 8, 1);
	expect_rule(&made, 100, 0, 32, 1);
	expect_rule(&made, 200, 0, 256, 1); /* def_cfa_sf: -32 * -8 */
	unmake(&made);
}

static void
test_special(void **state)
{
	struct made made;

	(void)state;
	/* cfa = r10; cfa = *(rbp - 8); ra undefined; too large a frame */
	MAKE(&made, 0x41, 0x0c, 10, 0, 0x41, 0x0f, 3, 0x76, 0x78, 0x06, 0x41,
	     0x0c, 7, 8, 0x07, 16, 0x41, 0x90, 1, 0x0e, 0x80, 0x80, 0x08);
	expect_special(&made, 1, RULE_ROW);
	expect_special(&made, 2, RULE_ROW);
	expect_special(&made, 3, RULE_OUTERMOST);
	expect_special(&made, 4, RULE_ROW);
	unmake(&made);
}

static void
test_not_there(void **state)
{
	struct cfi_row row;
	struct made made;

	(void)state;
	MAKE(&made, 0x00);
	assert_true(cfi_find_row(&made.image, made.code + 255, &row));
	assert_false(cfi_find_row(&made.image, made.code + 256, &row));
	assert_false(cfi_find_row(&made.image, made.code - 1, &row));
	made.image.hdr = 0;
	assert_false(cfi_find_row(&made.image, made.code, &row));
	unmake(&made);
}

/* Programs that cannot be: the row is not found, and nothing worse. */
static void
test_bad_program(void **state)
{
	static const uint8_t programs[][6] = {
	    {0x0b},				  /* restore without remember */
	    {0x0a, 0x0a, 0x0a, 0x0a, 0x0a},	  /* remembered too often */
	    {0x3f},				  /* no such instruction */
	    {0x0f, 0x7f},			  /* a block past the end */
	    {0x0c, 99, 8},			  /* cfa from no register */
	    {0x0d, 0xff, 0xff, 0xff, 0xff, 0xff}, /* endless number */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct cfi_row row;
		struct made made;

		make(&made, usual_cie, sizeof(usual_cie), programs[i], 6);
		assert_false(cfi_find_row(&made.image, made.code, &row));
		unmake(&made);
	}
}

static void
test_other_cies(void **state)
{
	static const uint8_t unknown[] = {1, 'z', 'X', 0, 1, 0x78, 16, 1, 0};
	static const uint8_t version[] = {9, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b};
	static const uint8_t indirect[] = {1,	 'z', 'R', 0,	1,
					   0x78, 16,  1,   0x9b};
	static const uint8_t signal[] = {
	    3, 'z', 'P', 'L', 'R',  'S',  0,	1, 0x78, 16,   7, 0x1b,
	    0, 0,   0,	 0,   0x1b, 0x1b, 0x0c, 7, 8,	 0x90, 1};
	struct cfi_row row;
	struct made made;

	(void)state;
	make(&made, unknown, sizeof(unknown), "", 1);
	assert_false(cfi_find_row(&made.image, made.code, &row));
	unmake(&made);
	make(&made, version, sizeof(version), "", 1);
	assert_false(cfi_find_row(&made.image, made.code, &row));
	unmake(&made);
	make(&made, indirect, sizeof(indirect), "", 1);
	assert_false(cfi_find_row(&made.image, made.code, &row));
	unmake(&made);
	make(&made, signal, sizeof(signal), "", 1);
	assert_true(cfi_find_row(&made.image, made.code, &row));
	assert_true(row.is_signal);
	expect_special(&made, 0, RULE_ROW);
	unmake(&made);
}

/* Every byte of hdr, CIE and FDE takes every value. */
static void
test_damage(void **state)
{
	struct made made;

	(void)state;
	MAKE(&made, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x0a, 0x0f, 3, 0x76,
	     0x78, 0x06, 0x0b, 0x10, 3, 2, 0x77, 0);
	for (size_t at = 256; at < made.used; at++) {
		uint8_t *byte = (uint8_t *)made.code + at;
		uint8_t whole = *byte;

		for (unsigned value = 0; value < 256; value++) {
			struct cfi_row row;

			*byte = (uint8_t)value;
			if (cfi_find_row(&made.image, made.code + 200, &row))
				rule_of_row(&row);
		}
		*byte = whole;
	}
	unmake(&made);
}

/* Cut short at every length. */
static void
test_truncation(void **state)
{
	struct cfi_row row;
	struct made made;

	(void)state;
	MAKE(&made, 0x41, 0x0e, 16, 0x86, 2);
	assert_true(cfi_find_row(&made.image, made.code, &row));
	while (made.image.end > made.image.hdr) {
		made.image.end--;
		assert_false(cfi_find_row(&made.image, made.code, &row));
	}
	unmake(&made);
}

/* Evaluates an expression with rsp = 0x1000 and rip = 0x2007. */
static enum unwind_step
evaluate(const uint8_t *code, size_t size, uint64_t *result)
{
	uint8_t bytes[64] = {(uint8_t)size};
	struct cfi_image image = {.start = (uint64_t)bytes,
				  .end = (uint64_t)bytes + size + 1};
	struct stack_range range = {0, 0, false};
	struct unwind_registers registers = {.known =
						 1u << ARCH_SP | 1u << ARCH_PC};

	registers.value[ARCH_SP] = 0x1000;
	registers.value[ARCH_PC] = 0x2007;
	memcpy(bytes + 1, code, size);
	return unwind_expression(&image, 0, &registers, &range, NULL, result);
}

static void
test_expression(void **state)
{
	/* The PLT's: rsp + 8 + ((rip & 15) >= 11) << 3 */
	static const uint8_t plt[] = {0x77, 8,	  0x80, 0,    0x3f, 0x1a,
				      0x3b, 0x2a, 0x33, 0x24, 0x22};
	/* skip over a bad operation; swap, minus; a branch taken */
	static const uint8_t flow[] = {0x2f, 1,	   0,	 0xff, 0x35,
				       0x3a, 0x16, 0x1c, 0x31, 0x28,
				       1,    0,	   0xff, 0x1f};
	static const uint8_t signed_[] = {0x09, 0xfe, 0x11, 0x7f, 0x1e,
					  0x0b, 0xff, 0xff, 0x22};
	uint64_t result = 0;

	(void)state;
	assert_int_equal(evaluate(plt, sizeof(plt), &result), STEP_DONE);
	assert_int_equal(result, 0x1008);
	assert_int_equal(evaluate(flow, sizeof(flow), &result), STEP_DONE);
	assert_int_equal(result, (uint64_t)-5);
	assert_int_equal(evaluate(signed_, sizeof(signed_), &result),
			 STEP_DONE);
	assert_int_equal(result, 1);
}

static void
test_bad_expression(void **state)
{
	static const uint8_t loop[] = {0x2f, 0xfd, 0xff};
	static const uint8_t empty[] = {0x30, 0x13};
	static const uint8_t few[] = {0x30, 0x22};
	static const uint8_t wild[] = {0x38, 0x06}; /* *8 */
	static const uint8_t unknown[] = {0x73, 0}; /* rbx */
	static const uint8_t many[] = {0x30, 0x2f, 0xfc, 0xff};
	static const uint8_t far[] = {0x2f, 0xff, 0x7f};
	uint64_t result;

	(void)state;
	assert_int_equal(evaluate(loop, 3, &result), STEP_NO_RULE);
	assert_int_equal(evaluate(empty, 2, &result), STEP_NO_RULE);
	assert_int_equal(evaluate(few, 2, &result), STEP_NO_RULE);
	assert_int_equal(evaluate(wild, 2, &result), STEP_NO_RULE);
	assert_int_equal(evaluate(unknown, 2, &result), STEP_REGISTER);
	assert_int_equal(evaluate(many, 4, &result), STEP_NO_RULE);
	assert_int_equal(evaluate(far, 3, &result), STEP_NO_RULE);
}

static void
test_random_expressions(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t code[24];
		uint64_t result;

		for (unsigned j = 0; j < sizeof(code); j++)
			code[j] = (uint8_t)(rand() >> 7);
		evaluate(code, sizeof(code), &result);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frame_pointer),
	    cmocka_unit_test(test_remember),
	    cmocka_unit_test(test_advance),
	    cmocka_unit_test(test_special),
	    cmocka_unit_test(test_not_there),
	    cmocka_unit_test(test_bad_program),
	    cmocka_unit_test(test_other_cies),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_truncation),
	    cmocka_unit_test(test_expression),
	    cmocka_unit_test(test_bad_expression),
	    cmocka_unit_test(test_random_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
