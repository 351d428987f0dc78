/*
 * life.c - the odd ways in which processes start, multiply and end.
 *
 *	life WHAT
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *
churn(void *forever)
{
	volatile int *go_on = forever;

	do {
		void *blocks[64];

		for (int i = 0; i < 64; i++)
			blocks[i] = malloc((size_t)i * 33);
		for (int i = 0; i < 64; i++)
			free(blocks[i]);
	} while (*go_on);
	return NULL;
}

static volatile int yes = 1, no;

static void
start_threads(int count)
{
	pthread_t thread;

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, churn, (void *)&yes))
			abort();
	churn((void *)&no);
}

/* Ends while other threads are inside malloc. */
static int
end_busy(const char *how)
{
	start_threads(4);
	if (strcmp(how, "exit") == 0)
		exit(7);
	if (strcmp(how, "_exit") == 0)
		_exit(8);
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "kill") == 0)
		raise(SIGKILL);
	return 9;
}

static void
end_of_thread(void *block)
{
	free(block);
	free(malloc(100));
}

static pthread_key_t key;

/* Allocates in the destructors of its thread's data. */
static void *
leave_data(void *unused)
{
	(void)unused;
	pthread_setspecific(key, malloc(50));
	return NULL;
}

static int
many_threads(void)
{
	if (pthread_key_create(&key, end_of_thread))
		return 1;
	for (int i = 0; i < 2000; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, leave_data, NULL) ||
		    pthread_join(thread, NULL))
			return 1;
	}
	return 0;
}

/* Takes the loader's locks again and again. */
static void *
load(void *unused)
{
	(void)unused;
	for (;;) {
		void *library = dlopen("libresolv.so.2", RTLD_NOW);

		if (!library)
			abort();
		dlclose(library);
	}
	return NULL;
}

static int
fork_many(int with_loader)
{
	pthread_t loader;
	int status;

	start_threads(4);
	if (with_loader && pthread_create(&loader, NULL, load, NULL))
		return 1;
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			churn((void *)&no);
			/* glibc's own exit may hang after such a fork. */
			if (i % 2 && !with_loader)
				exit(0);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}

__attribute__((noinline)) static void *
keep_one(void)
{
	void *volatile kept = malloc(12345);

	return kept;
}

static int
wait_for_end(void)
{
	void *kept = keep_one();
	char byte;

	printf("waits %d\n", (int)getpid());
	fflush(stdout);
	while (read(0, &byte, 1) == 1)
		;
	free(kept);
	return 0;
}

/* A child that borrows its parent's memory must not end its parent's agent. */
static int
vfork_and_end(void)
{
	static int i; /* no register: the child returns here first */
	int status;
	void *block;

	for (i = 0; i < 50; i++) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(3);
		if (pid < 0 || waitpid(pid, &status, 0) != pid ||
		    WEXITSTATUS(status) != 3)
			return 1;
	}
	block = keep_one();
	wait_for_end();
	free(block);
	return 0;
}

static int
vfork_many(char *program)
{
	char *arguments[] = {program, (char *)"nothing", NULL};
	int status;

	for (int i = 0; i < 50; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execv("/proc/self/exe", arguments);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}

/* Stays; the same process under another name. */
static int
exec_self(char *program)
{
	char *arguments[] = {program, (char *)"wait", NULL};

	for (int i = 0; i < 1000; i++)
		if (!malloc(1000))
			return 1;
	start_threads(2);
	execv("/proc/self/exe", arguments);
	return 1;
}

static volatile sig_atomic_t signals;

static void
allocate_in_handler(int number)
{
	int saved = errno;

	(void)number;
	signals++;
	free(malloc(64));
	errno = saved;
}

/* A handler that allocates is undefined, yet programs do it and live: on a
 * small alternative stack, while main does nothing but compute. */
static int
small_stack(void)
{
	static char stack[8192];
	stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = allocate_in_handler,
				   .sa_flags = SA_ONSTACK};

	free(malloc(64));
	if (sigaltstack(&alternative, NULL) != 0 ||
	    sigaction(SIGUSR1, &action, NULL) != 0)
		return 1;
	for (int i = 0; i < 1000; i++)
		raise(SIGUSR1);
	return signals != 1000;
}

static int
errno_is_kept(void)
{
	volatile size_t much = SIZE_MAX / 4;
	void *block;

	errno = 0;
	block = malloc(much);
	if (block || errno != ENOMEM)
		return 1;
	errno = 0;
	if (mmap(NULL, 0, PROT_READ, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0) !=
		MAP_FAILED ||
	    errno != EINVAL)
		return 2;
	errno = 77;
	if (posix_memalign(&block, 3, 100) != EINVAL || errno != 77)
		return 3;
	block = malloc(100);
	errno = 78;
	free(block);
	free(NULL);
	block = calloc(10, 10);
	block = realloc(block, 100000);
	free(block);
	block = mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	if (munmap(block, 4096) != 0 || errno != 78)
		return 4;
	errno = 0;
	return munmap((void *)1, 4096) == 0 || errno != EINVAL ? 5 : 0;
}

static int
close_all(void)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	churn((void *)&no);
	return 0;
}

static void *
end_last(void *unused)
{
	churn((void *)&no);
	printf("the last thread ends");
	return unused;
}

/* The main thread leaves first; libc calls exit when the last one ends. */
static int
leave_first(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_last, NULL))
		abort();
	pthread_exit(NULL);
}

static void *
fork_in_thread(void *unused)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		churn((void *)&no);
		return unused; /* the child's only thread ends here */
	}
	waitpid(child, &status, 0);
	printf("child %x\n", (unsigned)status);
	return unused;
}

static int
fork_from_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fork_in_thread, NULL))
		abort();
	pthread_join(thread, NULL);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strncmp(what, "end-", 4) == 0)
		return end_busy(what + 4);
	if (strcmp(what, "nothing") == 0)
		return 0;
	if (strcmp(what, "threads") == 0)
		return many_threads();
	if (strcmp(what, "fork") == 0)
		return fork_many(0);
	if (strcmp(what, "fork-load") == 0)
		return fork_many(1);
	if (strcmp(what, "vfork") == 0)
		return vfork_many(argv[0]);
	if (strcmp(what, "vfork-end") == 0)
		return vfork_and_end();
	if (strcmp(what, "exec") == 0)
		return exec_self(argv[0]);
	if (strcmp(what, "leave-first") == 0)
		return leave_first();
	if (strcmp(what, "fork-in-thread") == 0)
		return fork_from_thread();
	if (strcmp(what, "wait") == 0)
		return wait_for_end();
	if (strcmp(what, "small-stack") == 0)
		return small_stack();
	if (strcmp(what, "errno") == 0)
		return errno_is_kept();
	if (strcmp(what, "close-all") == 0)
		return close_all();
	return 64;
}
