/*
 * test_golden.c - whole screens against files in tests/viewer/golden.
 *
 * A screen that differs is printed beside its file. When it is meant:
 *	HEAPTOP_ACCEPT=1 make check TESTS=tests/viewer/test_golden
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "family.h"

static const struct {
	int width;
	int height;
} sizes[] = {{200, 60}, {80, 24}, {40, 10}, {20, 4}, {1, 1}};
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static char *
file_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = mem_alloc(1 << 18);

	if (file) {
		text[fread(text, 1, (1 << 18) - 1, file)] = '\0';
		fclose(file);
	}
	return text;
}

static void
compare(struct fixture *fixture, const char *name, const char *theme)
{
	const char *top = getenv("top_srcdir");
	char *path =
	    mem_format("%s/tests/viewer/golden/%s", top ? top : ".", name);
	struct theme look;
	struct err err;
	char *seen = NULL;
	char *wanted;
	size_t size;
	FILE *file = open_memstream(&seen, &size);

	if (theme)
		assert_true(theme_load(&look, theme, &err));
	canvas_dump(&fixture->viewer.canvas, file, theme ? &look : NULL);
	fclose(file);
	if (getenv("HEAPTOP_ACCEPT")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(seen, file);
		fclose(file);
	}
	wanted = file_read(path);
	if (strcmp(seen, wanted))
		fail_msg("%s differs; it shows\n%s\nand should show\n%s\n"
			 "if it is right: HEAPTOP_ACCEPT=1 make check "
			 "TESTS=tests/viewer/test_golden",
			 name, seen, wanted);
	free(seen);
	free(wanted);
	free(path);
}

/* More than a minute, a mark of ours and one of the program's. */
static void
past_make(struct fixture *fixture)
{
	struct snapshot *snapshot = &fixture->made.snapshot;
	struct program_mark mark = {.live_bytes = 60 << 20};

	for (int step = 0; step < 160; step++)
		fixture_step(fixture);
	mark.text = names_string(fixture->made.names, "cache is warm", 13);
	mark.time_ns = snapshot->time_ns;
	mark.tick = snapshot->tick;
	snapshot_add_mark(snapshot, &mark);
	for (int step = 0; step < 20; step++)
		fixture_step(fixture);
	fixture_keys(fixture, "m");
	for (int step = 0; step < 20; step++)
		fixture_step(fixture);
}

static void
walk(const char *view, const char *keys, bool ascii)
{
	struct viewer_options options = {.ascii = ascii};
	struct fixture fixture;
	struct family several;
	bool family;
	char name[64];

	for (size_t i = 0; i < SIZES; i++) {
		fixture_open(&fixture, &options, false);
		if (!strcmp(view, "sampled"))
			made_sample(&fixture.made);
		fixture_resize(&fixture, sizes[i].width, sizes[i].height);
		fixture_step(&fixture);
		fixture_keys(&fixture, "m");
		if (!strcmp(view, "history") || !strcmp(view, "marks") ||
		    !strcmp(view, "suspects") ||
		    !strcmp(view, "source") ||
		    !strcmp(view, "ledger") ||
		    !strcmp(view, "as_of"))
			past_make(&fixture);
		for (int step = 0; step < 4; step++)
			fixture_step(&fixture);
		fixture.viewer.message[0] = '\0';
		if (!strcmp(view, "processes"))
			family_list(&fixture);
		family = strncmp(view, "family", 6) == 0;
		if (family)
			family_show(&several, &fixture);
		fixture_keys(&fixture, keys);
		snprintf(name, sizeof(name), "%s-%dx%d%s.txt", view,
			 sizes[i].width, sizes[i].height,
			 ascii ? "-ascii" : "");
		compare(&fixture, name, NULL);
		if (!ascii &&
		    (!strcmp(view, "sites") || !strcmp(view, "sampled") ||
		     !strcmp(view, "flame"))) {
			snprintf(name, sizeof(name), "%s-%dx%d-color.txt", view,
				 sizes[i].width, sizes[i].height);
			compare(&fixture, name, "dark");
			snprintf(name, sizeof(name), "%s-%dx%d-mono.txt", view,
				 sizes[i].width, sizes[i].height);
			compare(&fixture, name, "mono");
		}
		fixture_close(&fixture);
		if (family)
			family_end(&several);
	}
}

#define GOLDEN(name_, keys_)                   \
	static void test_##name_(void **state) \
	{                                      \
		(void)state;                   \
		walk(#name_, keys_, false);    \
		walk(#name_, keys_, true);     \
	}

GOLDEN(sites, "Down")
GOLDEN(sampled, "Down")
GOLDEN(trace, "Enter")
GOLDEN(suspects, "X Down")
GOLDEN(processes, "Down Down")
GOLDEN(family, "Down")
GOLDEN(family_trace, "Enter")
GOLDEN(source, "a ]")
GOLDEN(history, "H Left Left Left PageUp")
GOLDEN(marks, "M Down")
GOLDEN(as_of, "Down H PageUp PageUp Enter")
GOLDEN(types, "y")
GOLDEN(ledger, "R")
GOLDEN(calls, "Enter t Down")
GOLDEN(callees, "t t c Down")
GOLDEN(flame, "F Down Down Down Down")
GOLDEN(flame_growth, "F v Down / _ _ i n i t Enter")
GOLDEN(flame_zoom, "F Down Down Down Down Down Down Enter Down")
GOLDEN(native, "4 / A g g Enter Enter")
GOLDEN(help, "?")
GOLDEN(setup, "C Down")
GOLDEN(menu, "F6")
GOLDEN(mine, "i u")

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_processes),
	    cmocka_unit_test(test_family),
	    cmocka_unit_test(test_family_trace),
	    cmocka_unit_test(test_sites),
	    cmocka_unit_test(test_trace),
	    cmocka_unit_test(test_native),
	    cmocka_unit_test(test_help),
	    cmocka_unit_test(test_setup),
	    cmocka_unit_test(test_menu),
	    cmocka_unit_test(test_mine),
	    cmocka_unit_test(test_sampled),
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_history),
	    cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_as_of),   cmocka_unit_test(test_suspects),
	    cmocka_unit_test(test_source),
	    cmocka_unit_test(test_ledger),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_callees),
	    cmocka_unit_test(test_flame),
	    cmocka_unit_test(test_flame_growth),
	    cmocka_unit_test(test_flame_zoom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
