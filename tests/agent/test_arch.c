/*
 * test_arch.c - functions that do nothing but return a word.
 */
#include "config.h"

#include "check.h"

#include <dlfcn.h>

#include "agent/arch/arch.h"

#define PLAIN \
	__attribute__((noinline, noclone, optimize("O2,omit-frame-pointer")))

uint64_t word_global = 1;
static __thread uint64_t word_local __attribute__((tls_model("local-exec")));
static __thread uint64_t word_initial
    __attribute__((tls_model("initial-exec")));
static __thread uint64_t word_dynamic
    __attribute__((tls_model("global-dynamic")));

PLAIN static uint64_t
get_global(void)
{
	return word_global;
}

PLAIN static uint64_t
get_local(void)
{
	return word_local;
}

PLAIN static uint64_t
get_initial(void)
{
	return word_initial;
}

PLAIN static uint64_t
get_dynamic(void)
{
	return word_dynamic;
}

PLAIN static uint64_t
get_more(void)
{
	return word_global + 1;
}

PLAIN static uint64_t
get_other(void)
{
	return word_local ? word_global : 2;
}

static const uint64_t *
place_of(uint64_t (*function)(void))
{
	return arch_returned_word((const void *)function);
}

static void
finds_the_word(void **state)
{
	(void)state;
	assert_ptr_equal(place_of(get_global), &word_global);
	assert_ptr_equal(place_of(get_local), &word_local);
	assert_ptr_equal(place_of(get_initial), &word_initial);
	assert_ptr_equal(place_of(get_dynamic), &word_dynamic);
}

static void
refuses_what_does_more(void **state)
{
	(void)state;
	assert_null(place_of(get_more));
	assert_null(place_of(get_other));
}

/* The forms that compilers give in shared libraries, as bytes. */
static void
reads_entries_of_the_offset_table(void **state)
{
	/* mov 1(%rip), %rax; mov 8(%rax), %rax; ret; the entry */
	struct __attribute__((packed)) {
		uint8_t code[15];
		uint64_t *entry;
	} far = {
	    {0x48, 0x8b, 0x05, 8, 0, 0, 0, 0x48, 0x8b, 0x80, 8, 0, 0, 0, 0xc3},
	    NULL};
	uint64_t words[2] = {1, 2};

	(void)state;
	far.entry = words;
	assert_ptr_equal(arch_returned_word(&far), &words[1]);
	far.code[14] = 0x90;
	assert_null(arch_returned_word(&far));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_word),
	    cmocka_unit_test(refuses_what_does_more),
	    cmocka_unit_test(reads_entries_of_the_offset_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
