/*
 * test_hooks.c - a whole program with the agent linked into it: what it must
 * record, and what must not happen when the system refuses the agent
 * something. One after the other each system call of the agent's fails, first
 * alone, then with all that follow, and the program must not notice.
 *
 * The program runs in children of this one: `test_hooks scenario`.
 */
#include "config.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "reader.h"

#define NTH_LIMIT      400
#define CLEAN_IN_A_ROW 40
#define DEPTH	       7 /* 128 stacks */
#define ROUNDS	       8
#define SIZE	       100

enum { DONE_CLEAN = 40, DONE_WITH_FAULT = 41, WRONG = 42 };

void *branch(unsigned bits, int depth);

__attribute__((noinline)) static void *
left(unsigned bits, int depth)
{
	void *block = branch(bits, depth);

	__asm__ volatile("" : "+r"(block));
	return block;
}

__attribute__((noinline)) static void *
right(unsigned bits, int depth)
{
	void *block = branch(bits, depth);

	__asm__ volatile("nop" : "+r"(block));
	return block;
}

__attribute__((noinline)) void *
branch(unsigned bits, int depth)
{
	void *block;

	if (!depth)
		block = malloc(SIZE);
	else
		block = bits & 1 ? left(bits >> 1, depth - 1)
				 : right(bits >> 1, depth - 1);
	__asm__ volatile("" : "+r"(block));
	return block;
}

static int
scenario(void)
{
	char *kept[128] = {NULL};
	char *pages;

	for (int round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < 128; i++) {
			char *block = branch(i, DEPTH);

			if (!block)
				return WRONG;
			memset(block, (int)i, SIZE);
			free(kept[i]);
			kept[i] = block;
		}
	pages = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return WRONG;
	munmap(pages + 4096, 8192);
	munmap(pages, 4096);
	munmap(pages + 12288, 65536 - 12288);
	for (unsigned i = 0; i < 128; i += 2)
		if (!(kept[i] = realloc(kept[i], 3 * SIZE)) ||
		    kept[i][SIZE - 1] != (char)i)
			return WRONG;
	errno = 4711;
	free(malloc(5));
	if (errno != 4711)
		return WRONG;
	return fault_happened() ? DONE_WITH_FAULT : DONE_CLEAN;
}

static char directory[64];

static void
set_number(const char *name, long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", number);
	setenv(name, text, 1);
}

/* Runs it in a child; returns its exit status. */
static int
run(long nth, bool ever)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		setenv("HEAPTOP_KEEP", "1", 1);
		set_number("FAULT_NTH", nth);
		set_number("FAULT_EVER", ever);
		alarm(60);
		execl("/proc/self/exe", "test_hooks", "scenario", NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("call %ld: the program died of signal %d", nth,
			 WTERMSIG(status));
	return WEXITSTATUS(status);
}

static uint64_t
losses(const struct wire_status *status)
{
	uint64_t sum = 0;

	for (int i = 0; i < WIRE_LOST_COUNT; i++)
		if (i != WIRE_LOST_STACK_NO_RULE && i != WIRE_LOST_PY_UNKNOWN)
			sum += status->lost[i];
	return sum;
}

/* What the scenario itself did at its 128 stacks: those sites whose blocks
 * have its size. */
static uint64_t
found_blocks(const struct reader *reader)
{
	uint64_t count = 0;

	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct wire_totals *totals = &reader->sites[i].totals;

		if (!reader->sites[i].there)
			continue;
		assert_true(totals->free_count <= totals->alloc_count);
		assert_true(totals->free_bytes <= totals->alloc_bytes);
		if (totals->alloc_count == ROUNDS &&
		    totals->alloc_bytes == ROUNDS * SIZE)
			count += totals->alloc_count;
	}
	return count;
}

static void
test_without_faults_all_is_recorded(void **state)
{
	struct reader reader = {0};

	(void)state;
	assert_int_equal(run(0, false), DONE_CLEAN);
	assert_true(reader_take_only(&reader, directory));
	assert_int_equal(reader.status.state, WIRE_STATE_EXITED);
	assert_true(reader_is_named(&reader));
	assert_int_equal(losses(&reader.status), 0);
	assert_int_equal(found_blocks(&reader), 128 * ROUNDS);
	assert_int_equal(reader.status.totals[WIRE_DOMAIN_MMAP].alloc_bytes,
			 reader.status.totals[WIRE_DOMAIN_MMAP].free_bytes);
	reader_fini(&reader);
}

/* The ticker's last calls come after the program's own end, so it may say that
 * nothing failed although something will: only many of these are the end. */
static void
fail_one_after_the_other(bool ever)
{
	unsigned faults = 0;
	unsigned clean = 0;
	long nth = 0;

	while (clean < CLEAN_IN_A_ROW) {
		struct reader reader = {0};
		int result = run(++nth, ever);

		if (result != DONE_CLEAN && result != DONE_WITH_FAULT)
			fail_msg("call %ld: exit status %d", nth, result);
		if (reader_take_only(&reader, directory) &&
		    found_blocks(&reader) != 128 * ROUNDS &&
		    !losses(&reader.status))
			fail_msg("call %ld: blocks are missing, uncounted",
				 nth);
		reader_fini(&reader);
		clean = result == DONE_CLEAN ? clean + 1 : 0;
		faults += result == DONE_WITH_FAULT;
		assert_true(nth < NTH_LIMIT);
	}
	assert_true(faults >= 5);
}

static void
test_any_call_may_fail_once(void **state)
{
	(void)state;
	fail_one_after_the_other(false);
}

static void
test_any_call_may_fail_from_some_time_on(void **state)
{
	(void)state;
	fail_one_after_the_other(true);
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
	struct reader reader = {0};

	(void)state;
	reader_take_only(&reader, directory);
	reader_fini(&reader);
	return rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_faults_all_is_recorded),
	    cmocka_unit_test(test_any_call_may_fail_once),
	    cmocka_unit_test(test_any_call_may_fail_from_some_time_on),
	};

	if (argc > 1 && strcmp(argv[1], "scenario") == 0)
		return scenario();
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
