/* commands_growth.c - history and marks. */
#include "config.h"

#include <string.h>

#include "commands.h"

static void
steps(struct fixture *f, int count)
{
	for (int i = 0; i < count; i++)
		fixture_step(f);
}

/* The list goes back in time, is compared with a later mark, and returns. */
void
test_history(void **state)
{
	struct fixture all, *f = opened(&all);
	uint64_t newest;

	(void)state;
	steps(f, 20);
	newest = f->viewer.snapshot->live_bytes;
	press(f, COMMAND_HISTORY, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_HISTORY);
	assert_shows(f, "Live heap");
	assert_shows(f, "0:00 ago");
	press(f, COMMAND_EARLIER, 0);
	press(f, COMMAND_EARLIER, 0);
	assert_shows(f, "0:02 ago");
	press(f, COMMAND_LATER, 0);
	assert_shows(f, "0:01 ago");
	fixture_keys(f, "m");
	assert_shows(f, "growth counts from then");
	fixture_keys(f, "Up PageUp Home");
	assert_shows(f, "0:09 ago");
	fixture_keys(f, "End Home");
	press(f, COMMAND_SPAN_MORE, 0);
	assert_shows(f, "-10:00");
	press(f, COMMAND_SPAN_LESS, 0);
	assert_shows(f, "-1:00");
	fixture_keys(f, "Down");
	press(f, COMMAND_AS_OF, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	assert_shows(f, "Esc: now");
	assert_shows(f, "mark, 0:08 later");
	assert_true(f->viewer.snapshot->live_bytes < newest);
	assert_true(f->viewer.rows->total.size_diff < 0);
	/* The recording goes on, and the screen stays. */
	fixture_step(f);
	assert_true(f->viewer.newest->live_bytes > newest);
	assert_true(f->viewer.snapshot->live_bytes < newest);
	fixture_keys(f, "f a x i s Enter");
	assert_int_equal(f->viewer.rows->count, 1);
	fixture_keys(f, "Esc");
	assert_int_equal(f->viewer.past.held_by, HELD_BACK);
	fixture_keys(f, "Esc");
	assert_ptr_equal(f->viewer.snapshot, f->viewer.newest);
	assert_hides(f, "AS OF");
	assert_true(f->viewer.rows->total.size_diff > 0);
	fixture_keys(f, "H Left Left Left Enter");
	assert_shows(f, "AS OF");
	fixture_keys(f, "u"); /* a message pushes it over what is left */
	assert_shows(f, " AS OF");
	fixture_keys(f, "u Space"); /* what is past goes on by coming back */
	assert_hides(f, "AS OF");
	assert_hides(f, "PAUSED");
	fixture_keys(f, "H Home");
	fixture_click(f, 8, 78);
	assert_shows(f, "0:00 ago");
	fixture_keys(f, "q H Enter"); /* at the newest: nothing to go back to */
	assert_hides(f, "AS OF");
	fixture_close(f);
}

/* Without the memory for more, the oldest moments keep only their totals. */
void
test_history_full(void **state)
{
	struct viewer_options options = {.history_bytes = 8192};
	struct fixture all, *f = &all;

	(void)state;
	fixture_open(f, &options, false);
	steps(f, 200);
	fixture_keys(f, "H");
	assert_shows(f, "░░░░");
	fixture_keys(f, "Home");
	assert_shows(f, "only totals are kept");
	assert_shows(f, "Live heap 41.");
	fixture_keys(f, "Enter");
	assert_int_equal(viewer_view(&f->viewer), VIEW_HISTORY);
	fixture_keys(f, "m");
	assert_int_equal(f->viewer.past.mark_count, 1);
	fixture_close(f);
}

void
test_marks(void **state)
{
	struct fixture all, *f = opened(&all);
	struct snapshot *snapshot = &f->made.snapshot;
	struct program_mark mark = {.live_bytes = 1 << 20};

	(void)state;
	steps(f, 10);
	fixture_keys(f, "m");
	steps(f, 10);
	mark.text = names_string(f->made.names, "warm\x1b[2J", 8);
	mark.time_ns = snapshot->time_ns - 400000000;
	mark.tick = snapshot->tick;
	snapshot_add_mark(snapshot, &mark);
	fixture_step(f);
	assert_true(history_moment(f->viewer.past.history,
				   history_count(f->viewer.past.history) - 1)
			->pinned);
	fixture_keys(f, "m");
	press(f, COMMAND_MARKS, 0);
	assert_shows(f, "mark 2  growth counts from here");
	assert_shows(f, "warm\\x1b[2J  the program's");
	fixture_keys(f, "Home");
	press(f, COMMAND_BASELINE, 0);
	assert_shows(f, "growth counts from 'start'");
	assert_int_equal(f->viewer.past.baseline, 0);
	assert_false(f->viewer.marked);
	fixture_keys(f, "Down");
	press(f, COMMAND_MARK_NAME, 0);
	fixture_keys(f, "C-u l o g i n Enter");
	assert_shows(f, "login");
	press(f, COMMAND_MARK_SHOW, 0);
	assert_shows(f, "AS OF");
	/* The delta between two marks. */
	assert_true(f->viewer.snapshot->mono_ns ==
		    f->viewer.past.marks[1].mono_ns);
	assert_true(f->viewer.rows->total.size_diff ==
		    (int64_t)(f->viewer.past.marks[1].live_bytes -
			      f->viewer.past.marks[0].live_bytes));
	fixture_keys(f, "Esc M");
	fixture_keys(f, "End");
	press(f, COMMAND_BASELINE, 0); /* the program's becomes one of ours */
	assert_shows(f, "growth counts from 'warm\\x1b[2J'");
	assert_int_equal(f->viewer.past.mark_count, 4);
	fixture_keys(f, "Home");
	press(f, COMMAND_MARK_FORGET, 0);
	assert_shows(f, "not one of your marks");
	fixture_keys(f, "Down");
	press(f, COMMAND_MARK_FORGET, 1);
	assert_int_equal(f->viewer.past.mark_count, 3);
	assert_hides(f, "login");
	/* Never too many, and never the one that counts. */
	for (int i = 0; i < 2 * MARKS_MAX; i++)
		fixture_keys(f, "m");
	assert_int_equal(f->viewer.past.mark_count, MARKS_MAX);
	assert_int_equal(f->viewer.past.baseline, MARKS_MAX - 1);
	fixture_close(f);
}

/* --mark-after and --mark-at */
void
test_plan(void **state)
{
	struct viewer_options options = {
	    .plan = {.after_ns = 2000000000, .at = "ready"}};
	struct program_mark mark = {.live_bytes = 1};
	struct fixture all, *f = &all;

	(void)state;
	fixture_open(f, &options, false);
	steps(f, 3);
	assert_shows(f, "start, 0:01");
	steps(f, 1);
	assert_shows(f, "after 2 s, 0:00 ago");
	steps(f, 4);
	assert_shows(f, "after 2 s, 0:02 ago");
	mark.text = names_string(f->made.names, "other", 5);
	snapshot_add_mark(&f->made.snapshot, &mark);
	steps(f, 1);
	assert_shows(f, "after 2 s, 0:02 ago");
	mark.text = names_string(f->made.names, "ready", 5);
	snapshot_add_mark(&f->made.snapshot, &mark);
	steps(f, 1);
	assert_shows(f, "ready, 0:00 ago");
	fixture_close(f);

	/* It comes while the screen is paused, or shows the past. */
	fixture_open(f, &options, false);
	fixture_keys(f, "Space");
	steps(f, 6);
	assert_shows(f, "PAUSED");
	assert_int_equal(f->viewer.past.baseline, 1);
	fixture_keys(f, "Space");
	assert_shows(f, "after 2 s, 0:01 ago");
	fixture_keys(f, "H Home Enter");
	mark.text = names_string(f->made.names, "ready", 5);
	snapshot_add_mark(&f->made.snapshot, &mark);
	steps(f, 1);
	assert_shows(f, "AS OF");
	assert_shows(f, "ready, 0:03 later");
	assert_shows(f, "lines.py:345");
	fixture_close(f);

	options.plan = (struct mark_plan){.after_bytes = 45 << 20};
	fixture_open(f, &options, false);
	while (f->viewer.snapshot->live_bytes < 45 << 20) {
		assert_shows(f, "start, 0:0");
		fixture_step(f);
	}
	assert_shows(f, "at 45.0 MiB, 0:00 ago");
	fixture_close(f);
}

/* A row that grows has its shape and its age; one that rests has none. */
void
test_trend(void **state)
{
	struct fixture all, *f = opened(&all);
	const char *line;

	(void)state;
	fixture_resize(f, 200, 24);
	steps(f, 60);
	assert_shows(f, "TREND");
	line = fixture_line(f, fixture_find(f, "lines.py:345"));
	assert_non_null(strstr(line, "▁▁"));
	assert_non_null(strstr(line, "▅▆▆"));
	assert_non_null(strstr(line, "  0:29  "));
	line = fixture_line(f, fixture_find(f, "decoder.py"));
	assert_non_null(strstr(line, "▁▁▁▁▁▁▁▁"));
	assert_null(strstr(line, "▂"));
	fixture_keys(f, "i"); /* other sites under the same name */
	assert_shows(f, "threading.py");
	fixture_close(f);
}

/* Whether rows are in the order of what a column of the past says of them. */
static bool
goes_down(struct fixture *f, int64_t (*value)(const struct trend *))
{
	size_t count = f->viewer.rows->count;
	int64_t last = INT64_MAX;

	count = count < TREND_ROWS_MAX ? count : TREND_ROWS_MAX;
	for (size_t i = 0; i < count; i++) {
		int64_t now = value(past_trend(&f->viewer, i, 0, count));

		if (now > last)
			return false;
		last = now;
	}
	return count > 5;
}

static int64_t
age_of(const struct trend *trend)
{
	return (int64_t)trend->grew_ns;
}

static int64_t
growth_of(const struct trend *trend)
{
	return (int64_t)(trend->values[TREND_SLOTS - 1] -
			 trend->values[TREND_SLOTS - trend->known]);
}

static void
sort_by(struct fixture *f, enum column column)
{
	for (int i = 0; i < COLUMN_MAX && f->viewer.query.sort != column; i++)
		fixture_keys(f, ">");
	assert_int_equal(f->viewer.query.sort, column);
}

static void
click_title(struct fixture *f, const char *title)
{
	int y = fixture_find(f, "CALL SITE");
	const char *line = fixture_line(f, y);
	const char *at = strstr(line, title);

	assert_non_null(at);
	fixture_click(f, y,
		      canvas_width(&f->viewer.canvas, line) -
			  canvas_width(&f->viewer.canvas, at));
}

/* Also by them rows are sorted, all of them, not only those on the screen. */
void
test_trend_sort(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_resize(f, 200, 24);
	steps(f, 40);
	sort_by(f, COLUMN_SITE);
	assert_false(goes_down(f, age_of));
	assert_false(goes_down(f, growth_of));
	sort_by(f, COLUMN_AGE);
	assert_true(goes_down(f, age_of));
	sort_by(f, COLUMN_TREND);
	assert_true(goes_down(f, growth_of));
	steps(f, 20);
	assert_true(goes_down(f, growth_of));
	fixture_keys(f, "I");
	assert_false(goes_down(f, growth_of));
	click_title(f, "AGE");
	assert_true(goes_down(f, age_of));
	fixture_keys(f, "s G Enter");
	assert_int_equal(f->viewer.query.sort, COLUMN_SITE);
	fixture_keys(f, "s g Enter");
	assert_int_equal(f->viewer.query.sort, COLUMN_SIZE);
	fixture_close(f);
}
