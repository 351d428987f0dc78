/*
 * test_table.c - the ticker's dictionary.
 */
#include "config.h"

#include "check.h"

#include "agent/table.h"

#define KEYS 100000u

static void
test_each_key_has_its_value(void **state)
{
	struct table table = {0};

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t *place = table_place(&table, i % 317, i / 317);

		assert_non_null(place);
		assert_int_equal(*place, 0);
		assert_int_equal(table_set(&table, place, i + 1), i + 1);
	}
	for (uint32_t i = 0; i < KEYS; i++)
		assert_int_equal(*table_place(&table, i % 317, i / 317), i + 1);
	assert_true(table.count <= table.slots / 2 + 1);
	table_fini(&table);
	assert_int_equal(*table_place(&table, 1, 1), 0);
	table_fini(&table);
}

static void
test_swapped_keys_are_two(void **state)
{
	struct table table = {0};

	(void)state;
	table_set(&table, table_place(&table, 1, 2), 12);
	assert_int_equal(*table_place(&table, 2, 1), 0);
	assert_int_equal(*table_place(&table, 1, 2), 12);
	table_fini(&table);
}

/* A caller that found no room for what the value stands for asks again. */
static void
test_a_place_left_empty_costs_nothing(void **state)
{
	struct table table = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_non_null(table_place(&table, 5, 6));
	assert_true(table.slots <= 4096);
	table_fini(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_key_has_its_value),
	    cmocka_unit_test(test_swapped_keys_are_two),
	    cmocka_unit_test(test_a_place_left_empty_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
