/* test_packed.c - small numbers and large ones, in and out again. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/packed.h"

enum { NUMBERS = 5000 };

static uint64_t
any_number(void)
{
	uint64_t number = (uint64_t)rand() << 31 ^ (uint64_t)rand();

	switch (rand() % 64) {
	case 0:
		return number << 20; /* needs the high half, maybe only that */
	case 1:
		return UINT32_MAX + (uint64_t)(rand() % 3) - 1;
	case 2:
		return UINT64_MAX - (uint64_t)(rand() % 3);
	}
	return number % 100000;
}

static void
test_all(void **state)
{
	static uint64_t wanted[NUMBERS];
	struct packed packed = {0};
	size_t count = 0;

	(void)state;
	srand(7);
	packed_room(&packed, 0);
	for (int step = 0; step < 20000; step++) {
		size_t at;

		if (count < NUMBERS && rand() % 3 == 0) {
			count += 1 + (size_t)rand() % 7;
			count = count < NUMBERS ? count : NUMBERS;
			packed_room(&packed, count);
		}
		if (!count)
			continue;
		at = (size_t)rand() % count;
		assert_true(packed_get(&packed, at) == wanted[at]);
		wanted[at] = any_number();
		packed_set(&packed, at, wanted[at]);
	}
	for (size_t i = 0; i < count; i++)
		assert_true(packed_get(&packed, i) == wanted[i]);
	packed_fini(&packed);
	assert_int_equal(packed_size(&packed), 0);
}

/* Only the runs that have a large number pay for it. */
static void
test_size(void **state)
{
	struct packed packed = {0};
	size_t small;

	(void)state;
	packed_room(&packed, 100 * PACKED_RUN);
	for (size_t i = 0; i < 100 * PACKED_RUN; i++)
		packed_set(&packed, i, UINT32_MAX);
	small = packed_size(&packed);
	assert_in_range(small, 400 * PACKED_RUN, 404 * PACKED_RUN);
	packed_set(&packed, 7 * PACKED_RUN, UINT64_C(1) << 40);
	packed_set(&packed, 8 * PACKED_RUN - 1, UINT64_C(1) << 40);
	assert_int_equal(packed_size(&packed), small + 4 * PACKED_RUN);
	packed_fini(&packed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all),
	    cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
