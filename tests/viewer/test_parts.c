/* test_parts.c - format, input, place, canvas, theme, output_log. */
#include "config.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "viewer/format.h"
#include "viewer/place.h"

static void
test_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *full;
		const char *compact;
	} cases[] = {
	    {0, "0 B", "0B"},
	    {1023, "1023 B", "1023B"},
	    {1024, "1.00 KiB", "1.00K"},
	    {10230, "9.99 KiB", "9.99K"},
	    {10239, "10.0 KiB", "10.0K"},
	    {1048575, "1.00 MiB", "1.00M"},
	    {26843545, "25.6 MiB", "25.6M"},
	    {801981120, "765 MiB", "765M"},
	    {UINT64_MAX, "16.0 EiB", "16.0E"},
	};
	char out[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_string_equal(format_size(out, cases[i].bytes, false),
				    cases[i].full);
		assert_string_equal(format_size(out, cases[i].bytes, true),
				    cases[i].compact);
	}
}

static void
test_units(void **state)
{
	char out[FORMAT_MAX];

	(void)state;
	text_units_set(TEXT_SI);
	assert_string_equal(format_size(out, 999, true), "999B");
	assert_string_equal(format_size(out, 1000, true), "1.00k");
	assert_string_equal(format_size(out, 38500000, false), "38.5 MB");
	text_units_set(TEXT_BYTES);
	assert_string_equal(format_size_diff(out, -38500000, true),
			    "-38500000");
	assert_string_equal(format_rate(out, 12.4, false), "+12/s");
	text_units_set(TEXT_IEC);
	assert_string_equal(format_size(out, 38500000, false), "36.7 MiB");
}

static void
test_signs(void **state)
{
	char out[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_size_diff(out, 26843545, false),
			    "+25.6 MiB");
	assert_string_equal(format_size_diff(out, -26843545, true), "-25.6M");
	assert_string_equal(format_size_diff(out, 0, true), "0");
	assert_string_equal(format_size_diff(out, INT64_MIN, true), "-8.00E");
	assert_string_equal(format_rate(out, 1258291.2, false), "+1.20 MiB/s");
	assert_string_equal(format_rate(out, -0.2, false), "0");
	assert_string_equal(format_count(out, 9999), "9999");
	assert_string_equal(format_count(out, 16707940), "16.7M");
	assert_string_equal(format_count_diff(out, -12345), "-12.3k");
	assert_string_equal(format_percent(out, 0.1337), "13.4");
	assert_string_equal(format_percent(out, 1), "100");
}

static void
test_durations(void **state)
{
	char out[FORMAT_MAX];
	uint64_t second = UINT64_C(1000000000);

	(void)state;
	assert_string_equal(format_duration(out, 42 * second), "0:42");
	assert_string_equal(format_duration(out, 723 * second), "12:03");
	assert_string_equal(format_duration(out, 3723 * second), "1:02:03");
	assert_string_equal(format_duration(out, 273900 * second), "3d 04:05");
}

static void
test_inputs(void **state)
{
	char name[INPUT_NAME_MAX];

	(void)state;
	assert_int_equal(input_parse("a", 1), 'a');
	assert_int_equal(input_parse("C-c", 3), 3);
	assert_int_equal(input_parse("Space", 5), ' ');
	assert_int_equal(input_parse("F10", 3), INPUT_F10);
	assert_int_equal(input_parse("한", 3), 0xd55c);
	assert_int_equal(input_parse("Nokey", 5), INPUT_NONE);
	assert_string_equal(input_name(3, false, name), "C-c");
	assert_string_equal(input_name(INPUT_UP, false, name), "↑");
	assert_string_equal(input_name(INPUT_UP, true, name), "Up");
}

static const char *
placed(const struct place *place, int width, bool ascii)
{
	static char line[256];
	struct canvas canvas;

	canvas_init(&canvas, 1, 100, ascii);
	assert_true(place_draw(&canvas, 0, 0, width, ROLE_TEXT, place) <=
		    width);
	canvas_row(&canvas, 0, line, sizeof(line));
	canvas_fini(&canvas);
	return line;
}

