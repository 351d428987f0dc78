/*
 * test_budget.c - the interval that keeps to a budget.
 */
#include "config.h"

#include "check.h"

#include "agent/budget.h"

#define TWO_PERCENT 20000

static const struct budget_prices prices = {.exact_ns = 60, .sampled_ns = 1500};

/* A second of a program that allocates so many blocks of a size, at an
 * interval, when recording costs what it does. */
static struct budget_load
second(double allocs, double size, uint64_t interval)
{
	double recorded =
	    interval <= 1 ? allocs : allocs * (size + 1) / (double)interval;

	if (recorded > allocs)
		recorded = allocs;
	return (struct budget_load){
	    .cpu_ns = 1e9,
	    .agent_ns = 1e6,
	    .recorded = recorded,
	    .hook_ns = recorded *
		       (interval <= 1 ? prices.exact_ns : prices.sampled_ns),
	    .allocs = allocs,
	    .frees = allocs,
	    .bytes = allocs * size,
	};
}

/* Where it comes to rest from `interval`; it must not go to and fro. */
static uint64_t
settle(double allocs, double size, uint64_t interval, uint32_t ppm)
{
	for (int i = 0; i < 30; i++) {
		struct budget_load load = second(allocs, size, interval);
		uint64_t next = budget_interval(&load, &prices, interval, ppm);

		if (next == interval)
			return interval;
		interval = next;
	}
	fail_msg("%g blocks of %g bytes: no rest", allocs, size);
	return 0;
}

static double
cost(double allocs, double size, uint64_t interval)
{
	struct budget_load load = second(allocs, size, interval);

	return budget_cost(&load, interval);
}

static void
test_few_blocks_are_exact(void **state)
{
	(void)state;
	assert_int_equal(settle(50000, 100, 524288, TWO_PERCENT), 1);
	assert_int_equal(settle(50000, 100, 1, TWO_PERCENT), 1);
}

static void
test_it_comes_to_rest_within_the_budget(void **state)
{
	(void)state;
	for (double allocs = 1e4; allocs < 6e6; allocs *= 1.7)
		for (double size = 16; size < 20000; size *= 3) {
			uint64_t from[] = {1, 8192, 524288, 32 << 20};

			for (int i = 0; i < 4; i++) {
				uint64_t at =
				    settle(allocs, size, from[i], TWO_PERCENT);
				double spent = cost(allocs, size, at);

				assert_true(spent <= 2e7 ||
					    at == BUDGET_INTERVAL_MAX);
			}
		}
}

/* It is as close as the budget allows: half of it, or less, is not left. */
static void
test_it_does_not_save_what_it_may_spend(void **state)
{
	uint64_t at = settle(1e6, 1000, BUDGET_INTERVAL_MAX, TWO_PERCENT);

	(void)state;
	assert_true(at > 1);
	assert_true(at == BUDGET_INTERVAL_MIN || cost(1e6, 1000, at / 4) > 2e7);
}

static void
test_too_much_for_any_interval_is_the_widest(void **state)
{
	(void)state;
	assert_int_equal(settle(2e7, 64, 1, TWO_PERCENT), BUDGET_INTERVAL_MAX);
	assert_int_equal(settle(2e7, 64, 8192, 1), BUDGET_INTERVAL_MAX);
}

static void
test_an_idle_program_stays_as_it_is(void **state)
{
	struct budget_load load = {.cpu_ns = 1e9};

	(void)state;
	assert_int_equal(budget_interval(&load, &prices, 1, TWO_PERCENT), 1);
	assert_int_equal(budget_interval(&load, &prices, 65536, TWO_PERCENT),
			 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few_blocks_are_exact),
	    cmocka_unit_test(test_it_comes_to_rest_within_the_budget),
	    cmocka_unit_test(test_it_does_not_save_what_it_may_spend),
	    cmocka_unit_test(test_too_much_for_any_interval_is_the_widest),
	    cmocka_unit_test(test_an_idle_program_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
