/*
 * stress.c - a program that does to the heap, under the agent, whatever
 * programs do, at random, in many threads, and keeps books of its own. At the
 * end it asks the agent for its totals and compares both, call site by call
 * site: they must be equal to the byte.
 *
 *	LD_PRELOAD=heaptop-agent.so HEAPTOP_DIR=... stress [SECONDS [SEED]]
 *
 * What is done in signal handlers that may interrupt a hook is
 * counted at most once, and never more.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "stress_books.h"

#define THREADS	 8
#define SLOTS	 4096
#define PAGE	 4096ul
#define ALTSTACK (64 << 10) /* two frames can nest: siglongjmp unblocks first \
			     */

/* A block somebody holds; blocks wander from thread to thread. */
struct held {
	uint32_t busy;
	int id;
	void *block;
	size_t size;
};
static struct held slots[SLOTS];
static volatile bool over;

static struct held *
slot_lock(uint64_t *seed)
{
	for (;;) {
		struct held *held = &slots[random_below(seed, SLOTS)];

		if (!__atomic_exchange_n(&held->busy, 1, __ATOMIC_ACQUIRE))
			return held;
	}
}

static void
slot_unlock(struct held *held)
{
	__atomic_store_n(&held->busy, 0, __ATOMIC_RELEASE);
}

static void
held_free(struct held *held)
{
	if (!held->block)
		return;
	if (is_map(held->id))
		munmap(held->block, held->size);
	else
		free(held->block);
	book_free(held->id, held->size, 1);
	held->block = NULL;
}

static void
held_fill(struct held *held, int id, size_t size)
{
	held_free(held);
	held->block = sites[id].call(NULL, 0, size);
	held->id = id;
	held->size = size;
	if (held->block)
		book_alloc(id, size);
}

static void
held_realloc(struct held *held, int id, size_t size)
{
	void *block;

	if (held->block && is_map(held->id))
		held_free(held);
	block = sites[id].call(held->block, held->size, size);
	if (!block && size)
		return;
	if (held->block)
		book_free(held->id, held->size, 1);
	if (block)
		book_alloc(id, size);
	held->block = block;
	held->id = id;
	held->size = size;
}

static void
held_remap(struct held *held, size_t size)
{
	void *block;

	if (!held->block || !is_map(held->id))
		return;
	block = sites[ID_remap_a].call(held->block, held->size, size);
	if (!block)
		return;
	book_free(held->id, held->size, 1);
	book_alloc(ID_remap_a, size);
	held->block = block;
	held->id = ID_remap_a;
	held->size = size;
}

/* Gives some pages of a mapping back: at an end, or out of the middle. */
static void
held_trim(struct held *held, uint64_t *seed)
{
	size_t pages = held->size / PAGE;
	char *block = held->block;

	if (!held->block || !is_map(held->id) || pages < 3)
		return;
	if (random_below(seed, 2)) {
		munmap(block, PAGE);
		held->block = block + PAGE;
		book_free(held->id, PAGE, 0);
	} else {
		munmap(block + PAGE, (pages - 2) * PAGE);
		munmap(block, PAGE);
		held->block = block + (pages - 1) * PAGE;
		book_free(held->id, (pages - 1) * PAGE, 0);
		held->size = PAGE;
		return;
	}
	held->size -= PAGE;
}

static size_t
random_size(uint64_t *seed)
{
	switch (random_below(seed, 20)) {
	case 0:
		return 0;
	case 1:
		return 1 + random_below(seed, 300000);
	case 2:
		return 1 + random_below(seed, 8);
	default:
		return 1 + random_below(seed, 2000);
	}
}

/* What cannot succeed changes nothing. */
static void
fail_to_allocate(struct held *held)
{
	volatile size_t huge = (size_t)PTRDIFF_MAX - 5000;

	if (malloc(huge) || calloc(huge, 3))
		abort();
	if (held->block && !is_map(held->id) && realloc(held->block, huge))
		abort();
	if (!held->block || !is_map(held->id))
		return;
	if (mremap(held->block, held->size, huge, 0) != MAP_FAILED)
		abort();
	/* The agent lets go before it knows, and takes it back. */
	book_free(held->id, held->size, 1);
	book_alloc(held->id, held->size);
}

static __thread sigjmp_buf jump;
static __thread uint64_t dice; /* handlers throw it too */

/* Raised by the thread itself, so outside of malloc; on a small stack. */
static void
on_raise(int signal)
{
	struct held *held = slot_lock(&dice);
	int id = signal == SIGUSR1 ? ID_handler_a : ID_handler_b;

	held_fill(held, id, random_size(&dice));
	slot_unlock(held);
	if (signal == SIGUSR2)
		siglongjmp(jump, 1);
}

/* At any time, also inside a hook: what it maps may go uncounted. */
static void
on_alarm(int signal)
{
	int saved = errno;
	void *block = sites[ID_interrupting_a].call(NULL, 0, PAGE);

	(void)signal;
	book_alloc(ID_interrupting_a, PAGE);
	if (block)
		munmap(block, PAGE);
	errno = saved;
}

