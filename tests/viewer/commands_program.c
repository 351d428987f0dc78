/* commands_program.c - the section Program of keys.def. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "viewer/settings.h"
#include "viewer/view.h"

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

void
test_cost(void **state)
{
	struct fixture all, *f = opened(&all);
	struct process *process = &f->made.snapshot.process;

	(void)state;
	process->cost_ppm = 20000;
	fixture_step(f);
	assert_true(f->viewer.cost_ppm > 0 && f->viewer.cost_ppm < 2000);
	process->sample_bytes = 1 << 20; /* another rate, another cost */
	fixture_step(f);
	assert_shows(f, "Agent  2.0%");
	/* One tick in which it costs much says little. */
	process->cost_ppm = 320000;
	fixture_step(f);
	assert_shows(f, "Agent  3.4%");
	process->cost_ppm = 20000;
	for (int i = 0; i < 60; i++)
		fixture_step(f);
	assert_shows(f, "Agent  2.1%");
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

/* Puts the cursor of the setup on a column. */
static void
go_to(struct fixture *f, enum column column)
{
	struct list *list = &f->viewer.lists[VIEW_SETUP];

	for (list->cursor = SETUP_COUNT;
	     f->viewer.choice.order[list->cursor - SETUP_COUNT] != column;)
		list->cursor++;
}

void
test_setup_columns(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_resize(f, 80, 40);
	assert_hides(f, "PEAK");
	press(f, COMMAND_SETUP, 1);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SETUP);
	assert_shows(f, "[ ] PEAK");
	go_to(f, COLUMN_PEAK);
	press(f, COMMAND_SETUP_CHANGE, 0);
	assert_shows(f, "[x] PEAK");
	for (int i = 0; i < COLUMN_MAX; i++)
		press(f, COMMAND_SETUP_EARLIER, 1);
	assert_int_equal(f->viewer.lists[VIEW_SETUP].cursor, SETUP_COUNT);
	press(f, COMMAND_SETUP_LATER, 0);
	go_to(f, COLUMN_SIZE);
	press(f, COMMAND_SETUP_CHANGE, 2);
	press(f, COMMAND_SETUP, 0); /* and back */
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	fixture_keys(f, "3");
	assert_shows(f, "  PEAK    +/-");
	assert_hides(f, " LIVE ");
	fixture_keys(f, "C");
	press(f, COMMAND_SETUP_DEFAULT, 0);
	fixture_keys(f, "Esc");
	assert_hides(f, "PEAK");
	fixture_close(f);
}

void
test_setup_screen(void **state)
{
	struct fixture all, *f = opened(&all);
	struct list *list = &f->viewer.lists[VIEW_SETUP];

	(void)state;
	fixture_keys(f, "C");
	assert_int_equal(list->cursor, 0);
	press(f, COMMAND_SETUP_CHANGE, 1);
	assert_string_equal(f->viewer.theme_name, "light");
	press(f, COMMAND_SETUP_BACK, 0);
	assert_string_equal(f->viewer.theme_name, "dark");
	press(f, COMMAND_SETUP_EARLIER, 0);
	assert_shows(f, "only columns have places");
	fixture_keys(f, "Down Enter");
	assert_shows(f, "si");
	assert_shows(f, " MB");
	fixture_keys(f, "Left Down Enter Enter");
	assert_true(f->viewer.delay_s == 2);
	fixture_keys(f, "Down Enter");
	assert_true(f->viewer.canvas.ascii);
	f->viewer.plain = true;
	fixture_keys(f, "Enter");
	assert_shows(f, "the locale has no characters");
	fixture_keys(f, "Down Enter");
	assert_true(f->viewer.no_mouse);
	fixture_keys(f, "q u"); /* my code */
	fixture_keys(f, "C Home Down Down Down Down Down Enter");
	fixture_keys(f, "c h a r t s . p y Enter");
	assert_shows(f, "charts.py");
	fixture_keys(f, "q");
	assert_hides(f, "charts.py");
	fixture_keys(f, "C Home Down Down Down Down Down Enter");
	fixture_keys(f, "C-u * Enter");
	assert_shows(f, "no part of a path");
	fixture_keys(f, "Enter C-u Enter q");
	assert_shows(f, "charts.py");
	fixture_keys(f, "u C");
	fixture_click(f, 6, 30); /* the second line: select it, then change */
	assert_int_equal(list->cursor, 1);
	fixture_click(f, 6, 30);
	assert_int_equal(text_units(), TEXT_SI);
	text_units_set(TEXT_IEC);
	fixture_close(f);
}

void
test_write(void **state)
{
	char folder[] = "/tmp/heaptop-test-XXXXXX";
	struct viewer_options options = {0};
	struct viewer_options again = {0};
	struct fixture all, *f = opened(&all);
	char notice[256];
	char path[64];

	(void)state;
	press(f, COMMAND_WRITE, 0);
	assert_shows(f, "no file of settings");
	fixture_close(f);

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/config", folder);
	options.config = path;
	fixture_open(f, &options, false);
	fixture_keys(f, "6 I L i C Down Down Enter");
	press(f, COMMAND_SETUP_WRITE, 0);
	assert_shows(f, "written: /tmp/");
	fixture_close(f);
	settings_read(&again, path, notice, sizeof(notice));
	assert_string_equal(notice, "");
	assert_int_equal(again.sort, 5);
	assert_true(again.ascending && again.inclusive && !again.mine);
	assert_int_equal(again.group_by, GROUP_FUNCTION);
	assert_int_equal(again.column_count, 0);
	assert_true(again.delay_s == 1);
	unlink(path);
	rmdir(folder);
}
