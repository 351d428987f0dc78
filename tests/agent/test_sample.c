/*
 * test_sample.c - sampled mode is right on average, and a block weighs the
 * same at its birth and at its free.
 */
#include "config.h"

#include "check.h"

#include "agent/sample.h"

#define INTERVAL UINT64_C(524288)
#define BLOCKS	 400000

/* Points are INTERVAL apart on average: the mean of many, within 1 %. */
static void
test_points_are_an_interval_apart(void **state)
{
	uint64_t random = UINT64_C(88172645463325252);
	double sum = 0;

	(void)state;
	for (int i = 0; i < BLOCKS; i++) {
		int64_t next = sample_next(&random, INTERVAL);

		assert_true(next > 0);
		sum += (double)next;
	}
	assert_true(sum > 0.99 * BLOCKS * (double)INTERVAL);
	assert_true(sum < 1.01 * BLOCKS * (double)INTERVAL);
}

/* Sums over the recorded blocks, against what was allocated: within five
 * standard errors, for small, middling and large blocks. */
static void
estimate(uint64_t size, uint64_t blocks)
{
	uint64_t random = UINT64_C(2463534242) * size | 1;
	uint64_t address = UINT64_C(0x7f0000000000);
	int64_t countdown = sample_next(&random, INTERVAL);
	double bytes = 0, count = 0, squares = 0;
	double wrong;

	for (uint64_t i = 0; i < blocks; i++) {
		struct weight weight;

		address += (size + 15) & ~UINT64_C(15);
		countdown -= (int64_t)size;
		if (countdown > 0)
			continue;
		countdown = sample_next(&random, INTERVAL);
		weight = sample_weight(size, address, INTERVAL);
		bytes += (double)weight.bytes;
		count += (double)weight.count;
		squares += (double)weight.count * (double)weight.count;
	}
	wrong = count - (double)blocks;
	assert_true(wrong * wrong <= 25 * squares);
	wrong = bytes / (double)size - (double)blocks;
	assert_true(wrong * wrong <= 25 * squares);
}

static void
test_estimates_are_unbiased(void **state)
{
	(void)state;
	estimate(16, 20000000);
	estimate(1000, 2000000);
	estimate(100000, 200000);
	estimate(INTERVAL, 200000);
	estimate(20 * INTERVAL, 200000);
}

static void
test_a_block_weighs_the_same_again(void **state)
{
	(void)state;
	for (uint64_t i = 1; i < 10000; i++) {
		struct weight born = sample_weight(i, i << 4, INTERVAL);
		struct weight freed = sample_weight(i, i << 4, INTERVAL);

		assert_true(born.count >= 1);
		assert_true(born.bytes >= i);
		assert_memory_equal(&born, &freed, sizeof(born));
	}
}

/* Blocks far larger than the interval are always recorded, and exactly. */
static void
test_large_blocks_are_exact(void **state)
{
	struct weight weight = sample_weight(INTERVAL << 10, 4096, INTERVAL);

	(void)state;
	assert_int_equal(weight.count, 1);
	assert_int_equal(weight.bytes, INTERVAL << 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_points_are_an_interval_apart),
	    cmocka_unit_test(test_estimates_are_unbiased),
	    cmocka_unit_test(test_a_block_weighs_the_same_again),
	    cmocka_unit_test(test_large_blocks_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