static void
test_places(void **state)
{
	const struct place place = {.file = "/usr/lib/python3/matplotlib/"
					    "lines.py",
				    .function = "__init__",
				    .module = "",
				    .line = 345};
	const struct place wide = {.file = "/srv/통계/집계함수모음.py",
				   .function = "계산",
				   .module = "",
				   .line = 7};
	const struct place native = {
	    .file = "", .function = "0x1234", .module = "/usr/lib/libAgg.so"};
	const struct place nothing = {.file = "", .function = "", .module = ""};
	struct place function = place;

	(void)state;
	assert_string_equal(
	    placed(&place, 60, false),
	    "/usr/lib/python3/matplotlib/lines.py:345 (__init__)");
	assert_string_equal(placed(&place, 40, false),
			    "…/matplotlib/lines.py:345 (__init__)");
	assert_string_equal(placed(&place, 40, true),
			    "../matplotlib/lines.py:345 (__init__)");
	assert_string_equal(placed(&place, 30, false),
			    "lines.py:345 (__init__)");
	assert_string_equal(placed(&place, 20, false), "lines.py:345 (__in…)");
	assert_string_equal(placed(&place, 14, false), "lines.py:345");
	assert_string_equal(placed(&place, 10, false), "l…s.py:345");
	assert_string_equal(placed(&wide, 12, false), "집…모음.py:7");
	assert_string_equal(placed(&native, 30, false), "0x1234 (libAgg.so)");
	assert_string_equal(placed(&nothing, 30, false), "(unknown)");
	function.function_first = true;
	function.line = 0;
	assert_string_equal(placed(&function, 34, false),
			    "__init__ (…/matplotlib/lines.py)");
	for (int width = 0; width < 60; width++) {
		placed(&place, width, false);
		placed(&wide, width, false);
		placed(&native, width, true);
	}
}

static void
sentence_is(bool ascii, int width, const char *text, const char *wanted)
{
	struct canvas canvas;
	char row[64];

	canvas_init(&canvas, 1, 40, ascii);
	assert_int_equal(canvas_sentence(&canvas, 0, 0, width, ROLE_TEXT, text),
			 canvas_width(&canvas, wanted));
	assert_string_equal(canvas_row(&canvas, 0, row, sizeof(row)), wanted);
	canvas_fini(&canvas);
}

/* Half a number is another number. */
static void
test_canvas_sentence(void **state)
{
	const char *text = "one block in 53; 0:02 ago";

	(void)state;
	sentence_is(false, 25, text, text);
	sentence_is(false, 24, text, "one block in 53; 0:02…");
	sentence_is(false, 17, text, "one block in 53…");
	sentence_is(false, 15, text, "one block in…");
	sentence_is(true, 15, text, "one block in..");
	sentence_is(true, 13, text, "one block..");
	sentence_is(false, 3, text, "");
	sentence_is(false, 0, text, "");
	sentence_is(false, -1, text, "");
}

static void
test_canvas_clips(void **state)
{
	struct canvas canvas;
	char row[64];

	(void)state;
	canvas_init(&canvas, 2, 5, false);
	assert_int_equal(canvas_text(&canvas, 0, 0, 99, ROLE_TEXT, "abcdefg"),
			 5);
	assert_int_equal(canvas_text(&canvas, 5, 0, 99, ROLE_TEXT, "x"), 0);
	assert_int_equal(canvas_text(&canvas, 0, -1, 9, ROLE_TEXT, "x"), 0);
	/* Half of a wide character is never drawn. */
	assert_int_equal(canvas_text(&canvas, 1, 0, 99, ROLE_TEXT, "한글한"),
			 4);
	assert_string_equal(canvas_row(&canvas, 1, row, sizeof(row)), "한글");
	canvas_text(&canvas, 1, 1, 1, ROLE_TEXT, "x");
	assert_string_equal(canvas_row(&canvas, 1, row, sizeof(row)), " x글");
	canvas_text(&canvas, 0, 0, 9, ROLE_TEXT, "e\xcc\x81\xff!");
	assert_string_equal(canvas_row(&canvas, 0, row, sizeof(row)),
			    "e\xcc\x81\\xff");
	/* Jamo as some file systems keep them are one character of two
	 * cells. */
	canvas_clear(&canvas);
	canvas_text(&canvas, 0, 0, 9, ROLE_TEXT,
		    "\u1112\u1161\u11ab\u1100\u1173\u11af\u1112\u1161");
	assert_string_equal(canvas_row(&canvas, 0, row, sizeof(row)),
			    "\u1112\u1161\u11ab\u1100\u1173\u11af");
	/* Joined emoji stand alone; a joiner elsewhere is not let through. */
	assert_int_equal(canvas_width(&canvas, "\U0001f469\u200d\U0001f4bb"),
			 4);
	assert_int_equal(canvas_width(&canvas, "a\u200db"), 14);
	canvas_text(&canvas, 1, 0, 9, ROLE_TEXT, "\U0001f600.py");
	assert_int_equal(canvas.cells[canvas.width].width, 2);
	assert_string_equal(canvas.cells[canvas.width + 2].text, ".");
	canvas_fini(&canvas);
}

