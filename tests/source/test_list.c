/* test_list.c - the directory of segments, and opening by what users say. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../lib/segment_writer.h"
#include "source/source.h"

static char directory[] = "/tmp/heaptop-list-XXXXXX";
static char path[128];
static struct segment_writer writer;

static void
open_writer(void)
{
	char start[32] = "";

	snprintf(path, sizeof(path), "%s/new", directory);
	writer_open(&writer, path, 64, 4096);
	snprintf(start, sizeof(start), "%lu",
		 (unsigned long)writer.header->start_time);
	snprintf(path, sizeof(path), "%s/%d-%s.heaptop", directory,
		 (int)getpid(), start);
	snprintf(writer.path, sizeof(writer.path), "%s/new", directory);
	assert_int_equal(rename(writer.path, path), 0);
	writer.next.totals[WIRE_DOMAIN_MALLOC] =
	    (struct wire_totals){500, 5, 100, 1};
	writer.next.totals[WIRE_DOMAIN_MMAP] =
	    (struct wire_totals){10, 1, 20, 2};
	writer_commit(&writer);
}

static void
close_writer(void)
{
	writer_close(&writer);
	unlink(path);
}

static void
test_entries(void **state)
{
	struct process_entry *list;
	struct err err = {""};
	char link[256], junk[256];
	size_t count, good = 0;
	FILE *file;

	(void)state;
	open_writer();
	snprintf(link, sizeof(link), "%s/1-1.heaptop", directory);
	snprintf(junk, sizeof(junk), "%s/2-2.heaptop", directory);
	assert_int_equal(symlink(path, link), 0);
	file = fopen(junk, "w");
	fputs("short", file);
	fclose(file);
	assert_true(process_list(&list, &count, &err));
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++) {
		if (list[i].problem[0]) {
			assert_null(strchr(list[i].problem, '\n'));
			assert_null(list[i].process.command);
			continue;
		}
		good++;
		assert_int_equal(list[i].process.pid, getpid());
		assert_int_equal(list[i].live_bytes, 400);
		assert_int_equal(list[i].live_count, 4);
		assert_true(list[i].alive);
		assert_true(list[i].process.rss_bytes > 0);
		assert_string_equal(list[i].path, path);
	}
	assert_int_equal(good, 1);
	process_list_free(list, count);
	unlink(link);
	unlink(junk);
	close_writer();
}

static void
test_directory(void **state)
{
	struct process_entry *list;
	struct err err = {""};
	char other[256];
	size_t count;

	(void)state;
	setenv("HEAPTOP_DIR", "/tmp/heaptop-there-is-no-such", 1);
	assert_true(process_list(&list, &count, &err));
	assert_int_equal(count, 0);
	process_list_free(list, count);
	setenv("HEAPTOP_DIR", "/etc/passwd", 1);
	assert_false(process_list(&list, &count, &err));
	snprintf(other, sizeof(other), "%s/link", directory);
	assert_int_equal(symlink(directory, other), 0);
	setenv("HEAPTOP_DIR", other, 1);
	assert_false(process_list(&list, &count, &err));
	unlink(other);
	setenv("HEAPTOP_DIR", directory, 1);
	assert_int_equal(chmod(directory, 0777), 0);
	assert_false(process_list(&list, &count, &err));
	assert_non_null(strstr(err.text, "others may write"));
	assert_int_equal(chmod(directory, 0700), 0);
	assert_true(process_list(&list, &count, &err));
	process_list_free(list, count);
}

static void
expect_error(const char *what, const char *words)
{
	struct err err = {""};

	assert_null(source_open(what, &err));
	if (!strstr(err.text, words))
		fail_msg("'%s' says '%s', not '%s'", what, err.text, words);
	assert_null(strchr(err.text, '\n'));
	assert_non_null(strchr(err.text, ';'));
}

static void
test_open(void **state)
{
	struct source *source;
	struct err err;
	char text[32];
	pid_t child;

	(void)state;
	snprintf(text, sizeof(text), "%d", (int)getpid());
	expect_error(text, "without heaptop's agent");
	open_writer();
	source = source_open(text, &err);
	assert_non_null(source);
	assert_string_equal(source_path(source), path);
	source_close(source);
	source = source_open("prog", &err);
	assert_non_null(source);
	source_close(source);
	source = source_open_segment(path, &err);
	assert_non_null(source);
	source_close(source);
	close_writer();
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	snprintf(text, sizeof(text), "%d", (int)child);
	expect_error(text, "no such process");
	expect_error("99999999999999999999", "no such process");
	expect_error("0", "no such process");
	expect_error("prog", "no profiled process");
	expect_error("./nothing", "no such file");
	expect_error(directory, "not a regular file");
	expect_error("/dev/null", "not a regular file");
	expect_error("/dev/tty", "not a regular file");
	expect_error("/etc/passwd", "not a heaptop file");
	expect_error("", "no such file");
	expect_error("a\x1b[2J/b", "a\\x1b[2J/b");
}

/* A segment of a process that is gone is found by its pid, too. */
static void
test_gone(void **state)
{
	struct source *source;
	struct err err;
	char gone[128];

	(void)state;
	open_writer();
	writer.header->pid = 4194305; /* above any pid of Linux */
	snprintf(gone, sizeof(gone), "%s/4194305-77.heaptop", directory);
	assert_int_equal(rename(path, gone), 0);
	source = source_open("4194305", &err);
	assert_non_null(source);
	assert_string_equal(source_snapshot(source)->process.state, "killed");
	source_close(source);
	unlink(gone);
	close_writer();
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	return setenv("HEAPTOP_DIR", directory, 1);
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_directory),
	    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
