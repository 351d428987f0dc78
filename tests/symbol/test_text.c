/* test_text.c - lines of source files. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/symbol.h"

static char folder[] = "/tmp/test_text.XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
write_file(const char *name, const char *text, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
}

static void
test_lines(void **state)
{
	const char text[] = "first\n\t indented \t\r\n\nlast without end";
	uint64_t changed;
	size_t lines;

	(void)state;
	write_file("a.c", text, sizeof(text) - 1);
	assert_string_equal(source_text_line(NULL, path_of("a.c"), 1), "first");
	assert_string_equal(source_text_line(NULL, path_of("a.c"), 2),
			    "indented");
	assert_string_equal(source_text_raw(NULL, path_of("a.c"), 2),
			    "\t indented \t");
	assert_string_equal(source_text_line("", path_of("a.c"), 3), "");
	assert_string_equal(source_text_line(NULL, path_of("a.c"), 4),
			    "last without end");
	assert_null(source_text_line(NULL, path_of("a.c"), 5));
	assert_true(source_text_file(NULL, path_of("a.c"), &lines, &changed));
	assert_int_equal(lines, 4);
	assert_true(changed > 0);
	assert_string_equal(source_text_kept(NULL, path_of("a.c"), 2),
			    "\t indented \t");
	assert_null(source_text_kept(NULL, path_of("a.c"), 5));
	assert_false(source_text_file(NULL, "", &lines, &changed));
	assert_false(
	    source_text_file(NULL, path_of("none.c"), &lines, &changed));
	assert_null(source_text_line(NULL, path_of("a.c"), 0));
	assert_null(source_text_line(NULL, path_of("a.c"), UINT32_MAX));
	assert_null(source_text_line(NULL, path_of("none.c"), 1));
	assert_null(source_text_line(NULL, "", 1));
	assert_null(source_text_line(NULL, NULL, 1));
	assert_null(source_text_line(NULL, "/dev/zero", 1));
	assert_string_equal(source_text_line(folder, "/a.c", 1), "first");
	write_file("empty.c", "", 0);
	assert_null(source_text_line(NULL, path_of("empty.c"), 1));
}

/* Bytes are the caller's to escape; a line has an end all the same. */
static void
test_odd_bytes(void **state)
{
	const char text[] = "\x1b[31mred\x07\nnul\0hidden\n\xff\xfe\n";
	static char wide[20000];

	(void)state;
	write_file("odd.c", text, sizeof(text) - 1);
	assert_string_equal(source_text_line(NULL, path_of("odd.c"), 1),
			    "\x1b[31mred\x07");
	assert_string_equal(source_text_line(NULL, path_of("odd.c"), 2), "nul");
	assert_string_equal(source_text_line(NULL, path_of("odd.c"), 3),
			    "\xff\xfe");
	memset(wide, 'w', sizeof(wide));
	write_file("wide.c", wide, sizeof(wide));
	assert_int_equal(strlen(source_text_line(NULL, path_of("wide.c"), 1)),
			 4096);
}

static void
test_changed(void **state)
{
	(void)state;
	write_file("c.c", "old text\n", 9);
	assert_string_equal(source_text_line(NULL, path_of("c.c"), 1),
			    "old text");
	write_file("c.c", "newer text\n", 11);
	assert_string_equal(source_text_line(NULL, path_of("c.c"), 1),
			    "newer text");
	unlink(path_of("c.c"));
	assert_null(source_text_line(NULL, path_of("c.c"), 1));
}

static void
test_too_large(void **state)
{
	int fd = open(path_of("large.c"), O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, (16 << 20) + 1), 0);
	assert_null(source_text_line(NULL, path_of("large.c"), 1));
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	assert_non_null(source_text_line(NULL, path_of("large.c"), 1));
	close(fd);
	unlink(path_of("large.c"));
}

/* More files than are kept: each is still read. */
static void
test_many_files(void **state)
{
	char name[32], text[32];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "f%d.c", i);
			snprintf(text, sizeof(text), "text %d\n", i);
			if (round == 0)
				write_file(name, text, strlen(text));
			text[strlen(text) - 1] = '\0';
			assert_string_equal(
			    source_text_line(NULL, path_of(name), 1), text);
		}
	}
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),      cmocka_unit_test(test_odd_bytes),
	    cmocka_unit_test(test_changed),    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_many_files),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
