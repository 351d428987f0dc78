/*
 * test_live.c - the map of live blocks, beside a naive one.
 */
#include "config.h"

#include "check.h"

#include "agent/live.h"

#define BASE  UINT64_C(0x7f1234000000)
#define SITE  77u
#define MODEL 4096 /* addresses, 8 bytes apart */

static int
start(void **state)
{
	(void)state;
	return live.chunks || live_init() ? 0 : -1;
}

static void
test_what_was_put_is_taken_once(void **state)
{
	uint64_t size = 0;

	(void)state;
	assert_int_equal(live_take(BASE, &size), 0);
	assert_true(live_put(BASE, SITE, 100));
	assert_int_equal(live_take(BASE, &size), SITE);
	assert_int_equal(size, 100);
	assert_int_equal(live_take(BASE, &size), 0);
}

static void
test_sizes_of_both_kinds(void **state)
{
	static const uint64_t sizes[] = {0,
					 1,
					 7,
					 8,
					 9,
					 15,
					 16,
					 17,
					 4096,
					 UINT64_C(1) << 31,
					 (UINT64_C(1) << 32) + 1,
					 LIVE_SIZE_MAX};
	uint32_t site_max = (1u << LIVE_SITE_BITS) - 1;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (uint64_t half = 0; half <= 8; half += 8) {
			uint64_t size = 1234;

			assert_true(live_put(BASE + half, site_max, sizes[i]));
			assert_int_equal(live_take(BASE + half, &size),
					 site_max);
			assert_int_equal(size, sizes[i]);
			assert_int_equal(live_take(BASE + half, &size), 0);
		}
}

static void
test_too_large_is_refused(void **state)
{
	uint64_t size;

	(void)state;
	assert_false(live_put(BASE, SITE, LIVE_SIZE_MAX + 1));
	assert_int_equal(live_take(BASE, &size), 0);
}

static void
test_no_user_address_is_refused(void **state)
{
	uint64_t size;

	(void)state;
	assert_false(live_put(UINT64_C(1) << LIVE_ADDRESS_BITS, SITE, 16));
	assert_int_equal(live_take(UINT64_MAX, &size), 0);
	assert_true(live_put((UINT64_C(1) << LIVE_ADDRESS_BITS) - 16, SITE, 9));
	assert_int_equal(
	    live_take((UINT64_C(1) << LIVE_ADDRESS_BITS) - 16, &size), SITE);
}

static void
test_two_tiny_blocks_share_a_unit(void **state)
{
	uint64_t size;

	(void)state;
	assert_true(live_put(BASE, 1, 8));
	assert_true(live_put(BASE + 8, 2, 3));
	assert_int_equal(live_take(BASE, &size), 1);
	assert_int_equal(size, 8);
	assert_true(live_put(BASE, 3, 0));
	assert_int_equal(live_take(BASE + 8, &size), 2);
	assert_int_equal(size, 3);
	assert_int_equal(live_take(BASE, &size), 3);
	assert_int_equal(size, 0);
}

static void
test_the_other_half_is_another_block(void **state)
{
	uint64_t size = 5;

	(void)state;
	assert_true(live_put(BASE + 8, SITE, 100));
	assert_int_equal(live_take(BASE, &size), 0);
	assert_int_equal(live_take(BASE + 8, &size), SITE);
	assert_true(live_put(BASE, SITE, 100));
	assert_int_equal(live_take(BASE + 8, &size), 0);
	assert_int_equal(live_take(BASE, &size), SITE);
}

static void
test_a_second_put_replaces(void **state)
{
	uint64_t size;

	(void)state;
	assert_true(live_put(BASE, 1, 100));
	assert_true(live_put(BASE, 2, 5)); /* tiny over full */
	assert_int_equal(live_take(BASE + 8, &size), 0);
	assert_int_equal(live_take(BASE, &size), 2);
	assert_int_equal(size, 5);
	assert_true(live_put(BASE, 3, 5));
	assert_true(live_put(BASE, 4, 500)); /* full over tiny */
	assert_int_equal(live_take(BASE, &size), 4);
	assert_int_equal(size, 500);
	assert_int_equal(live_take(BASE, &size), 0);
}

/*
 * Blocks as allocators place them: no two overlap, so that two begin in one
 * unit only when the first of them has at most 8 bytes, and then both do.
 */
struct block {
	uint32_t site;
	uint64_t size;
};

static bool
fits(const struct block *model, uint64_t at, uint64_t size)
{
	uint64_t other = at ^ 1;
	uint64_t cells = (size + 7) / 8;

	if (model[at].site)
		return false;
	if (model[other].site && (size > 8 || model[other].size > 8))
		return false;
	for (uint64_t i = 1; i < cells; i++)
		if (at + i >= MODEL || model[at + i].site)
			return false;
	for (uint64_t i = 1; i <= at && i < 16; i++)
		if (model[at - i].site && model[at - i].size > i * 8)
			return false;
	return true;
}

static void
test_like_a_naive_map(void **state)
{
	static struct block model[MODEL];
	uint64_t seed = 20240817;

	(void)state;
	for (int step = 0; step < 400000; step++) {
		/* Across the border of two chunks. */
		uint64_t at = random_below(&seed, MODEL);
		uint64_t address = (UINT64_C(1) << 40) - MODEL * 4 + at * 8;
		uint64_t size = 99999;

		if (random_below(&seed, 2)) {
			struct block want = {
			    1 + (uint32_t)random_below(&seed, 1 << 24) %
				    ((1u << 24) - 1),
			    random_below(&seed, 2) ? random_below(&seed, 9)
						   : random_below(&seed, 128)};

			if (!fits(model, at, want.size))
				continue;
			assert_true(live_put(address, want.site, want.size));
			model[at] = want;
			continue;
		}
		assert_int_equal(live_take(address, &size), model[at].site);
		if (model[at].site)
			assert_int_equal(size, model[at].size);
		model[at].site = 0;
	}
}

static void
test_what_is_touched_is_measured(void **state)
{
	uint64_t before = 0;
	uint64_t after = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		before = live_measure();
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(live_put(BASE + (i << 13), SITE, 64));
	for (int i = 0; i < 100; i++)
		after = live_measure();
	/* 8 KiB of heap are a page of shadow. */
	assert_in_range(after - before, 990 * 4096, 1010 * 4096);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_was_put_is_taken_once),
	    cmocka_unit_test(test_sizes_of_both_kinds),
	    cmocka_unit_test(test_too_large_is_refused),
	    cmocka_unit_test(test_no_user_address_is_refused),
	    cmocka_unit_test(test_two_tiny_blocks_share_a_unit),
	    cmocka_unit_test(test_the_other_half_is_another_block),
	    cmocka_unit_test(test_a_second_put_replaces),
	    cmocka_unit_test(test_like_a_naive_map),
	    cmocka_unit_test(test_what_is_touched_is_measured),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
