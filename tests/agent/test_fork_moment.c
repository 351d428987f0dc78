/*
 * test_fork_moment.c - a child that is forked while the ticker gives memory
 * back: nothing of it may still be there for the child to use.
 *
 * The program: `test_fork_moment program`.
 */
#include "config.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/safe.h"

#define BITS 13 /* 8192 stacks: more than the ticker keeps room for */

void __wrap_safe_unmap(void *start, size_t size);
void __real_safe_unmap(void *start, size_t size);

static uint32_t gone; /* 1: memory has been given back; 2: go on */
static uint32_t armed;

/* The ticker stands still where the memory is gone, until there is a child. */
void
__wrap_safe_unmap(void *start, size_t size)
{
	__real_safe_unmap(start, size);
	if (!__atomic_exchange_n(&armed, 0, __ATOMIC_ACQ_REL))
		return;
	__atomic_store_n(&gone, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&gone, __ATOMIC_ACQUIRE) == 1)
		__asm__ volatile("pause");
}

/* Each number is a stack of its own. */
static __attribute__((noinline)) void
allocate_at(unsigned number, unsigned bits)
{
	static void *volatile last;

	if (!bits) {
		free(last);
		last = malloc(100);
	} else if (number & 1) {
		allocate_at(number >> 1, bits - 1);
		__asm__ volatile("# returns here" ::: "memory");
	} else {
		allocate_at(number >> 1, bits - 1);
		__asm__ volatile("# and there" ::: "memory");
	}
}

static void
allocate_everywhere(void)
{
	for (unsigned i = 0; i < 1u << BITS; i++)
		allocate_at(i, BITS);
}

static int
be_program(void)
{
	int status;
	pid_t pid;

	__atomic_store_n(&armed, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 1000 && !__atomic_load_n(&gone, __ATOMIC_ACQUIRE);
	     i++)
		allocate_everywhere();
	if (!__atomic_load_n(&gone, __ATOMIC_ACQUIRE))
		return 2;
	pid = fork();
	if (!pid) {
		gone = 2;
		allocate_everywhere();
		exit(0); /* after its last tick */
	}
	__atomic_store_n(&gone, 2, __ATOMIC_RELEASE);
	if (waitpid(pid, &status, 0) != pid)
		return 3;
	return status ? 4 : 0;
}

static void
test_child(void **state)
{
	char directory[] = "/tmp/heaptop-test-XXXXXX";
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(directory));
	pid = fork();
	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		execl("/proc/self/exe", "test_fork_moment", "program", NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(directory);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_child),
	};

	(void)argv;
	if (argc > 1)
		return be_program();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
