/* test_path.c - names tidied, and only regular files opened. */
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
#include <unistd.h>

#include "symbol/path.h"

static void
test_tidy(void **state)
{
	static const char *const pairs[][2] = {
	    {"/a/b.c", "/a/b.c"},
	    {"/a/./b//c.c", "/a/b/c.c"},
	    {"/a/../b.c", "/b.c"},
	    {"/../../b.c", "/b.c"},
	    {"./a/b.c", "a/b.c"},
	    {"a/../../b.c", "../b.c"},
	    {"../../b.c", "../../b.c"},
	    {"../a/../b.c", "../b.c"},
	    {"/usr/lib/gcc/12/../../../include/c++/12/map",
	     "/usr/include/c++/12/map"},
	    {"/", "/"},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		assert_true(path_tidy(out, sizeof(out), pairs[i][0]));
		assert_string_equal(out, pairs[i][1]);
	}
	assert_false(path_tidy(out, sizeof(out), ""));
	assert_false(path_tidy(out, sizeof(out), "."));
}

static void
test_tidy_fits(void **state)
{
	const char *path = "/abc/defg";
	char out[16];

	(void)state;
	for (size_t size = 0; size < strlen(path) + 1; size++)
		assert_false(path_tidy(out, size, path));
	assert_true(path_tidy(out, strlen(path) + 1, path));
	assert_string_equal(out, path);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char
first_byte(const char *root, const char *path)
{
	int fd = path_open(root, path, true, NULL);
	char byte = 0;

	if (fd < 0)
		return 0;
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	return byte;
}

static void
test_open(void **state)
{
	char folder[] = "/tmp/test_path.XXXXXX";
	char fifo[64], file[64], inside[64], link[64], out[64];
	struct stat info;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(inside, sizeof(inside), "%s/etc", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mkdir(inside, 0700), 0);
	write_file(file, "x");
	assert_int_equal(symlink("/file", link), 0);
	snprintf(out, sizeof(out), "%s/out", folder);
	assert_int_equal(symlink("/etc/passwd", out), 0);

	assert_int_equal(path_open(NULL, fifo, true, NULL), -1);
	assert_int_equal(path_open(NULL, inside, true, NULL), -1);
	assert_int_equal(path_open(NULL, "/dev/null", true, NULL), -1);
	assert_int_equal(path_open(NULL, "/no/such/file", true, NULL), -1);
	assert_int_equal(path_open(NULL, "", true, NULL), -1);
	assert_int_equal(first_byte(NULL, file), 'x');
	assert_int_equal(first_byte(folder, "/file"), 'x');
	/* The link's absolute path counts from the root. */
	assert_int_equal(first_byte(folder, "/link"), 'x');
	assert_int_equal(first_byte(folder, "/../../file"), 'x');
	assert_int_equal(path_open(folder, "/out", true, NULL), -1);
	assert_int_equal(path_open(folder, "file", true, NULL), -1);
	assert_int_equal(path_open("/no/such", "/file", true, NULL), -1);

	fd = path_open(NULL, file, false, &info);
	assert_true(fd >= 0);
	assert_int_equal(info.st_size, 1);
	close(fd);
	unlink(link);
	unlink(out);
	unlink(file);
	unlink(fifo);
	rmdir(inside);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tidy),
	    cmocka_unit_test(test_tidy_fits),
	    cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
