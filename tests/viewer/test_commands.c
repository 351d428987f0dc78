/*
 * test_commands.c - every command of keys.def is pressed and does what it
 * says. A command without an entry here fails the last test.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "viewer/action.h"

static bool tried[COMMAND_ID_COUNT];

/* Presses each key of a command in turn, which must lead to that command in
 * the current view. */
static void
press(struct fixture *fixture, enum command_id id, size_t which)
{
	uint32_t keys[COMMAND_KEYS_MAX];
	size_t count = command_keys(&commands[id], keys);
	struct event event = {.key = keys[which < count ? which : 0]};

	assert_ptr_equal(command_find(viewer_view(&fixture->viewer), event.key),
			 &commands[id]);
	viewer_update(&fixture->viewer, viewer_event(&fixture->viewer, &event));
	viewer_draw(&fixture->viewer);
	tried[id] = true;
}

static struct fixture *
opened(struct fixture *fixture)
{
	fixture_open(fixture, NULL, false);
	return fixture;
}

static void
test_move(void **state)
{
	struct fixture all, *f = opened(&all);
	struct list *list = &f->viewer.lists[VIEW_SITES];

	(void)state;
	fixture_resize(f, 80, 12);
	press(f, COMMAND_DOWN, 0);
	press(f, COMMAND_DOWN, 1);
	assert_int_equal(list->cursor, 2);
	press(f, COMMAND_UP, 1);
	assert_int_equal(list->cursor, 1);
	press(f, COMMAND_LAST, 1);
	assert_int_equal(list->cursor, list->count - 1);
	assert_shows(f, "of 10");
	press(f, COMMAND_PAGE_UP, 0);
	assert_true(list->cursor < list->count - 1);
	press(f, COMMAND_FIRST, 1);
	assert_int_equal(list->cursor, 0);
	press(f, COMMAND_PAGE_DOWN, 1);
	assert_true(list->cursor > 1);
	fixture_close(f);
}

/* What becomes of the answer stands in test_viewer.c. */
static void
test_types(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_TYPES, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_TYPES);
	assert_shows(f, "numpy.ndarray");
	assert_shows(f, "lines.py:345");
	fixture_close(f);
}

static void
test_open_and_close(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_OPEN, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_TRACE);
	assert_shows(f, "monthly_report");
	assert_shows(f, "/srv/shop/charts.py:17");
	press(f, COMMAND_CLOSE, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	press(f, COMMAND_OPEN, 0);
	press(f, COMMAND_CLOSE, 1); /* Esc */
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	fixture_keys(f, "Esc Esc Esc");
	assert_false(f->viewer.quit);
	fixture_close(f);
}

static void
test_biggest(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_keys(f, "I"); /* the smallest first */
	press(f, COMMAND_BIGGEST, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_TRACE);
	assert_shows(f, "lines.py:345 (__init__)");
	fixture_close(f);
}

static void
test_stacks(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_keys(f, "Enter");
	assert_shows(f, "draw_sales      /srv");
	press(f, COMMAND_STACK_NEXT, 0);
	assert_int_equal(f->viewer.trace.shown, 1);
	assert_hides(f, "draw_sales      /srv");
	press(f, COMMAND_STACK_PREVIOUS, 0);
	assert_int_equal(f->viewer.trace.shown, 0);
	fixture_close(f);
}

static void
test_paths(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_resize(f, 60, 24);
	fixture_keys(f, "Enter");
	assert_shows(f, "…/matplotlib/figure.py:891");
	press(f, COMMAND_PATHS, 0);
	assert_hides(f, "…/matplotlib/figure.py:891");
	assert_shows(f, "/opt/shop/lib/python3.11/site-packages/matplotlib");
	fixture_close(f);
}

static void
test_other_views(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_OUTPUT, 0);
	assert_shows(f, "heaptop run");
	press(f, COMMAND_OUTPUT, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	press(f, COMMAND_LOSSES, 0);
	assert_shows(f, "Nothing was lost");
	fixture_keys(f, "q");
	press(f, COMMAND_HELP, 0);
	assert_shows(f, "the full traceback of the selected row");
	press(f, COMMAND_HELP, 1);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	fixture_close(f);
}

