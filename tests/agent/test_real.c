/*
 * test_real.c - the true functions, and the pool that serves before them.
 */
#include "config.h"

#include "check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "agent/real.h"

static void
test_pool_blocks_are_aligned_and_apart(void **state)
{
	static const size_t aligns[] = {0, 1, 8, 16, 32, 64, 4096};
	unsigned char *last = NULL;
	size_t last_size = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		size_t align = aligns[i % 7];
		size_t size = (size_t)i * 7 % 1500;
		unsigned char *block = pool_alloc(align, size);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % (align < 16 ? 16 : align),
				 0);
		assert_int_equal(pool_size(block), size);
		assert_true(pool_owns(block) || !size);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(block[j], 0);
		memset(block, 0xa5, size);
		if (last && block > last)
			assert_true(last + last_size <= block);
		last = block;
		last_size = size;
	}
}

static void
test_pool_takes_large_ones_too(void **state)
{
	char *block = pool_alloc(0, 3u << 20);

	(void)state;
	assert_non_null(block);
	assert_true(pool_owns(block));
	assert_true(pool_owns(block + (3u << 20) - 1));
	block[(3u << 20) - 1] = 1;
	assert_null(pool_alloc(0, SIZE_MAX / 2));
	assert_null(pool_alloc(SIZE_MAX / 2 + 1, 16));
}

static void
test_pool_does_not_own_others(void **state)
{
	void *block = malloc(100);
	int local = 0;

	(void)state;
	assert_false(pool_owns(NULL));
	assert_false(pool_owns(block));
	assert_false(pool_owns(&local));
	free(block);
}

static void
test_true_functions_are_found(void **state)
{
	void *block;

	(void)state;
	real_init();
	assert_true(real_ready);
	block = real.malloc(100);
	assert_non_null(block);
	assert_true(real.malloc_usable_size(block) >= 100);
	block = real.realloc(block, 200);
	real.free(block);
	assert_int_equal(real.posix_memalign(&block, 64, 10), 0);
	real.free(block);
	assert_ptr_equal(real.mmap, real.mmap64);
	assert_non_null(real.dlclose);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pool_blocks_are_aligned_and_apart),
	    cmocka_unit_test(test_pool_takes_large_ones_too),
	    cmocka_unit_test(test_pool_does_not_own_others),
	    cmocka_unit_test(test_true_functions_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
