/* commands_list.c - the sections Growth and List of keys.def. */
#include "config.h"

#include <string.h>

#include "commands.h"

void
test_mark(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_step(f);
	assert_shows(f, "start, 0:00 ago");
	assert_shows(f, "+1.19 MiB");
	press(f, COMMAND_MARK, 0);
	assert_shows(f, "mark, 0:00 ago");
	assert_hides(f, "+1.19 MiB");
	assert_shows(f, "+/-▼");
	fixture_step(f);
	fixture_step(f);
	assert_shows(f, "mark, 0:01 ago");
	assert_shows(f, "+2.38 MiB");
	fixture_close(f);
}

void
test_mark_keeps_the_users_sort(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_keys(f, "3 m");
	assert_int_equal(f->viewer.query.sort, COLUMN_COUNT);
	fixture_close(f);
}

void
test_pause(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	for (size_t key = 0; key < 3; key++) {
		uint64_t step = f->viewer.snapshot->tick;

		press(f, COMMAND_PAUSE, key);
		fixture_step(f);
		assert_int_equal(f->viewer.snapshot->tick, step);
		assert_shows(f, "PAUSED 0:0");
		press(f, COMMAND_PAUSE, key);
		assert_hides(f, "PAUSED");
		/* It has gone on. */
		assert_int_equal(f->viewer.snapshot->tick, step + 1);
		fixture_step(f);
		assert_int_equal(f->viewer.snapshot->tick, step + 2);
	}
	fixture_close(f);
}

void
test_sort(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	assert_int_equal(f->viewer.query.sort, COLUMN_SIZE);
	press(f, COMMAND_SORT_NEXT, 0);
	assert_int_equal(f->viewer.query.sort, COLUMN_SIZE_DIFF);
	press(f, COMMAND_SORT_NEXT, 1);
	press(f, COMMAND_SORT_PREVIOUS, 0);
	press(f, COMMAND_SORT_PREVIOUS, 1);
	assert_int_equal(f->viewer.query.sort, COLUMN_SIZE);
	for (size_t digit = 0; digit < 9; digit++) {
		press(f, COMMAND_SORT_BY, digit);
		assert_int_equal(f->viewer.query.sort, digit);
		assert_shows(f, column_infos[digit].title);
	}
	press(f, COMMAND_SORT, 0);
	assert_shows(f, "Sort by");
	fixture_keys(f, "3");
	assert_hides(f, "Sort by");
	assert_int_equal(f->viewer.query.sort, COLUMN_COUNT);
	press(f, COMMAND_INVERT, 0);
	assert_shows(f, "COUNT▲");
	fixture_keys(f, "F6 Down Enter");
	assert_int_equal(f->viewer.query.sort, COLUMN_COUNT_DIFF);
	fixture_keys(f, "F6 Esc");
	assert_hides(f, "Sort by");
	fixture_close(f);
}

void
test_group(void **state)
{
	struct fixture all, *f = opened(&all);
	size_t lines = f->viewer.rows->count;

	(void)state;
	press(f, COMMAND_GROUP, 0);
	assert_shows(f, "by function");
	assert_shows(f, "FUNCTION");
	for (int i = 1; i < GROUP_COUNT; i++)
		press(f, COMMAND_GROUP, 0);
	assert_shows(f, "by line");
	assert_int_equal(f->viewer.rows->count, lines);
	press(f, COMMAND_GROUP_MENU, 0);
	fixture_keys(f, "6");
	assert_shows(f, "by allocator");
	assert_shows(f, "pymem_object");
	fixture_close(f);
}

void
test_charge(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_INCLUSIVE, 0);
	assert_shows(f, "inclusive");
	assert_shows(f, "threading.py");
	press(f, COMMAND_MINE, 0);
	assert_shows(f, "my code");
	assert_hides(f, "threading.py");
	assert_shows(f, "app.py:34 (monthly_report)");
	press(f, COMMAND_INCLUSIVE, 0);
	press(f, COMMAND_MINE, 0);
	assert_shows(f, "lines.py:345");
	fixture_close(f);
}

void
test_filter(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	for (size_t key = 0; key < 3; key++) {
		press(f, COMMAND_FILTER, key);
		assert_shows(f, "Filter:");
		fixture_keys(f, "a x i s");
		assert_int_equal(f->viewer.rows->count, 1);
		fixture_keys(f, "Enter");
		assert_shows(f, "filter: axis");
		press(f, COMMAND_CLEAR, 0);
		assert_int_equal(f->viewer.rows->count, 10);
	}
	fixture_keys(f, "f x Esc");
	assert_int_equal(f->viewer.rows->count, 10);
	fixture_keys(f, "f z z Enter");
	assert_shows(f, "no row passes the filter");
	fixture_close(f);
}

void
test_search(void **state)
{
	struct fixture all, *f = opened(&all);
	int y;

	(void)state;
	press(f, COMMAND_SEARCH, 0);
	fixture_keys(f, "_ _ i n i t Enter");
	y = fixture_find(f, "lines.py");
	assert_int_equal(fixture_role(f, y, 0), ROLE_SELECTED);
	press(f, COMMAND_SEARCH_NEXT, 0);
	y = fixture_find(f, "transforms.py");
	assert_int_equal(fixture_role(f, y, 0), ROLE_SELECTED);
	press(f, COMMAND_SEARCH_PREVIOUS, 0);
	y = fixture_find(f, "lines.py");
	assert_int_equal(fixture_role(f, y, 0), ROLE_SELECTED);
	fixture_keys(f, "Esc / n o n e Enter");
	assert_shows(f, "not found: none");
	fixture_keys(f, "Esc");
	assert_int_equal(f->viewer.search[0], 0);
	fixture_keys(f, "/ 한 Backspace 계 산 Enter");
	assert_int_equal(fixture_role(f, fixture_find(f, "집계.py"), 0),
			 ROLE_SELECTED);
	fixture_close(f);
}