static void
test_losses(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	f->made.snapshot.losses[0] =
	    (struct loss){"stack_cut", "stacks cut at the deepest depth", 1234};
	f->made.snapshot.loss_count = 1;
	fixture_keys(f, "C-l");
	assert_shows(f, "1234 of 1 kind");
	fixture_keys(f, "l");
	assert_shows(f, "1234  stacks cut at the deepest depth");
	fixture_close(f);
}

static void
test_processes(void **state)
{
	char empty[] = "/tmp/heaptop-test-XXXXXX";
	struct fixture all, *f = opened(&all);

	(void)state;
	assert_non_null(mkdtemp(empty));
	setenv("HEAPTOP_DIR", empty, 1);
	press(f, COMMAND_PROCESSES, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_PROCESSES);
	assert_shows(f, "No process is being profiled");
	press(f, COMMAND_CHOOSE, 0); /* nothing there: nothing happens */
	assert_int_equal(viewer_view(&f->viewer), VIEW_PROCESSES);
	fixture_close(f);
	unsetenv("HEAPTOP_DIR");
	rmdir(empty);
}

static void
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

static void
test_mark_keeps_the_users_sort(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_keys(f, "3 m");
	assert_int_equal(f->viewer.query.sort, COLUMN_COUNT);
	fixture_close(f);
}

static void
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
		fixture_step(f);
		assert_int_equal(f->viewer.snapshot->tick, step + 1);
	}
	fixture_close(f);
}

static void
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

static void
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

static void
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

static void
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

static void
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

static void
test_delay(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_FASTER, 0);
	assert_true(f->viewer.delay_s < 0.3);
	press(f, COMMAND_SLOWER, 0);
	press(f, COMMAND_SLOWER, 0);
	assert_true(f->viewer.delay_s > 0.9);
	press(f, COMMAND_DELAY, 0);
	fixture_keys(f, "C-u 2 . 5 Enter");
	assert_true(f->viewer.delay_s > 2.4 && f->viewer.delay_s < 2.6);
	fixture_keys(f, "d C-u x Enter");
	assert_shows(f, "a delay is");
	assert_true(f->viewer.delay_s > 2.4);
	fixture_close(f);
}

static void
test_terminal(void **state)
{
	struct fixture all, *f = opened(&all);
	struct event event = {.key = 12};

	(void)state;
	press(f, COMMAND_REDRAW, 0);
	assert_true(viewer_event(&f->viewer, &event) & STALE_TERMINAL);
	press(f, COMMAND_SUSPEND, 0);
	assert_true(f->viewer.suspend);
	fixture_close(f);
}

static bool
never_exited(void *context, int *status)
{
	(void)context;
	(void)status;
	return false;
}

static void
count_stop(void *context)
{
	int *stops = context;

	(*stops)++;
}

static void
test_quit(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	for (size_t key = 0; key < 3; key++) {
		f->viewer.quit = false;
		press(f, COMMAND_QUIT, key);
		assert_true(f->viewer.quit);
	}
	fixture_close(f);
}

static void
test_quit_asks(void **state)
{
	struct fixture all, *f = &all;
	int stops = 0;

	(void)state;
	fixture_open(f, NULL, true);
	f->host.exited = never_exited;
	f->host.stop = count_stop;
	f->host.context = &stops;
	fixture_keys(f, "q");
	assert_shows(f, "The program is still running");
	fixture_keys(f, "c");
	assert_false(f->viewer.quit);
	fixture_keys(f, "q l");
	assert_true(f->viewer.quit);
	assert_int_equal(f->host.left, VIEWER_LEFT_RUNNING);
	assert_int_equal(stops, 0);
	f->viewer.quit = false;
	fixture_keys(f, "F10 s");
	assert_true(f->viewer.quit);
	assert_int_equal(f->host.left, VIEWER_LEFT_STOPPED);
	assert_int_equal(stops, 1);
	fixture_close(f);
}

