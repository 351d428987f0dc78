/* commands_family.c - the list of processes, and families of them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "family.h"

/* The line of the screen where a process stands. */
static int
line_of(struct fixture *f, const char *pid)
{
	int y = fixture_find(f, pid);

	assert_int_not_equal(y, -1);
	return y;
}

void
test_picker(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_resize(f, 100, 24);
	family_list(f);
	/* By what all of a family have: the worker with most comes first. */
	assert_true(line_of(f, " 310 ") < line_of(f, " 5242 "));
	assert_true(line_of(f, " 5242 ") < line_of(f, " 5251 "));
	assert_true(line_of(f, " 5251 ") < line_of(f, " 5300 "));
	assert_true(line_of(f, " 5300 ") < line_of(f, " 5250 "));
	assert_shows(f, "+3.00M");
	assert_shows(f, "      convert \\x1b[31m한글.png");
	assert_shows(f, "killed");
	assert_shows(f, "py 3.11");
	press(f, COMMAND_PICKER_SORT, 0);
	assert_shows(f, "sorted by growth");
	press(f, COMMAND_PICKER_SORT, 1);
	assert_int_equal(f->viewer.picker.sort, PICKER_RATE);
	/* The heads of columns are there for the mouse. */
	fixture_click(f, line_of(f, "COMMAND"), 5);
	assert_int_equal(f->viewer.picker.sort, PICKER_AGE);
	fixture_click(f, line_of(f, "COMMAND"), 20);
	assert_int_equal(f->viewer.picker.sort, PICKER_LIVE);
	press(f, COMMAND_CHOOSE_FAMILY, 0);
	assert_shows(f, "cannot open the family");
	/* The second click opens: this one has no segment. */
	fixture_click(f, line_of(f, " 5250 "), 30);
	fixture_click(f, line_of(f, " 5250 "), 30);
	assert_shows(f, "cannot read");
	fixture_close(f);
}

void
test_picker_filter(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	family_list(f);
	press(f, COMMAND_FILTER, 0);
	fixture_keys(f, "5 2 5 Enter");
	assert_shows(f, "with \"525\"");
	assert_shows(f, " 5251 ");
	assert_hides(f, " 5242 ");
	assert_string_equal(f->viewer.filter, "");
	fixture_keys(f, "f x Enter");
	assert_shows(f, "no process has");
	fixture_close(f);
}

/* A view that leads from a family to one of its processes, and says so. */
static void
leads_to_one(struct fixture *f, const char *keys, const char *words)
{
	f->viewer.message[0] = '\0';
	fixture_keys(f, keys);
	assert_shows(f, words);
	assert_hides(f, "cannot open process");
	fixture_keys(f, "K");
	assert_shows(f, "cannot open process");
}

void
test_family(void **state)
{
	struct fixture all, *f = opened(&all);
	struct family family;

	(void)state;
	setenv("HEAPTOP_DIR", "/tmp/heaptop-there-is-none", 1);
	press(f, COMMAND_FAMILY, 0);
	assert_shows(f, "it is not among the profiled ones");
	family_show(&family, f);
	assert_shows(f, "3 processes");
	assert_shows(f, "PROCS");
	/* The list has the column of shares; a process that ends leaves it. */
	fixture_keys(f, "K");
	assert_shows(f, "cannot open process");
	fixture_resize(f, 80, 24);
	leads_to_one(f, "Enter", "Traceback");
	leads_to_one(f, "y", "K opens the one with most of the row");
	leads_to_one(f, "R", "K opens the one with most of the row");
	fixture_keys(f, "Esc Esc Esc");
	merge_drop(family.merge, 0);
	merge_finish(family.merge);
	f->viewer.message[0] = '\0';
	viewer_update(&f->viewer, viewer_refresh(&f->viewer));
	viewer_draw(&f->viewer);
	assert_shows(f, "2 of 3 processes");
	fixture_keys(f, "P");
	assert_shows(f, "  4242 ");
	fixture_close(f);
	family_end(&family);
	unsetenv("HEAPTOP_DIR");
}
