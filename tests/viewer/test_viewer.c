/* test_viewer.c - selection, mouse, ends: what no single key does. */
#include "config.h"

#include <string.h>

#include "fixture.h"

static void
test_selection_follows_its_row(void **state)
{
	struct fixture f;
	int y;

	(void)state;
	fixture_open(&f, NULL, false);
	fixture_keys(&f, "Down Down"); /* figure.py, which does not grow */
	y = fixture_find(&f, "figure.py");
	assert_int_equal(fixture_role(&f, y, 0), ROLE_SELECTED);
	fixture_keys(&f, "I");
	assert_int_not_equal(fixture_find(&f, "figure.py"), y);
	y = fixture_find(&f, "figure.py");
	assert_int_equal(fixture_role(&f, y, 0), ROLE_SELECTED);
	fixture_close(&f);
}

static void
test_top_stays_top(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, false);
	fixture_keys(&f, "I");
	assert_int_equal(f.viewer.lists[VIEW_SITES].cursor, 0);
	fixture_close(&f);
}

/* What the program says: a fifth line, a column, and news of marks. */
static void
test_said(void **state)
{
	struct fixture f;
	struct snapshot *snapshot;
	struct program_mark mark = {.live_bytes = 1, .work_units = 1000};

	(void)state;
	fixture_open(&f, NULL, false);
	snapshot = &f.made.snapshot;
	mark.text = names_string(f.made.names, "from before\x1b[2J", 15);
	mark.time_ns = snapshot->time_ns;
	snapshot_add_mark(snapshot, &mark);
	f.viewer.marks_seen = 1;
	assert_hides(&f, "Work");
	assert_hides(&f, "PER-WORK");
	snapshot->work_units = 1000;
	fixture_keys(&f, "m");
	fixture_step(&f);
	fixture_resize(&f, 120, 24);
	assert_shows(&f, "Work");
	assert_shows(&f, "1000");
	assert_shows(&f, "PER-WORK");
	assert_shows(&f, "from before\\x1b[2J, 0:0");
	assert_hides(&f, "the program's mark");
	snapshot->work_units = 1030;
	mark.text = names_string(f.made.names, "after warm-up", 13);
	snapshot_add_mark(snapshot, &mark);
	fixture_step(&f);
	assert_shows(&f, "+30 units");
	assert_shows(&f, "the program's mark: after warm-up");
	/* Bytes since the mark for each of the thirty. */
	assert_true(query_work(&f.viewer.query, snapshot) == 30);
	fixture_resize(&f, 70, 12);
	assert_shows(&f, "work 1030 (+30)");
	fixture_close(&f);
}

static void
test_mouse(void **state)
{
	struct fixture f;
	struct event wheel = {.key = INPUT_WHEEL_DOWN};
	const char *line;
	int y;

	(void)state;
	fixture_open(&f, NULL, false);
	y = fixture_find(&f, "charts.py");
	fixture_click(&f, y, 30);
	assert_int_equal(fixture_role(&f, y, 0), ROLE_SELECTED);
	fixture_click(&f, y, 30); /* again: opens it */
	assert_int_equal(viewer_view(&f.viewer), VIEW_TRACE);
	fixture_keys(&f, "q");
	y = fixture_find(&f, "CALL SITE");
	fixture_click(&f, y, 3 + (int)strlen(" LIVE   +/- "));
	assert_int_equal(f.viewer.query.sort, COLUMN_COUNT);
	fixture_click(&f, y, 3 + (int)strlen(" LIVE   +/- "));
	assert_true(f.viewer.query.ascending);
	fixture_keys(&f, "g");
	viewer_event(&f.viewer, &wheel);
	assert_int_equal(f.viewer.lists[VIEW_SITES].cursor, 3);
	line = strstr(fixture_line(&f, 23), "? Help");
	assert_non_null(line);
	fixture_click(&f, 23, (int)(line - fixture_line(&f, 23)));
	assert_int_equal(viewer_view(&f.viewer), VIEW_HELP);
	fixture_close(&f);
}

static void
test_target_ends(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, false);
	f.made.ends = true;
	fixture_step(&f);
	assert_shows(&f, "exited");
	assert_shows(&f, "lines.py:345");
	assert_true(f.viewer.ended);
	fixture_keys(&f, "q");
	assert_true(f.viewer.quit);
	fixture_close(&f);
}

static bool
killed(void *context, int *status)
{
	(void)context;
	*status = 9;
	return true;
}

static void
test_child_killed(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, true);
	f.host.exited = killed;
	f.viewer.now_ns += UINT64_C(41500000000);
	fixture_step(&f);
	assert_shows(&f, "killed by SIGKILL after 0:42");
	fixture_keys(&f, "q"); /* nothing left to ask about */
	assert_true(f.viewer.quit);
	assert_int_equal(f.host.left, VIEWER_LEFT_EXITED);
	fixture_close(&f);
}

