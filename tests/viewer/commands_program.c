/* commands_program.c - the section Program of keys.def. */
#include "config.h"

#include <string.h>

#include "commands.h"

void
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

void
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

void
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

void
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
void
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
void
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
