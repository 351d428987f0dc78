/*
 * kin.c - every way to have a child.
 *
 *	kin WAY		10 blocks of 10,000 bytes; a child by that way, which
 *			gets 5 of 20,000; then 2 of 30,000
 *	kin bomb N	N children at once, each with those 5
 *	kin storm N	N children, one after the other, beside threads that
 *			allocate and one that opens and closes a library; says
 *			how many of them were stuck
 *
 * Both say "parent PID" and "child PID", and end with their input.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds until a child is stuck */
#define THREADS	 8

extern char **environ;
static void *volatile kept[32];

static __attribute__((noinline)) void
before(void)
{
	for (int i = 0; i < 10; i++)
		kept[i] = malloc(10000);
}

static __attribute__((noinline)) void
in_child(void)
{
	for (int i = 10; i < 15; i++)
		kept[i] = malloc(20000);
}

static __attribute__((noinline)) void
after(void)
{
	for (int i = 15; i < 17; i++)
		kept[i] = malloc(30000);
}

static void
say(const char *who)
{
	char line[64];
	int size = snprintf(line, sizeof(line), "%s %d\n", who, (int)getpid());

	if (write(1, line, (size_t)size) != size)
		_exit(9);
}

static void
wait_for_end(void)
{
	char byte;

	while (read(0, &byte, 1) == 1)
		;
}

/* The agent may be roused by calls of the program only. */
static void
be_child(void)
{
	in_child();
	say("child");
	wait_for_end();
	_exit(0);
}

static int
child_that_waits_not(void *unused)
{
	(void)unused;
	in_child();
	say("child");
	return 0;
}

/* Not all the time: the children are to run too. */
static void *
churn(void *unused)
{
	const struct timespec rest = {0, 20000};

	for (unsigned i = 1;; i++) {
		void *volatile block = malloc(100);

		free(block);
		if (i % 256 == 0)
			nanosleep(&rest, NULL);
	}
	return unused;
}

static void *
open_and_close(void *unused)
{
	for (;;) {
		void *library = dlopen("libm.so.6", RTLD_NOW);

		if (library)
			dlclose(library);
	}
	return unused;
}

static void
start(void *(*run)(void *))
{
	pthread_t id;

	if (pthread_create(&id, NULL, run, NULL))
		_exit(8);
}

static pid_t
spawn(const char *self)
{
	static char name[] = "kin", way[] = "exec";
	char *const argv[] = {name, way, NULL};
	pid_t pid = 0;

	return posix_spawn(&pid, self, NULL, NULL, argv, environ) ? -1 : pid;
}

static pid_t
leave_by_daemon(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (pid) {
		close(ready[1]);
		waitpid(pid, NULL, 0);
		return read(ready[0], &byte, 1) ? -1 : pid;
	}
	setsid();
	if (fork())
		_exit(0);
	close(ready[1]);
	be_child();
	return 0;
}

static pid_t
have_child(const char *way, const char *self)
{
	static char stack[1 << 20] __attribute__((aligned(64)));
	pid_t pid = -1;

	if (strcmp(way, "threads") == 0)
		for (int i = 0; i < THREADS; i++)
			start(churn);
	if (strcmp(way, "fork") == 0 || strcmp(way, "threads") == 0)
		pid = fork();
	if (strcmp(way, "raw-clone") == 0)
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#if __GLIBC_PREREQ(2, 34)
	if (strcmp(way, "_Fork") == 0)
		pid = _Fork();
#endif
	if (strcmp(way, "shared-clone") == 0)
		return clone(child_that_waits_not, stack + sizeof(stack),
			     CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	if (strcmp(way, "vfork") == 0) {
		pid = vfork();
		if (!pid) {
			execl(self, self, "exec", (char *)NULL);
			_exit(7);
		}
		return pid;
	}
	if (strcmp(way, "spawn") == 0)
		return spawn(self);
	if (strcmp(way, "daemon") == 0)
		return leave_by_daemon();
	if (!pid)
		be_child();
	return pid;
}

static int
bomb(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (!pid)
			be_child();
	}
	say("parent");
	wait_for_end();
	while (wait(NULL) > 0)
		;
	return 0;
}

/* Whether it ended by itself, and well. */
static int
ends(pid_t pid)
{
	struct timespec limit = {PATIENCE, 0};
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (sigtimedwait(&child, NULL, &limit) < 0 &&
		    waitpid(pid, &status, WNOHANG) == 0) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 0;
		}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int
storm(int count)
{
	int stuck = 0;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (int i = 0; i < THREADS; i++)
		start(churn);
	start(open_and_close);
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid) {
			in_child();
			_exit(kept[14] ? 0 : 1);
		}
		stuck += pid < 0 || !ends(pid);
	}
	printf("%d children, %d stuck\n", count, stuck);
	fflush(stdout);
	_exit(stuck != 0);
}

int
main(int count, char **arguments)
{
	const char *way = count > 1 ? arguments[1] : "";

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (count > 2)
		return strcmp(way, "bomb") == 0 ? bomb(atoi(arguments[2]))
						: storm(atoi(arguments[2]));
	if (strcmp(way, "exec") == 0)
		be_child();
	before();
	if (have_child(way, "/proc/self/exe") < 0)
		return 1;
	after();
	say("parent");
	wait_for_end();
	while (wait(NULL) > 0)
		;
	return 0;
}
