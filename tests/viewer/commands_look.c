/* commands_look.c - the sections Move and Look of keys.def. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

void
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
void
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

/* Growth counts from the mark. */
void
test_ledger(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	fixture_step(f);
	press(f, COMMAND_LEDGER, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_LEDGER);
	assert_shows(f, "kept by malloc");
	assert_shows(f, "most is kept by the allocator");
	for (int step = 0; step < 40; step++)
		fixture_step(f);
	assert_shows(f, "growing in call sites");
	press(f, COMMAND_MARK, 0);
	fixture_step(f);
	assert_hides(f, "growing in call sites");
	f->made.refuses = true;
	f->viewer.ledger.now.time_ns = 0;
	f->made.snapshot.memory.time_ns = 0;
	for (int step = 0; step < 40; step++)
		fixture_step(f);
	assert_shows(f, "it is deaf");
	press(f, COMMAND_LEDGER, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SITES);
	fixture_close(f);
}

void
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

void
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

void
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

void
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

void
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

void
test_losses(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	f->made.snapshot.losses[0] =
	    (struct loss){"stack_cut", "stacks cut at the deepest depth", 1234};
	f->made.snapshot.loss_count = 1;
	fixture_keys(f, "C-l");
	assert_shows(f, "1234, see l");
	fixture_keys(f, "l");
	assert_shows(f, "1234  stacks cut at the deepest depth");
	fixture_close(f);
}

void
test_switched_off(void **state)
{
	struct fixture all, *f = opened(&all);
	struct process *process = &f->made.snapshot.process;

	(void)state;
	process->state = "dormant";
	process->asleep = true;
	fixture_step(f);
	assert_shows(f, "heaptop attach 4242 wakes it");
	process->state = "detached";
	process->asleep = false;
	fixture_keys(f, "m");
	fixture_step(f);
	assert_hides(f, "totals final"); /* it was off before */
	process->state = "running";
	fixture_step(f);
	process->state = "detached";
	fixture_step(f);
	assert_shows(f, "totals final: heaptop attach 4242 begins");
	fixture_close(f);
}

void
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

/* The same way as in the list leads to the stacks. */
void
test_suspects(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_SUSPECTS, 0);
	assert_shows(f, "nothing has grown");
	assert_shows(f, "too early");
	fixture_keys(f, "Enter");
	assert_shows(f, "there is no row");
	for (int step = 0; step < 20; step++)
		fixture_step(f);
	assert_hides(f, "too early");
	assert_int_equal(fixture_find(f, "lines.py:345"),
			 fixture_find(f, "LATELY") + 1);
	assert_hides(f, "load_rows"); /* does not grow */
	fixture_keys(f, "Down");
	fixture_step(f);
	press(f, COMMAND_OPEN, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_TRACE);
	assert_shows(f, "transforms.py:1787");
	press(f, COMMAND_CLOSE, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SUSPECTS);
	fixture_keys(f, "/ a x i s Enter");
	assert_int_equal(f->viewer.lists[VIEW_SUSPECTS].cursor, 2);
	fixture_keys(f, "m");
	assert_shows(f, "nothing has grown");
	fixture_close(f);
}

/* A block of a size, allocated at a line of a file. */
static void
site_add(struct fixture *f, const char *path, uint32_t line, uint64_t bytes)
{
	struct snapshot *snapshot = &f->made.snapshot;
	struct names *names = f->made.names;
	uint32_t file = names_string(names, path, strlen(path));
	uint32_t frame =
	    names_add_python(names, file, names_string(names, "f", 1), line);
	size_t count = snapshot->site_count;

	snapshot_room(snapshot, count + 1);
	snapshot->sites[count] = (struct site){
	    .stack = names_add_stack(names, 0, frame),
	    .domain = DOMAIN_PYMEM_OBJECT,
	    .alloc_bytes = bytes,
	    .alloc_count = 1,
	    .peak_bytes = bytes,
	};
	snapshot_sum(snapshot);
}

void
test_source(void **state)
{
	struct fixture all, *f = opened(&all);
	struct list *list = &f->viewer.lists[VIEW_SOURCE];
	char path[] = "/tmp/heaptop-source-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	(void)state;
	assert_non_null(file);
	fputs("def f():\n\tbig = bytes(7)\n\t# \33[2Jsmall\n", file);
	for (int i = 4; i < 90; i++)
		fprintf(file, "line %d\n", i);
	fputs("last()\n", file);
	fclose(file);
	site_add(f, path, 2, UINT64_C(1) << 40);
	site_add(f, path, 90, 4096);
	f->made.snapshot.process.start_ns = UINT64_MAX;
	fixture_step(f);
	press(f, COMMAND_SOURCE, 0);
	assert_int_equal(viewer_view(&f->viewer), VIEW_SOURCE);
	assert_int_equal(list->cursor, 1);
	assert_shows(f, "1.00T  +1.00T     1 █   2         big = bytes(7)");
	assert_shows(f, "# \\x1b[2Jsmall");
	assert_hides(f, "after the program began");
	press(f, COMMAND_HOT_NEXT, 0);
	assert_int_equal(list->cursor, 89);
	assert_shows(f, "4.00K  +4.00K     1 ▁  90 last()");
	press(f, COMMAND_HOT_NEXT, 0);
	assert_shows(f, "no other line");
	press(f, COMMAND_HOT_PREVIOUS, 0);
	assert_int_equal(list->cursor, 1);
	press(f, COMMAND_HOT_PREVIOUS, 0);
	assert_int_equal(list->cursor, 1);
	fixture_keys(f, "/ l i n e Space 4 4 Enter");
	assert_int_equal(list->cursor, 43);
	press(f, COMMAND_INCLUSIVE, 0);
	assert_shows(f, "with callees");
	f->made.snapshot.process.start_ns = 1;
	fixture_step(f);
	assert_shows(f, "after the program began");
	assert_int_equal(unlink(path), 0);
	fixture_step(f);
	assert_shows(f, "cannot be read here");
	assert_int_equal(list->count, 2);
	fixture_close(f);
}

/* Without the file there are the numbers of its lines; from a frame, too. */
void
test_source_missing(void **state)
{
	struct fixture all, *f = opened(&all);

	(void)state;
	press(f, COMMAND_SOURCE, 0);
	assert_shows(f, "matplotlib/lines.py");
	assert_shows(f, "cannot be read here");
	assert_shows(f, "345");
	fixture_keys(f, "q Enter");
	fixture_resize(f, 80, 9);
	fixture_keys(f, "Down Down");
	assert_int_equal(f->viewer.lists[VIEW_TRACE].top, 2);
	press(f, COMMAND_SOURCE, 0);
	fixture_resize(f, 80, 24);
	assert_shows(f, "matplotlib/");
	assert_hides(f, "matplotlib/lines.py");
	assert_shows(f, "no line of it holds memory itself");
	press(f, COMMAND_INCLUSIVE, 0);
	assert_shows(f, "1443");
	fixture_keys(f, "q q");
	f->viewer.query.group_by = GROUP_DOMAIN; /* there is no file */
	fixture_keys(f, "I I a");
	assert_shows(f, "no source file is known");
	fixture_close(f);
}
