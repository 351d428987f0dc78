/*
 * test_pylines.c - line tables, by hand. What real interpreters write is
 * compared in py/test_py_lines.py.
 */
#include "config.h"

#include "check.h"

#include "agent/py/pylines.h"

static uint32_t
line(enum py_line_format format, const void *table, size_t size, int offset)
{
	struct py_lines lines = {
	    .table = table, .size = size, .first_line = 10, .format = format};

	return py_lines_find(&lines, offset);
}

#define LINE(format_, offset_) \
	line(PY_LINES_##format_, table, sizeof(table), offset_)

static void
lnotab_steps(void **state)
{
	static const uint8_t table[] = {0, 1, 6, 2, 4, 0xff, 8, 127, 0, 127};

	(void)state;
	assert_int_equal(LINE(LNOTAB, 0), 11);
	assert_int_equal(LINE(LNOTAB, 4), 11);
	assert_int_equal(LINE(LNOTAB, 6), 13);
	assert_int_equal(LINE(LNOTAB, 10), 12);
	assert_int_equal(LINE(LNOTAB, 16), 12);
	assert_int_equal(LINE(LNOTAB, 18), 266);
	assert_int_equal(LINE(LNOTAB, 100000), 266);
	assert_int_equal(LINE(LNOTAB, -1), 10);
}

static void
lnotab_odd_and_empty(void **state)
{
	static const uint8_t table[] = {0, 1, 6};

	(void)state;
	assert_int_equal(LINE(LNOTAB, 20), 11);
	assert_int_equal(line(PY_LINES_LNOTAB, "", 0, 20), 10);
}

/* From wherever the look before ended, the answer is the same. */
static void
from_any_place(void **state)
{
	static const uint8_t table[] = {0, 1, 6, 2, 4, 0xff, 8, 127, 0, 127,
					2, 0, 4, 0x80, 0, 127, 2, 20, 0, 1};
	struct py_lines lines = {
	    .table = table, .size = sizeof(table), .first_line = 10};

	(void)state;
	for (int format = PY_LINES_LNOTAB; format <= PY_LINES_LOCATIONS;
	     format++) {
		struct py_lines_place place = {0};

		lines.format = (enum py_line_format)format;
		for (int32_t first = -1; first < 40; first++)
			for (int32_t offset = -1; offset < 40; offset++) {
				py_lines_find_from(&lines, first, &place);
				assert_int_equal(
				    py_lines_find_from(&lines, offset, &place),
				    py_lines_find(&lines, offset));
			}
	}
}

static void
ranges_without_line(void **state)
{
	/* 2 bytes line 10, 4 bytes none, a jump of 127 + 20, 2 bytes of it. */
	static const uint8_t table[] = {2, 0, 4, 0x80, 0, 127, 2, 20};

	(void)state;
	assert_int_equal(LINE(RANGES, 0), 10);
	assert_int_equal(LINE(RANGES, 2), 0);
	assert_int_equal(LINE(RANGES, 4), 0);
	assert_int_equal(LINE(RANGES, 6), 157);
	assert_int_equal(LINE(RANGES, 8), 0);
	assert_int_equal(LINE(RANGES, -2), 10);
}

#define ENTRY(kind_, units_) (uint8_t)(0x80 | (kind_) << 3 | ((units_)-1))

static void
locations_of_each_kind(void **state)
{
	static const uint8_t table[] = {
	    ENTRY(0, 1),  0x11,		       /* 0: line 10 */
	    ENTRY(12, 2), 1,	2,	       /* 2: +2 */
	    ENTRY(15, 1),		       /* 6: none */
	    ENTRY(13, 8), 0x03,		       /* 8: -1 */
	    ENTRY(14, 1), 0x60, 0x1f, 0, 1, 2, /* 24: +1008 */
	    ENTRY(11, 1), 3,	4,	       /* 26: +1 */
	};

	(void)state;
	assert_int_equal(LINE(LOCATIONS, 0), 10);
	assert_int_equal(LINE(LOCATIONS, 2), 12);
	assert_int_equal(LINE(LOCATIONS, 4), 12);
	assert_int_equal(LINE(LOCATIONS, 6), 0);
	assert_int_equal(LINE(LOCATIONS, 8), 11);
	assert_int_equal(LINE(LOCATIONS, 22), 11);
	assert_int_equal(LINE(LOCATIONS, 24), 11 + 1008);
	assert_int_equal(LINE(LOCATIONS, 26), 12 + 1008);
	assert_int_equal(LINE(LOCATIONS, 28), 0);
	assert_int_equal(LINE(LOCATIONS, -1), 10);
}

/* Every offset of tables of any bytes gives some line, and ends. */
static void
any_bytes(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int turn = 0; turn < 20000; turn++) {
		uint8_t table[24];
		size_t size = random_below(&seed, sizeof(table) + 1);

		for (size_t i = 0; i < size; i++)
			table[i] = (uint8_t)random_next(&seed);
		for (int format = 0; format < 3; format++)
			line((enum py_line_format)format, table, size,
			     (int)random_below(&seed, 4096) - 2);
	}
}

/* A varint of all ones must not run past the table or shift too far. */
static void
endless_varint(void **state)
{
	uint8_t table[64];

	(void)state;
	table[0] = ENTRY(13, 1);
	for (size_t i = 1; i < sizeof(table); i++)
		table[i] = 0x7f;
	assert_int_equal(LINE(LOCATIONS, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lnotab_steps),
	    cmocka_unit_test(lnotab_odd_and_empty),
	    cmocka_unit_test(from_any_place),
	    cmocka_unit_test(ranges_without_line),
	    cmocka_unit_test(locations_of_each_kind),
	    cmocka_unit_test(any_bytes),
	    cmocka_unit_test(endless_varint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
