/*
 * test_segment.c - where the file is made, by whom it may be found there, and
 * what remains when it cannot be made.
 */
#include "config.h"

#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/segment.h"
#include "stubs.h"

#define EXTRA 65536

static struct segment segment;
static const char *directory;
static char other[300];

static int
make_directory(void **state)
{
	(void)state;
	memset(&segment, 0, sizeof(segment));
	directory = stubs_directory();
	snprintf(other, sizeof(other), "%s.other", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	unlink(other);
	chmod(directory, 0700);
	stubs_directory_remove();
	return 0;
}

static unsigned
files(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void
test_the_file_and_its_header(void **state)
{
	struct stat found;
	void *body;

	(void)state;
	agent_config.run_id = 0x1234;
	assert_true(segment_create(&segment, EXTRA, &body));
	assert_int_equal(stat(segment.path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0600);
	assert_int_equal(found.st_size, WIRE_BODY_OFFSET + EXTRA);
	assert_true(found.st_blocks * 512 >= found.st_size);
	assert_int_equal(segment.size, found.st_size);
	assert_int_equal(segment.header->magic, WIRE_MAGIC);
	assert_int_equal(segment.header->pid, getpid());
	assert_int_equal(segment.header->uid, geteuid());
	assert_int_equal(segment.header->run_id, 0x1234);
	assert_true(segment.header->start_time > 0);
	assert_non_null(strstr(segment.header->exe, "test_segment"));
	assert_non_null(strstr(segment.header->command, "test_segment"));
	memset(body, 7, EXTRA);
}

static void
test_one_of_the_same_name_is_replaced_not_written(void **state)
{
	struct stat found;
	void *body;
	FILE *file;

	(void)state;
	assert_true(segment_create(&segment, EXTRA, &body));
	/* A trap of the same name: a link to a file of the user's. */
	unlink(segment.path);
	file = fopen(other, "w");
	fputs("precious", file);
	fclose(file);
	assert_int_equal(symlink(other, segment.path), 0);
	memset(&segment, 0, sizeof(segment));
	assert_true(segment_create(&segment, EXTRA, &body));
	assert_int_equal(lstat(segment.path, &found), 0);
	assert_true(S_ISREG(found.st_mode));
	assert_int_equal(stat(other, &found), 0);
	assert_int_equal(found.st_size, 8);
}

static void
test_a_directory_behind_a_link_is_refused(void **state)
{
	void *body;

	(void)state;
	assert_int_equal(symlink(directory, other), 0);
	agent_config.directory = other;
	assert_false(segment_create(&segment, EXTRA, &body));
	assert_int_equal(files(), 0);
}

static void
test_a_directory_others_can_write_is_refused(void **state)
{
	void *body;

	(void)state;
	chmod(directory, 0770);
	assert_false(segment_create(&segment, EXTRA, &body));
	chmod(directory, 0702);
	assert_false(segment_create(&segment, EXTRA, &body));
	assert_int_equal(files(), 0);
}

static void
test_a_directory_of_another_user_is_refused(void **state)
{
	void *body;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(directory, 12345, -1), 0);
	assert_false(segment_create(&segment, EXTRA, &body));
	assert_int_equal(chown(directory, 0, -1), 0);
	assert_int_equal(files(), 0);
}

static void
test_a_missing_directory_is_made_but_no_more(void **state)
{
	char deep[400];
	struct stat found;
	void *body;

	(void)state;
	snprintf(deep, sizeof(deep), "%s/a/b", directory);
	agent_config.directory = deep;
	assert_false(segment_create(&segment, EXTRA, &body));
	*strrchr(deep, '/') = '\0';
	assert_true(segment_create(&segment, EXTRA, &body));
	assert_int_equal(stat(deep, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0700);
	unlink(segment.path);
	rmdir(deep);
}

static void
test_no_file_where_a_directory_should_be(void **state)
{
	void *body;
	FILE *file = fopen(other, "w");

	(void)state;
	fclose(file);
	agent_config.directory = other;
	assert_false(segment_create(&segment, EXTRA, &body));
}

static void
limit_files(rlim_t size)
{
	struct rlimit limit = {size, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_no_room_leaves_nothing_behind(void **state)
{
	void *body;

	(void)state;
	limit_files(WIRE_BODY_OFFSET);
	assert_false(segment_create(&segment, EXTRA, &body));
	limit_files(RLIM_INFINITY);
	assert_int_equal(files(), 0);
}

static void
test_no_room_to_grow_changes_nothing(void **state)
{
	uint64_t offset = 0;
	uint64_t size;
	char *part;
	void *body;

	(void)state;
	assert_true(segment_create(&segment, EXTRA, &body));
	size = segment.size;
	limit_files(size);
	assert_null(segment_grow(&segment, EXTRA, &offset));
	assert_int_equal(segment.size, size);
	limit_files(RLIM_INFINITY);
	part = segment_grow(&segment, EXTRA, &offset);
	assert_non_null(part);
	assert_int_equal(offset, size);
	assert_int_equal(segment.size, size + EXTRA);
	part[EXTRA - 1] = 1;
}

static void
test_what_is_discarded_is_given_back(void **state)
{
	struct stat before;
	struct stat after;
	uint64_t offset;
	char *part;
	void *body;

	(void)state;
	assert_true(segment_create(&segment, EXTRA, &body));
	part = segment_grow(&segment, 16 * EXTRA, &offset);
	assert_non_null(part);
	memset(part, 1, 16 * EXTRA);
	stat(segment.path, &before);
	segment_discard(&segment, part, offset, 16 * EXTRA);
	stat(segment.path, &after);
	assert_int_equal(before.st_size, after.st_size);
	assert_true(after.st_blocks < before.st_blocks);
}

static void
test_a_child_does_not_have_it(void **state)
{
	int status;
	void *body;
	pid_t pid;

	(void)state;
	assert_true(segment_create(&segment, EXTRA, &body));
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)body = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void
test_two_statuses_take_turns(void **state)
{
	struct wire_status status = {0};
	void *body;

	(void)state;
	assert_true(segment_create(&segment, EXTRA, &body));
	for (uint64_t i = 1; i < 10; i++) {
		status.tick = i;
		segment_publish(&segment, &status);
		assert_int_equal(segment.turn->turn, i);
		assert_int_equal(segment.status[i & 1].tick, i);
		if (i > 1)
			assert_int_equal(segment.status[~i & 1].tick, i - 1);
	}
}

#define TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, make_directory, remove_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_file_and_its_header),
	    TEST(test_one_of_the_same_name_is_replaced_not_written),
	    TEST(test_a_directory_behind_a_link_is_refused),
	    TEST(test_a_directory_others_can_write_is_refused),
	    TEST(test_a_directory_of_another_user_is_refused),
	    TEST(test_a_missing_directory_is_made_but_no_more),
	    TEST(test_no_file_where_a_directory_should_be),
	    TEST(test_no_room_leaves_nothing_behind),
	    TEST(test_no_room_to_grow_changes_nothing),
	    TEST(test_what_is_discarded_is_given_back),
	    TEST(test_a_child_does_not_have_it),
	    TEST(test_two_statuses_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
