/*
 * test_maps.c - the mappings of the program, beside a naive model that knows
 * the owner of every page.
 */
#include "config.h"

#include "check.h"

#include <string.h>

#include "agent/maps.h"

#define PAGE   4096
#define PAGES  512
#define BLOCKS 100000
#define BASE   UINT64_C(0x7f0000000000)

static struct {
	uint32_t block[PAGES]; /* whose page it is; 0 nobody's */
	uint32_t pages[BLOCKS];
	uint32_t count;
} model;

/* What maps_remove said went away, by site. Blocks are sites here. */
static struct {
	uint64_t bytes[BLOCKS];
	uint32_t ends[BLOCKS];
} gone;

static void
note(struct thread *thread, uint32_t site, uint64_t bytes, bool last)
{
	assert_null(thread);
	gone.bytes[site] += bytes;
	gone.ends[site] += last;
}

static void
model_remove(uint64_t first, uint64_t pages)
{
	for (uint64_t i = first; i < first + pages && i < PAGES; i++)
		if (model.block[i]) {
			model.pages[model.block[i]]--;
			model.block[i] = 0;
		}
}

/* The block of the lowest page that is somebody's. */
static uint32_t
first_block(uint64_t first, uint64_t pages)
{
	for (uint64_t i = first; i < first + pages && i < PAGES; i++)
		if (model.block[i])
			return model.block[i];
	return 0;
}

static void
remove_both(uint64_t first, uint64_t pages)
{
	static uint32_t before[BLOCKS];
	uint64_t total = 0;
	uint64_t bytes;
	uint32_t site = 0;
	uint32_t lowest = first_block(first, pages);

	memcpy(before, model.pages, sizeof(before));
	memset(&gone, 0, sizeof(gone));
	model_remove(first, pages);
	bytes =
	    maps_remove(BASE + first * PAGE, pages * PAGE, &site, NULL, note);
	if (lowest)
		assert_int_equal(site, lowest);
	for (uint32_t i = 1; i <= model.count; i++) {
		uint32_t lost = before[i] - model.pages[i];

		assert_int_equal(gone.bytes[i], (uint64_t)lost * PAGE);
		assert_int_equal(gone.ends[i], lost && !model.pages[i]);
		total += gone.bytes[i];
	}
	assert_int_equal(bytes, total);
}

static void
add_both(uint64_t first, uint64_t pages)
{
	uint32_t block = ++model.count;

	remove_both(first, pages);
	assert_true(maps_add(BASE + first * PAGE, pages * PAGE, block));
	for (uint64_t i = first; i < first + pages; i++)
		model.block[i] = block;
	model.pages[block] = (uint32_t)pages;
}

static void
test_a_mapping_cut_in_three_ends_with_its_last_part(void **state)
{
	(void)state;
	add_both(0, 10);
	remove_both(3, 2);
	remove_both(7, 1);
	remove_both(0, 3);
	remove_both(8, 5);
	remove_both(5, 2);
	assert_int_equal(gone.ends[model.count], 1);
}

static void
test_one_removal_takes_many(void **state)
{
	uint32_t first = model.count + 1;

	(void)state;
	for (uint64_t i = 0; i < 300; i++)
		add_both(i, 1);
	remove_both(0, PAGES);
	for (uint32_t i = first; i < first + 300; i++)
		assert_int_equal(gone.ends[i], 1);
}

static void
test_nothing_is_there_to_remove(void **state)
{
	(void)state;
	remove_both(0, PAGES);
	remove_both(0, PAGES);
	assert_int_equal(maps_remove(BASE, 0, NULL, NULL, note), 0);
}

static void
test_like_a_naive_map(void **state)
{
	uint64_t seed = 4242;

	(void)state;
	for (int step = 0; step < 4000; step++) {
		uint64_t first = random_below(&seed, PAGES);
		uint64_t most = random_below(&seed, 8) ? 12 : PAGES;
		uint64_t pages = 1 + random_below(&seed, most);

		if (pages > PAGES - first)
			pages = PAGES - first;
		if (random_below(&seed, 2))
			add_both(first, pages);
		else
			remove_both(first, pages);
	}
	remove_both(0, PAGES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_a_mapping_cut_in_three_ends_with_its_last_part),
	    cmocka_unit_test(test_one_removal_takes_many),
	    cmocka_unit_test(test_nothing_is_there_to_remove),
	    cmocka_unit_test(test_like_a_naive_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