static void
test_canvas_match(void **state)
{
	struct canvas canvas;

	(void)state;
	canvas_init(&canvas, 1, 20, false);
	canvas_text(&canvas, 0, 0, 20, ROLE_TEXT, "Figure figure");
	canvas_paint_match(&canvas, 0, 0, 20, ROLE_MATCH, "FIG");
	assert_int_equal(canvas.cells[0].role, ROLE_MATCH);
	assert_int_equal(canvas.cells[3].role, ROLE_TEXT);
	assert_int_equal(canvas.cells[7].role, ROLE_MATCH);
	canvas_fini(&canvas);
}

static void
test_themes(void **state)
{
	static const char *const built_in[] = {"dark", "light", "mono"};
	struct theme theme;
	struct err err;
	char sgr[64];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(theme_load(&theme, built_in[i], &err));
	for (int i = 0; i < ROLE_COUNT; i++) {
		assert_int_equal(theme.looks[i].foreground, -1);
		assert_int_equal(theme.looks[i].background, -1);
	}
	assert_int_equal(theme.looks[ROLE_SELECTED].flags, LOOK_REVERSE);
	assert_true(theme_parse(
	    &theme, "# mine\ngrow = bright-red on 17 bold\n", "mine", &err));
	assert_int_equal(theme.looks[ROLE_GROW].foreground, 9);
	assert_int_equal(theme.looks[ROLE_GROW].background, 17);
	look_sgr(&theme.looks[ROLE_GROW], sgr, sizeof(sgr));
	assert_string_equal(sgr, "\033[0;1;91;48;5;17m");
	assert_false(theme_parse(&theme, "\ngrow = pink\n", "mine", &err));
	assert_non_null(strstr(err.text, "mine:2: 'pink'"));
	assert_false(theme_parse(&theme, "shrub = red\n", "mine", &err));
	assert_false(theme_load(&theme, "none", &err));
	assert_non_null(strstr(err.text, "/none.theme"));
	assert_false(theme_load(&theme, "/no/such/file", &err));
}

/* Those of the user, beside the built-in ones. */
static void
test_own_themes(void **state)
{
	char folder[] = "/tmp/heaptop-test-XXXXXX";
	char themes[64], mine[128], other[64];
	struct theme_names names;
	struct theme theme;
	struct err err;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(other, sizeof(other), "%s/heaptop", folder);
	snprintf(themes, sizeof(themes), "%s/heaptop/themes", folder);
	snprintf(mine, sizeof(mine), "%s/mine.theme", themes);
	assert_int_equal(mkdir(other, 0700) + mkdir(themes, 0700), 0);
	file = fopen(mine, "w");
	fputs("grow = 99\n", file);
	fclose(file);
	setenv("XDG_CONFIG_HOME", folder, 1);
	theme_names(&names);
	assert_int_equal(names.count, 4);
	assert_string_equal(names.names[3], "mine");
	assert_true(theme_load(&theme, "mine", &err));
	assert_int_equal(theme.looks[ROLE_GROW].foreground, 99);
	unlink(mine);
	rmdir(themes);
	rmdir(other);
	rmdir(folder);
	unsetenv("XDG_CONFIG_HOME");
}

static void
test_log(void **state)
{
	struct output_log *log = output_log_new(2);
	char big[9000];

	(void)state;
	output_log_append(log, "a\nb", 3);
	assert_int_equal(output_log_count(log), 2);
	assert_string_equal(output_log_line(log, 1), "b");
	output_log_append(log, "c\n\nd\0e", 6);
	assert_int_equal(output_log_count(log), 2);
	assert_string_equal(output_log_line(log, 0), "");
	assert_string_equal(output_log_line(log, 1), "d e");
	assert_int_equal(output_log_lines(log), 4);
	assert_int_equal(output_log_bytes(log), 9);
	memset(big, 'x', sizeof(big));
	output_log_append(log, big, sizeof(big));
	assert_int_equal(strlen(output_log_line(log, 0)), 4096);
	output_log_free(log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_units),
	    cmocka_unit_test(test_signs),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_inputs),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_canvas_sentence),
	    cmocka_unit_test(test_canvas_clips),
	    cmocka_unit_test(test_canvas_match),
	    cmocka_unit_test(test_themes),
	    cmocka_unit_test(test_own_themes),
	    cmocka_unit_test(test_log),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
