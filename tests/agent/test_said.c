/*
 * test_said.c - marks and work by the eyes of a reader: programs with the
 * agent in them run in a child and keep their segments.
 *
 * The program: `test_said WHAT`, with the functions below.
 */
#include "config.h"

#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/said.h"
#include "heaptop/heaptop.h"
#include "reader.h"

#define THREADS	 8
#define EACH	 300 /* marks of a thread */
#define WORK	 100000
#define SIZE	 54321
#define SIGNALS	 200
#define OVERFLOW 100

enum { FAILED_ABSENT = 3, FAILED_ERRNO, FAILED_FORK };

static void *volatile kept;

static void *
say_many(void *number)
{
	char text[32];

	for (int i = 0; i < EACH; i++) {
		snprintf(text, sizeof(text), "%d of %d", i,
			 (int)(uintptr_t)number);
		errno = 77;
		heaptop_mark(text);
		for (int j = 0; j < WORK / EACH; j++)
			heaptop_work(1);
		if (errno != 77)
			exit(FAILED_ERRNO);
	}
	heaptop_work(WORK % EACH);
	return NULL;
}

static int
target_threads(void)
{
	pthread_t threads[THREADS];

	if (!heaptop_is_loaded())
		return FAILED_ABSENT;
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, say_many, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int
target_texts(void)
{
	char text[1000];

	memset(text, 'x', sizeof(text));
	text[999] = '\0';
	heaptop_mark(text);
	/* A character across the border is left out. */
	memcpy(text + SAID_TEXT_MAX - 2, "\xe2\x82\xac", 3);
	heaptop_mark(text);
	text[SAID_TEXT_MAX] = '\0';
	memset(text, 'y', SAID_TEXT_MAX);
	heaptop_mark(text);
	/* No UTF-8 at all. */
	memset(text, 0x80, sizeof(text) - 1);
	heaptop_mark(text);
	heaptop_mark("");
	heaptop_mark(NULL);
	return 0;
}

static volatile sig_atomic_t signals;

static void
handler(int number)
{
	(void)number;
	heaptop_mark("signal");
	heaptop_work(1);
	signals++;
}

/* Handlers interrupt marks, malloc and free. */
static int
target_signals(void)
{
	struct itimerval each = {{0, 200}, {0, 200}};

	signal(SIGALRM, handler);
	setitimer(ITIMER_REAL, &each, NULL);
	while (signals < SIGNALS) {
		kept = malloc(100);
		free(kept);
		if (signals % 8 == 0)
			heaptop_work(0);
	}
	memset(&each, 0, sizeof(each));
	setitimer(ITIMER_REAL, &each, NULL);
	heaptop_work((uint64_t)SIGNALS * 10 - (uint64_t)signals);
	return 0;
}

static int
target_too_many(void)
{
	for (int i = 0; i < SAID_MARKS_MAX + OVERFLOW; i++)
		heaptop_mark("again");
	return 0;
}

static int
target_stop(void)
{
	void *volatile early = malloc(SIZE);

	heaptop_stop();
	for (int i = 0; i < 100; i++)
		kept = malloc(SIZE);
	kept = realloc(kept, (size_t)SIZE * 2);
	free(early);
	heaptop_start();
	for (int i = 0; i < 10; i++)
		kept = malloc(SIZE);
	heaptop_stop();
	heaptop_stop();
	kept = malloc(SIZE);
	return 0;
}

/* Ends with the child's status. */
static int
target_fork(void)
{
	int status;
	pid_t child;

	heaptop_work(5);
	heaptop_mark("parent");
	child = fork();
	if (!child) {
		heaptop_work(7);
		heaptop_mark("child");
		return 0;
	}
	return waitpid(child, &status, 0) == child ? WEXITSTATUS(status)
						   : FAILED_FORK;
}

static const struct {
	const char *name;
	int (*run)(void);
} targets[] = {
    {"threads", target_threads},   {"texts", target_texts},
    {"signals", target_signals},   {"stop", target_stop},
    {"too-many", target_too_many}, {"fork", target_fork},
};

static char directory[64];

/* Runs a target to its end; its segment stays. */
static pid_t
run(const char *name)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		setenv("HEAPTOP_KEEP", "1", 1);
		execl("/proc/self/exe", "test_said", name, NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return pid;
}

/* Reads the segment of a process, or of any other, and removes it. */
static void
take(struct reader *reader, pid_t pid, bool is_not)
{
	char path[400] = "";
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    (atoi(entry->d_name) == pid) != is_not)
			snprintf(path, sizeof(path), "%s/%s", directory,
				 entry->d_name);
	closedir(dir);
	assert_true(reader_read_file(reader, path));
	unlink(path);
}

