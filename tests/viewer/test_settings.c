/* test_settings.c - the user's file: read, written, and otherwise left alone.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "fixture.h"
#include "viewer/settings.h"

static char folder[] = "/tmp/heaptop-test-XXXXXX";

static char *
path_of(const char *name)
{
	return mem_format("%s/%s", folder, name);
}

static void
file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
file_is(const char *path, const char *wanted)
{
	char text[4096];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, wanted);
}

static void
test_read(void **state)
{
	char *path = path_of("config");
	struct viewer_options options = {0};
	char notice[256];

	(void)state;
	settings_read(&options, path, notice, sizeof(notice));
	assert_string_equal(notice, ""); /* no file is no setting */
	file_write(path, "# comment\n\n  columns=size,  size_diff ,peak # x\n"
			 "sort = -count\ngroup-by = function\nunits = SI\n"
			 "theme = a#b\nmouse = off\nmine = yes\ndelay = 2\n"
			 "color = never");
	settings_read(&options, path, notice, sizeof(notice));
	assert_string_equal(notice, "");
	assert_int_equal(options.column_count, 3);
	assert_int_equal(options.columns[2], COLUMN_PEAK);
	assert_true(options.sort_set && options.ascending);
	assert_int_equal(options.sort, COLUMN_COUNT);
	assert_int_equal(options.group_by, GROUP_FUNCTION);
	assert_int_equal(options.units, TEXT_SI);
	assert_string_equal(options.theme, "a#b");
	assert_true(options.no_mouse && options.mine && !options.inclusive);
	assert_true(options.delay_s == 2);
	assert_int_equal(options.color, VIEWER_COLOR_NEVER);
	unlink(path);
	free(path);
}

static void
test_not_understood(void **state)
{
	static const struct {
		const char *text;
		const char *notice;
	} cases[] = {
	    {"\nshrub = 1\n", "config:2: 'shrub' is no setting, left as it is"},
	    {"delay = 99\n", "config:1: delay: a delay is 0.1 to 60 seconds"},
	    {"mine = perhaps\n",
	     "config:1: mine: 'perhaps' is neither yes nor no"},
	    {"theme\n", "config:1: 'theme' has no value; write theme = ..."},
	    {"units = stone\nx = 1", "config:1: units: "},
	};
	char *path = path_of("config");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct viewer_options options = {0};
		struct viewer_options none = {0};
		char notice[256];

		file_write(path, cases[i].text);
		settings_read(&options, path, notice, sizeof(notice));
		assert_memory_equal(notice, cases[i].notice,
				    strlen(cases[i].notice));
		assert_memory_equal(&options, &none, sizeof(none));
	}
	unlink(path);
	free(path);
}

static void
test_write(void **state)
{
	static const char after[] =
	    "inclusive = no\nmine = no\n"
	    "libraries = none\ncolor = auto\nascii = no\nmouse = yes\n";
	char *link = path_of("config");
	char *real = path_of("real");
	char *new = path_of("a/b/config");
	struct viewer_options options = {0};
	struct viewer_options again = {0};
	char notice[256];
	char *wanted;
	struct err err;

	(void)state;
	file_write(real, "# mine\nfuture = 7 # kept\nunits = iec # gone\n"
			 "delay = 1\ndelay = 3\n\ntheme = dark");
	assert_int_equal(symlink(real, link), 0);
	settings_read(&options, link, notice, sizeof(notice));
	assert_true(options.delay_s == 3);
	options.units = TEXT_BYTES;
	options.columns[0] = COLUMN_AGE;
	options.columns[1] = COLUMN_SIZE;
	options.column_count = 2;
	assert_true(settings_write(&options, link, &err));
	wanted = mem_format("# mine\nfuture = 7 # kept\nunits = bytes\n"
			    "delay = 3\n\ntheme = dark\ncolumns = age, size\n"
			    "sort = default\ngroup-by = lineno\n%s",
			    after);
	file_is(real, wanted); /* the link is still one */
	settings_read(&again, link, notice, sizeof(notice));
	assert_int_equal(again.column_count, 2);
	assert_int_equal(again.units, TEXT_BYTES);
	assert_true(settings_write(&again, new, &err));
	settings_read(&again, new, notice, sizeof(notice));
	assert_string_equal(notice, "");
	assert_false(settings_write(&options, "/proc/none/config", &err));
	assert_non_null(strstr(err.text, "/proc/none"));
	free(wanted);
	free(link);
	free(real);
	free(new);
}

static void
test_path(void **state)
{
	char *path;

	(void)state;
	setenv("XDG_CONFIG_HOME", "/a/b", 1);
	path = settings_path("config");
	assert_string_equal(path, "/a/b/heaptop/config");
	free(path);
	setenv("XDG_CONFIG_HOME", "not/absolute", 1);
	setenv("HOME", "/h", 1);
	path = settings_path("themes");
	assert_string_equal(path, "/h/.config/heaptop/themes");
	free(path);
	unsetenv("HOME");
	assert_null(settings_path("config"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_not_understood),
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_path),
	};
	int failed;
	char *remove;

	if (!mkdtemp(folder))
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	remove = mem_format("rm -r '%s'", folder);
	if (system(remove))
		failed = 99;
	free(remove);
	return failed;
}
