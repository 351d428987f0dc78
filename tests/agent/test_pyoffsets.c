/*
 * test_pyoffsets.c - the table of layouts and its check against what an
 * interpreter publishes.
 */
#include "config.h"

#include "check.h"

#include "agent/py/pyoffsets.h"

#define COOKIE UINT64_C(0x7970677562656478)

static void
one_row_a_version(void **state)
{
	(void)state;
	for (unsigned minor = 6; minor <= 15; minor++) {
		const struct py_layout *row = py_layout_find(minor, false);

		assert_non_null(row);
		assert_int_equal(row->minor, minor);
		row = py_layout_find(minor, true);
		assert_int_equal(row != NULL, minor >= 13);
	}
	assert_null(py_layout_find(5, false));
	assert_null(py_layout_find(16, false));
	assert_null(py_layout_find(16, true));
}

/* What a 3.13 publishes, in the places where it does. */
static void
fill_313(uint64_t *published)
{
	const struct py_layout *row = py_layout_find(13, false);

	published[0] = COOKIE;
	published[1] = 0x030d00f0;
	published[23] = (uint64_t)row->thread_frame;
	published[24] = (uint64_t)row->thread_id;
	published[29] = (uint64_t)row->frame_previous;
	published[30] = (uint64_t)row->frame_code;
	published[31] = (uint64_t)row->frame_instr;
	published[33] = (uint64_t)row->frame_owner;
	published[35] = (uint64_t)row->code_filename;
	published[36] = (uint64_t)row->code_name;
	published[37] = (uint64_t)row->code_qualname;
	published[38] = (uint64_t)row->code_lines;
	published[39] = (uint64_t)row->code_firstlineno;
	published[43] = (uint64_t)row->code_bytecode;
	published[45] = (uint64_t)row->ob_type;
	published[47] = (uint64_t)row->type_name;
	published[65] = (uint64_t)row->ob_size;
	published[66] = (uint64_t)row->bytes_data;
	published[67] = (uint64_t)row->str_pointer + 8;
	published[68] = (uint64_t)row->str_state;
	published[69] = (uint64_t)row->str_length;
	published[70] = (uint64_t)row->str_ascii;
}

static void
published_table_must_agree(void **state)
{
	const struct py_layout *row = py_layout_find(13, false);
	uint64_t published[128] = {0};

	(void)state;
	fill_313(published);
	assert_true(py_layout_agrees(row, published));
	for (size_t i = 3; i < 128; i++) {
		uint64_t was = published[i];

		published[i] = was + 8;
		assert_int_equal(py_layout_agrees(row, published),
				 was == 0 && i != 30);
		published[i] = was;
	}
}

static void
other_tables_are_refused(void **state)
{
	uint64_t published[128] = {0};
	uint64_t version = 0;
	bool free_threaded = false;

	(void)state;
	assert_false(py_layout_published(published, &version, &free_threaded));
	fill_313(published);
	published[2] = 1;
	assert_true(py_layout_published(published, &version, &free_threaded));
	assert_true(free_threaded);
	assert_int_equal(version, 0x030d00f0);
	assert_false(py_layout_agrees(py_layout_find(12, false), published));
	assert_false(py_layout_agrees(py_layout_find(14, false), published));
	assert_false(py_layout_agrees(py_layout_find(13, true), published));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_row_a_version),
	    cmocka_unit_test(published_table_must_agree),
	    cmocka_unit_test(other_tables_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
