/* test_picks.c - a sample of blocks: all that fit, and else a fair one. */
#include "config.h"

#include "check.h"

#include <stdlib.h>

#include "agent/picks.h"

static struct picks picks;
static uint64_t state = 88172645463325252u;

static void
start(void)
{
	struct pick *list = picks.list;

	picks = (struct picks){.list = list ? list
					    : calloc(PICKS_MAX, sizeof(*list))};
	assert_non_null(picks.list);
}

static void
add(uint64_t address, uint64_t size)
{
	picks_add(&picks, &state, address,
		  (struct block){.size = size, .site = 1});
}

/* What the picks of a stratum stand for, by `every`. */
static void
check_strata(void)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < PICKS_STRATA; i++) {
		const struct stratum *stratum = &picks.strata[i];
		uint64_t all = (uint64_t)stratum->count * stratum->every;

		count += stratum->count;
		/* At each halving the last few are left to chance. */
		assert_in_range(all, stratum->all.count * 98 / 100,
				stratum->all.count * 102 / 100 +
				    4 * stratum->every);
	}
	assert_int_equal(count, picks.count);
	assert_true(count <= PICKS_MAX);
}

static void
all_that_fit(void **unused)
{
	(void)unused;
	start();
	for (uint64_t i = 0; i < PICKS_MAX; i++)
		add(16 * i + 16, i % 1000);
	assert_int_equal(picks.count, PICKS_MAX);
	for (uint64_t i = 0; i < PICKS_MAX; i++) {
		assert_int_equal(picks.list[i].address, 16 * i + 16);
		assert_int_equal(picks.list[i].size, i % 1000);
	}
	check_strata();
}

/* The many are thinned, the few stay, however they come. */
static void
many_and_few(void **unused)
{
	uint32_t few = 0;

	(void)unused;
	start();
	for (uint64_t i = 0; i < 5000000; i++) {
		add(16 * i + 16, 32);
		if (i % 100000 == 0)
			add(16 * i + 24, 1 << 20);
		if (i % 50000 == 0)
			add(16 * i + 24, 56);
	}
	for (uint32_t i = 0; i < picks.count; i++)
		few += picks.list[i].size != 32;
	assert_int_equal(few, 150);
	assert_true(picks.count > PICKS_MAX / 3);
	assert_int_equal(picks.strata[4].all.count, 5000000);
	assert_int_equal(picks.strata[4].all.bytes, 5000000 * UINT64_C(32));
	check_strata();
}

/* Two kinds in turns, or four, or a thousand: each has its share. */
static void
in_turns(void **unused)
{
	static const unsigned kinds[] = {2, 4, 64, 1000};

	(void)unused;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		unsigned first = 0;
		double wanted;

		start();
		for (uint64_t i = 0; i < 1000000; i++)
			add(i % kinds[k] == 0 ? 16 : 32, 48);
		for (uint32_t i = 0; i < picks.count; i++)
			first += picks.list[i].address == 16;
		wanted = (double)picks.count / kinds[k];
		assert_true(first > wanted * 0.5 && first < wanted * 1.5);
		check_strata();
	}
}

/* Every size there is, each as often. */
static void
all_sizes(void **unused)
{
	(void)unused;
	start();
	for (uint64_t i = 0; i < 600000; i++)
		add(16 * i + 16,
		    i % 120 < 70 ? i % 70 * 8 : UINT64_C(1) << (i % 120 - 70));
	for (unsigned i = 1; i < PICKS_SMALLS; i++)
		assert_true(picks.strata[i].count > 400);
	check_strata();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_that_fit),
	    cmocka_unit_test(many_and_few),
	    cmocka_unit_test(in_turns),
	    cmocka_unit_test(all_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