static const char *
text(const struct reader *reader, uint32_t mark)
{
	return reader->strings[reader->marks[mark].text];
}

static void
test_many_threads_mark_and_work(void **state)
{
	struct reader reader = {0};
	int next[THREADS] = {0};

	(void)state;
	take(&reader, run("threads"), false);
	assert_int_equal(reader.mark_count, THREADS * EACH);
	assert_int_equal(reader.status.work_units, THREADS * WORK);
	for (uint32_t i = 1; i <= reader.mark_count; i++) {
		const struct wire_name_mark *mark = &reader.marks[i];
		int number;
		int thread;

		assert_int_equal(
		    sscanf(text(&reader, i), "%d of %d", &number, &thread), 2);
		assert_in_range(thread, 0, THREADS - 1);
		/* Those of one thread are in order and none is missing. */
		assert_int_equal(number, next[thread]++);
		assert_true(i == 1 || mark->tick >= mark[-1].tick);
		assert_true(i == 1 || mark->work_units >= mark[-1].work_units);
		assert_in_range(mark->tick, 1, reader.status.tick);
		assert_true(mark->time_ns <= reader.status.time_ns);
		assert_true(mark->live_count && mark->live_bytes);
	}
	reader_fini(&reader);
}

static void
test_texts_are_cut(void **state)
{
	static const size_t lengths[] = {255, 253, 255, 251, 0, 0};
	struct reader reader = {0};

	(void)state;
	take(&reader, run("texts"), false);
	assert_int_equal(reader.mark_count, 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(strlen(text(&reader, i + 1)), lengths[i]);
	reader_fini(&reader);
}

static void
test_signal_handlers_may_say(void **state)
{
	struct reader reader = {0};

	(void)state;
	take(&reader, run("signals"), false);
	assert_in_range(reader.mark_count, SIGNALS, SIGNALS * 10);
	assert_int_equal(reader.status.work_units, SIGNALS * 10);
	reader_fini(&reader);
}

static void
test_too_many_are_counted(void **state)
{
	struct reader reader = {0};

	(void)state;
	take(&reader, run("too-many"), false);
	assert_int_equal(reader.mark_count, SAID_MARKS_MAX);
	assert_int_equal(reader.status.lost[WIRE_LOST_MARKS_FULL], OVERFLOW);
	reader_fini(&reader);
}

static void
test_nothing_new_is_recorded_in_between(void **state)
{
	struct reader reader = {0};
	uint64_t born = 0;
	uint64_t gone = 0;

	(void)state;
	take(&reader, run("stop"), false);
	for (uint64_t i = 1; i <= reader.status.sites; i++) {
		const struct wire_totals *totals = &reader.sites[i].totals;

		if (!reader.sites[i].there || totals->alloc_bytes < SIZE)
			continue;
		born += totals->alloc_bytes / SIZE;
		gone += totals->free_bytes / SIZE;
	}
	assert_int_equal(born, 11);
	assert_int_equal(gone, 1);
	assert_int_equal(reader.status.sample_bytes, 1);
	reader_fini(&reader);
}

static void
test_a_child_says_its_own(void **state)
{
	struct reader reader = {0};
	pid_t pid = run("fork");

	(void)state;
	take(&reader, pid, true);
	assert_int_equal(reader.mark_count, 1);
	assert_string_equal(text(&reader, 1), "child");
	assert_int_equal(reader.status.work_units, 7);
	reader_fini(&reader);
	take(&reader, pid, false);
	assert_int_equal(reader.mark_count, 1);
	assert_string_equal(text(&reader, 1), "parent");
	assert_int_equal(reader.status.work_units, 5);
	reader_fini(&reader);
}

static int
make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/heaptop-test-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int
remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_threads_mark_and_work),
	    cmocka_unit_test(test_texts_are_cut),
	    cmocka_unit_test(test_signal_handlers_may_say),
	    cmocka_unit_test(test_too_many_are_counted),
	    cmocka_unit_test(test_nothing_new_is_recorded_in_between),
	    cmocka_unit_test(test_a_child_says_its_own),
	};

	for (size_t i = 0; argc > 1 && i < sizeof(targets) / sizeof(*targets);
	     i++)
		if (!strcmp(argv[1], targets[i].name))
			return targets[i].run();
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
