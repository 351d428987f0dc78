/*
 * test_alone.c - a program that has one thread and the ticker: libc goes on as
 * if it had one, and a change of the user or group is the ticker's too.
 *
 * Each case is a process of its own, made by exec: `test_alone target CASE`.
 * It ends with 0, or with the line of the check that failed.
 */
#include "config.h"

#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/alone.h"

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#else
static char __libc_single_threaded = 1;
#endif

#define NOBODY 65534u

#define CHECK(condition_)                          \
	do {                                       \
		if (!(condition_))                 \
			_exit(__LINE__ % 250 + 1); \
	} while (0)

/* Calls look for each thread of this process; how many there are. */
static int
each_task(bool (*look)(const char *status), bool *all)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	*all = true;
	while ((entry = readdir(dir))) {
		char path[300];
		char text[8192];
		ssize_t size;
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		size = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[size > 0 ? size : 0] = '\0';
		*all &= look(text);
		count++;
	}
	closedir(dir);
	return count;
}

static bool
look_at_nothing(const char *status)
{
	return status[0] != '\0';
}

static int
tasks(void)
{
	bool all;

	return each_task(look_at_nothing, &all);
}

/* What every thread's status has to say. */
static char wanted[3][100];

static bool
look_at_ids(const char *status)
{
	for (int i = 0; i < 3; i++)
		if (wanted[i][0] && !strstr(status, wanted[i]))
			return false;
	return true;
}

static bool
all_are(const char *uid, const char *gid, const char *groups)
{
	bool all;

	snprintf(wanted[0], sizeof(wanted[0]), uid ? "\nUid:\t%s" : "", uid);
	snprintf(wanted[1], sizeof(wanted[1]), gid ? "\nGid:\t%s" : "", gid);
	snprintf(wanted[2], sizeof(wanted[2]), groups ? "\nGroups:\t%s" : "",
		 groups);
	/* The ticker is gone during the change, and comes back by a hook. */
	if (!each_task(look_at_ids, &all) || !all)
		return false;
	return WAIT_FOR((free(malloc(100)), tasks()) >= 2) &&
	       each_task(look_at_ids, &all) >= 2 && all;
}

static void *
wait_thread(void *semaphore)
{
	sem_wait(semaphore);
	return NULL;
}

static void
run_with_thread(void (*body)(void))
{
	sem_t semaphore;
	pthread_t id;

	sem_init(&semaphore, 0, 0);
	CHECK(!pthread_create(&id, NULL, wait_thread, &semaphore));
	body();
	sem_post(&semaphore);
	pthread_join(id, NULL);
}

static void
check_not_single(void)
{
	CHECK(!__libc_single_threaded);
	/* A call during which threads were made does not hide them. */
	alone_resume(true);
	CHECK(!__libc_single_threaded);
}

static void
check_single(void)
{
	CHECK(WAIT_FOR(tasks() == 2));
	CHECK(__libc_single_threaded);
	run_with_thread(check_not_single);
	CHECK(!__libc_single_threaded);
}

/* From then on the ticker stays. Before, it ends when it can make none, as
 * nobody cannot. */
static bool
has_segment(void)
{
	char pattern[400];
	glob_t found;
	bool has;

	snprintf(pattern, sizeof(pattern), "%s/%d-*", getenv("HEAPTOP_DIR"),
		 (int)getpid());
	has = glob(pattern, 0, NULL, &found) == 0;
	globfree(&found);
	return has;
}

static void
check_in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		CHECK(WAIT_FOR(tasks() >= 2 && has_segment()));
		body();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 255);
}

static void
fork_check_single(void)
{
	check_in_child(check_single);
	CHECK(__libc_single_threaded);
	check_in_child(check_single);
}

static void
change_all(void)
{
	gid_t groups[] = {7, NOBODY};

	CHECK(!setgroups(2, groups));
	CHECK(all_are("0\t0\t0", "0\t0\t0", "7 65534"));
	CHECK(!setresgid(NOBODY, NOBODY, NOBODY));
	CHECK(!setresuid(NOBODY, NOBODY, NOBODY));
	CHECK(all_are("65534\t65534\t65534", "65534\t65534\t65534", "7 65534"));
	CHECK(setuid(0) != 0);
}

