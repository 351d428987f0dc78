/* test_target.c - who may attach to whom, with Yama's file made up. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/inject.h"
#include "inject/target.h"

enum { NOBODY = 65534 };

static char scope_file[] = "/tmp/heaptop-scope-XXXXXX";

static void
scope_write(const char *text)
{
	FILE *file = fopen(scope_file, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int
setup(void **state)
{
	int fd = mkstemp(scope_file);

	(void)state;
	return fd < 0 || fchmod(fd, 0644) != 0 || close(fd) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(scope_file);
}

static void
test_scope(void **state)
{
	(void)state;
	assert_int_equal(target_scope("/no/such/file"), 0);
	scope_write("2\n");
	assert_int_equal(target_scope(scope_file), 2);
	scope_write("7\n");
	assert_int_equal(target_scope(scope_file), 3);
	scope_write("what\n");
	assert_int_equal(target_scope(scope_file), 3);
}

static void
test_allowed(void **state)
{
	struct err text;

	(void)state;
	scope_write("3\n");
	assert_false(inject_allowed(scope_file, &text));
	assert_non_null(strstr(text.text, "heaptop run"));
	scope_write("0\n");
	assert_true(inject_allowed(scope_file, &text));
}

/* A process that hides its memory from its own user: as Yama would. */
static pid_t
hidden(void)
{
	int ends[2];
	char byte;
	pid_t child;

	if (pipe(ends) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ends[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	if (read(ends[0], &byte, 1) != 1)
		return -1;
	return child;
}

/* 1: what was refused has all these words. */
static int
says(pid_t pid, const char *one, const char *other)
{
	struct err err;

	if (inject_may(pid, scope_file, &err))
		return 0;
	if (strstr(err.text, one) && strstr(err.text, other))
		return 1;
	printf("# %s\n", err.text);
	return 0;
}

static int
refusals_as_nobody(void)
{
	pid_t child = hidden();
	int good;

	if (child < 0)
		return 2;
	scope_write("1\n");
	good = says(child, "ptrace_scope is 1", "sudo heaptop attach");
	scope_write("2\n");
	good &= says(child, "ptrace_scope is 2", "heaptop run");
	scope_write("3\n");
	good &= says(child, "ptrace_scope is 3", "heaptop run");
	scope_write("0\n");
	good &= says(child, "hides its memory", "sudo heaptop attach");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return good ? 0 : 1;
}

static void
test_refusals(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (geteuid() == 0 && chown(scope_file, NOBODY, NOBODY) != 0)
		fail();
	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(3);
		_exit(refusals_as_nobody());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_itself(void **state)
{
	struct err err;

	(void)state;
	assert_false(inject_may(getpid(), NULL, &err));
	assert_non_null(strstr(err.text, "itself"));
	assert_false(inject_may(0, NULL, &err));
	assert_false(inject_may(-1, NULL, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scope),
	    cmocka_unit_test(test_allowed),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_itself),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