static void
fork_and_allocate(uint64_t *seed)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		alarm(200);
		for (int i = 0; i < 100; i++)
			free(malloc(random_below(seed, 1000)));
		/* Not exit: another thread may have been in dlclose, and glibc
		 * does not free that lock in a child. */
		_exit(7);
	}
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
			WEXITSTATUS(status) != 7)) {
		printf("Bail out! a child ended with status %x\n", status);
		fflush(stdout);
		_exit(1);
	}
}

static void
load_and_unload(void)
{
	void *library = dlopen("libm.so.6", RTLD_NOW);
	double (*cosine)(double);

	if (!library)
		return;
	*(void **)&cosine = dlsym(library, "cos");
	if (cosine && cosine(0) != 1)
		abort();
	dlclose(library);
}

static void *
short_life(void *seed)
{
	struct held *held = slot_lock(seed);

	held_fill(held, ID_exiting_a, 100);
	slot_unlock(held);
	return NULL;
}

static void
step(uint64_t *seed)
{
	struct held *held;
	pthread_t id;

	switch (random_below(seed, 2000)) {
	case 0:
		fork_and_allocate(seed);
		return;
	case 1:
		load_and_unload();
		return;
	case 2:
	case 3: {
		uint64_t other = random_next(seed) | 1;

		if (!pthread_create(&id, NULL, short_life, &other))
			pthread_join(id, NULL);
		return;
	}
	case 4:
	case 5:
	case 6:
		raise(SIGUSR1);
		return;
	case 7:
	case 8:
	case 9:
		if (!sigsetjmp(jump, 1))
			raise(SIGUSR2);
		return;
	default:
		break;
	}
	held = slot_lock(seed);
	switch (random_below(seed, 32)) {
	case 0:
		held_realloc(held, ID_realloc_a, 0);
		break;
	case 1:
		fail_to_allocate(held);
		break;
	case 2:
		held_fill(held, ID_map_a, PAGE * (1 + random_below(seed, 9)));
		break;
	case 3:
		held_fill(held, ID_map_b, PAGE * (1 + random_below(seed, 9)));
		break;
	case 4:
		held_remap(held, PAGE * (1 + random_below(seed, 20)));
		break;
	case 5:
		held_trim(held, seed);
		break;
	case 6:
	case 7:
	case 8:
		held_realloc(held, ID_realloc_a + (int)random_below(seed, 2),
			     1 + random_size(seed));
		break;
	default:
		if (random_below(seed, 3))
			held_fill(held, (int)random_below(seed, ID_realloc_a),
				  random_size(seed));
		else
			held_free(held);
	}
	slot_unlock(held);
}

static void *
thread_main(void *number)
{
	stack_t stack = {.ss_size = ALTSTACK};

	stack.ss_sp = mmap(NULL, ALTSTACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dice = (uint64_t)(uintptr_t)number * 7919 + 1;
	if (random_below(&dice, 2))
		sigaltstack(&stack, NULL);

	while (!over)
		step(&dice);
	return NULL;
}

static void
set_handlers(void)
{
	struct sigaction action = {.sa_handler = on_raise,
				   .sa_flags = SA_ONSTACK};
	struct itimerval timer = {{0, 700}, {0, 700}};

	/* The small stack has room for one signal at a time. */
	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	action.sa_handler = on_alarm;
	action.sa_flags |= SA_RESTART;
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &timer, NULL);
}

static void
clear_handlers(void)
{
	const struct itimerval none = {0};

	setitimer(ITIMER_PROF, &none, NULL);
}

static void
run_threads(unsigned seconds, uint64_t seed)
{
	pthread_t threads[THREADS];
	struct timespec now;
	time_t end;

	set_handlers();
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread_main,
			       (void *)(seed * 100 + i));
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (end = now.tv_sec + seconds; now.tv_sec < end;) {
		const struct timespec step_ = {0, 100000000};

		pselect(0, NULL, NULL, NULL, &step_, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	over = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	clear_handlers();
}

/* One thread: then a child's books are its parent's, and its own behind. */
static bool
run_alone(uint64_t seed)
{
	int status = 0;
	pid_t pid;

	for (int i = 0; i < 2000; i++) {
		struct held *held = slot_lock(&seed);

		held_fill(held, (int)random_below(&seed, ID_realloc_a),
			  random_size(&seed));
		slot_unlock(held);
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 2000; i++) {
			struct held *held = slot_lock(&seed);

			held_realloc(held, ID_realloc_b,
				     1 + random_size(&seed));
			slot_unlock(held);
		}
		if (!freopen("/dev/null", "w", stdout))
			_exit(3);
		exit(compare("in a child") ? 0 : 2);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	bool good;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	good = point(run_alone(seed), "a child", "its totals are exact");
	good &= compare("one thread");
	run_threads(seconds, seed);
	good &= compare("all threads");
	for (int i = 0; i < SLOTS; i++)
		held_free(&slots[i]);
	good &= compare("all freed");
	plan();
	return good ? 0 : 1;
}