static void
change_by_setuid(void)
{
	CHECK(!initgroups("nobody", 9));
	CHECK(all_are("0\t0\t0", NULL, "9 "));
	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK(all_are("65534\t65534\t65534", "65534\t65534\t65534", "9 "));
}

static void
change_effective(void)
{
	CHECK(!setegid(NOBODY) && !seteuid(NOBODY));
	CHECK(all_are("0\t65534\t0", "0\t65534\t0", NULL));
	CHECK(!seteuid(0) && !setegid(0));
	CHECK(all_are("0\t0\t0", "0\t0\t0", NULL));
	CHECK(!setregid(NOBODY, 0) && !setreuid(NOBODY, 0));
	CHECK(all_are("65534\t0\t0", "65534\t0\t0", NULL));
}

static void (*const changes[])(void) = {change_all, change_by_setuid,
					change_effective};

static void
check_change_stays_single(void)
{
	CHECK(__libc_single_threaded);
	change_all();
	CHECK(__libc_single_threaded);
	free(malloc(100));
}

static void
check_changes(void)
{
	CHECK(WAIT_FOR(tasks() == 2 && has_segment()));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		check_in_child(changes[i]);
	check_in_child(check_change_stays_single);
	check_change_stays_single();
}

static void
change_with_thread(void)
{
	run_with_thread(change_all);
}

static void
check_changes_of_threads(void)
{
	check_in_child(change_with_thread);
	CHECK(WAIT_FOR(has_segment()));
	run_with_thread(change_all);
}

/* The parent's ticker must not take the ids of a child that borrows it. */
static void
check_vfork(void)
{
	int status;
	pid_t pid;

	CHECK(WAIT_FOR(tasks() == 2));
	pid = vfork();
	if (!pid)
		_exit(setuid(NOBODY) ? 1 : 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(all_are("0\t0\t0", NULL, NULL));
	CHECK(__libc_single_threaded);
}

static const struct {
	const char *name;
	void (*body)(void);
} cases[] = {
    {"single", check_single}, {"fork", fork_check_single},
    {"ids", check_changes},   {"thread-ids", check_changes_of_threads},
    {"vfork", check_vfork},
};

static int
target(const char *name)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			cases[i].body();
	return 0;
}

/* Who has become nobody cannot remove its segment. */
static void
remove_all(const char *directory)
{
	char pattern[100];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", directory);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
	rmdir(directory);
}

static void
run(const char *name)
{
	char directory[] = "/tmp/heaptop-test-XXXXXX";
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(directory));
	pid = fork();
	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		execl("/proc/self/exe", "test_alone", "target", name, NULL);
		_exit(255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	remove_all(directory);
	assert_int_equal(status, 0);
}

static void
skip_unless(bool can)
{
	if (!can)
		skip();
}

static void
test_one_thread_stays_alone(void **state)
{
	(void)state;
	skip_unless(alone_is_uncounted());
	run("single");
}

static void
test_a_child_is_alone_too(void **state)
{
	(void)state;
	skip_unless(alone_is_uncounted());
	run("fork");
}

static void
test_ids_are_those_of_all_threads(void **state)
{
	(void)state;
	skip_unless(geteuid() == 0 && alone_is_uncounted());
	run("ids");
	run("thread-ids");
}

static void
test_a_child_of_vfork_changes_itself(void **state)
{
	(void)state;
	skip_unless(geteuid() == 0 && alone_is_uncounted());
	run("vfork");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_thread_stays_alone),
	    cmocka_unit_test(test_a_child_is_alone_too),
	    cmocka_unit_test(test_ids_are_those_of_all_threads),
	    cmocka_unit_test(test_a_child_of_vfork_changes_itself),
	};

	if (argc > 2 && strcmp(argv[1], "target") == 0)
		return target(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