/* It says what it did only when the process has done it. */
static void
test_rate(void **state)
{
	struct fixture all, *f = opened(&all);
	struct process *process = &f->made.snapshot.process;

	(void)state;
	press(f, COMMAND_RATE, 0);
	assert_shows(f, "budget 2 %");
	assert_int_equal(f->viewer.menu.cursor, 0); /* exact */
	fixture_keys(f, "3");
	assert_int_equal(f->made.asked.sample_bytes, 512 << 10);
	assert_shows(f, "asked for: 512 KiB");
	fixture_step(f);
	assert_shows(f, "asked for: 512 KiB");
	process->sample_bytes = 512 << 10;
	fixture_step(f);
	assert_shows(f, "recording: sampled 512 KiB");
	assert_int_equal(f->viewer.rate_asked_ns, 0);

	press(f, COMMAND_RATE, 0);
	assert_int_equal(f->viewer.menu.cursor, 2);
	fixture_keys(f, "5");
	assert_int_equal(f->made.asked.budget_ppm, 20000);
	assert_int_equal(f->made.asked.sample_bytes, 0);
	for (int i = 0; i < 7; i++)
		fixture_step(f);
	assert_shows(f, "the rate has not changed");

	/* An interval that is near will do, late. */
	press(f, COMMAND_RATE, 0);
	fixture_keys(f, "2");
	for (int i = 0; i < 7; i++)
		fixture_step(f);
	assert_shows(f, "recording: sampled 512 KiB");

	f->made.refuses = true;
	press(f, COMMAND_RATE, 0);
	fixture_keys(f, "1");
	assert_shows(f, "the rate stays: it is deaf");
	fixture_close(f);
}

/* Growth within two standard errors is dimmed and has a sign. */
static void
test_doubt(void **state)
{
	struct fixture all, *f = opened(&all);
	int y;

	(void)state;
	assert_hides(f, "±");
	made_sample(&f->made);
	fixture_step(f);
	assert_shows(f, "±");
	assert_shows(f, "sampled 512 KiB");
	press(f, COMMAND_MARK, 0);
	for (int i = 0; i < 4; i++)
		fixture_step(f);
	y = fixture_find(f, "transforms.py");
	assert_non_null(strstr(fixture_line(f, y), "~+1.18M"));
	assert_int_equal(fixture_role(f, y, 45), ROLE_DIM);
	assert_int_equal(fixture_role(f, y, 3), ROLE_DIM);
	y = fixture_find(f, "decoder.py");
	assert_null(strstr(fixture_line(f, y), "~"));
	assert_int_equal(fixture_role(f, y, 3), ROLE_TEXT);
	press(f, COMMAND_LOSSES, 0);
	assert_shows(f, "live map: hash table");
	assert_shows(f, "estimates");
	fixture_close(f);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++) {
		uint32_t keys[COMMAND_KEYS_MAX];
		size_t count = command_keys(&commands[i], keys);

		assert_int_equal(commands[i].id, i);
		assert_true(count > 0);
		assert_non_null(commands[i].run);
		assert_ptr_equal(command_named(commands[i].word), &commands[i]);
		for (size_t k = 0; k < count; k++)
			assert_int_not_equal(keys[k], INPUT_NONE);
	}
}

static void
test_all_tried(void **state)
{
	(void)state;
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++)
		if (!tried[i])
			fail_msg("no test presses '%s'", commands[i].word);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_move),
	    cmocka_unit_test(test_open_and_close),
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_biggest),
	    cmocka_unit_test(test_stacks),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_other_views),
	    cmocka_unit_test(test_losses),
	    cmocka_unit_test(test_processes),
	    cmocka_unit_test(test_mark),
	    cmocka_unit_test(test_mark_keeps_the_users_sort),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_sort),
	    cmocka_unit_test(test_group),
	    cmocka_unit_test(test_charge),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_search),
	    cmocka_unit_test(test_delay),
	    cmocka_unit_test(test_terminal),
	    cmocka_unit_test(test_quit),
	    cmocka_unit_test(test_quit_asks),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_doubt),
	    cmocka_unit_test(test_all_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