static void
test_output(void **state)
{
	struct output_log *log = output_log_new(3);
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, true);
	f.host.output = log;
	fixture_keys(&f, "o");
	assert_shows(&f, "it has written nothing yet");
	output_log_append(log, "one\ntwo\033[2J\nthree\nfo", 21);
	fixture_keys(&f, "C-l");
	assert_hides(&f, "one");
	assert_shows(&f, "two\\x1b[2J");
	assert_shows(&f, "fo");
	fixture_close(&f);
	output_log_free(log);
}

static void
test_hostile_text(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, false);
	assert_shows(&f, "evil\\x1b[31m\\x0a.py");
	for (int y = 0; y < 24; y++)
		for (const char *c = fixture_line(&f, y); *c; c++)
			assert_true((unsigned char)*c >= ' ' && *c != 127);
	fixture_close(&f);
}

static void
test_every_size(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, false);
	for (int width = 1; width < 130; width += 3)
		for (int height = 1; height < 40; height += 2) {
			fixture_resize(&f, width, height);
			fixture_keys(&f, "Enter Down q F6 Esc ? q l q o q P q "
					 "/ x Esc");
		}
	fixture_close(&f);
}

/* Chosen columns come in the order chosen; the last ones give way first. */
static void
test_columns_chosen(void **state)
{
	struct viewer_options options = {
	    .columns = {COLUMN_COUNT, COLUMN_PEAK, COLUMN_SIZE, COLUMN_AGE},
	    .column_count = 4,
	};
	struct fixture f;

	(void)state;
	fixture_open(&f, &options, false);
	assert_shows(&f, " COUNT  PEAK LIVE▼    AGE  CALL SITE");
	assert_hides(&f, "RATE");
	fixture_resize(&f, 36, 24);
	assert_shows(&f, " COUNT  PEAK LIVE▼  CALL SITE");
	fixture_resize(&f, 24, 24);
	assert_shows(&f, " COUNT LIVE▼  CALL SITE"); /* it sorts by LIVE */
	fixture_close(&f);
}

static void
test_numbers_first(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, false);
	fixture_resize(&f, 40, 10);
	assert_shows(&f, "15.0M");
	assert_shows(&f, "lines.py:345");
	fixture_resize(&f, 20, 4);
	assert_shows(&f, "15.0M");
	assert_shows(&f, ".py:345");
	fixture_close(&f);
}

static void
test_bar_is_whole(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL, false);
	for (int width = 30; width < 140; width++) {
		const char *line;

		fixture_resize(&f, width, 24);
		line = fixture_line(&f, 23);
		assert_non_null(strstr(line, "q Quit"));
		assert_true(strlen(line) <= (size_t)width);
	}
	fixture_close(&f);
}

static void
test_types(void **state)
{
	struct fixture all, *f = &all;

	(void)state;
	fixture_open(f, NULL, false);
	fixture_keys(f, "y");
	assert_shows(f, "(buffer)");
	assert_shows(f, "one block in 8");
	fixture_keys(f, "q");
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);

	/* From the traceback, and back to it. */
	fixture_keys(f, "Enter y / n d a r Enter");
	assert_shows(f, "numpy.ndarray");
	fixture_keys(f, "q");
	assert_int_equal(viewer_view(&f->viewer), VIEW_TRACE);

	/* An answer that takes its time, and one that never comes. */
	f->made.late = true;
	fixture_keys(f, "y");
	assert_shows(f, "asking the agent");
	assert_hides(f, "numpy.ndarray");
	f->made.late = false;
	assert_int_equal(types_follow(&f->viewer), STALE_DRAW);
	assert_int_equal(types_follow(&f->viewer), 0);
	viewer_draw(&f->viewer);
	assert_shows(f, "numpy.ndarray");
	f->made.late = true;
	fixture_keys(f, "y");
	f->viewer.now_ns += UINT64_C(2100000000);
	assert_int_equal(types_follow(&f->viewer), STALE_DRAW);
	viewer_draw(&f->viewer);
	assert_shows(f, "does not answer");

	f->made.refuses = true;
	fixture_keys(f, "y");
	assert_shows(f, "it is deaf");
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_selection_follows_its_row),
	    cmocka_unit_test(test_top_stays_top),
	    cmocka_unit_test(test_said),
	    cmocka_unit_test(test_mouse),
	    cmocka_unit_test(test_target_ends),
	    cmocka_unit_test(test_child_killed),
	    cmocka_unit_test(test_output),
	    cmocka_unit_test(test_hostile_text),
	    cmocka_unit_test(test_every_size),
	    cmocka_unit_test(test_numbers_first),
	    cmocka_unit_test(test_columns_chosen),
	    cmocka_unit_test(test_bar_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
