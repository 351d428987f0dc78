/*
 * stacks.c - allocates on every kind of stack and at every instruction of code
 * that is hard to walk over. Says "done" at its end; what it allocates lives
 * no longer than it takes.
 *
 * usage: stacks [STEPS]          at most so many single steps of each kind
 *        stacks STEPS switches   only what leaves its stack: no description of
 *                                that code is right at every instruction
 */
#include "config.h"

#include <alloca.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define TRAP	 0x100 /* the flag that traps after each instruction */

static volatile sig_atomic_t steps_left;
static _Thread_local volatile sig_atomic_t
    busy; /* malloc must not be called in malloc */
static volatile int sink;
static long steps_max = 20000;

static NOINLINE void
allocate(size_t size)
{
	char *volatile block;

	if (busy)
		return;
	busy = 1;
	block = malloc(size);
	if (!block)
		abort();
	block[0] = 1;
	block = realloc(block, size * 2);
	free(block);
	busy = 0;
}

/* --- every instruction ------------------------------------------------------
 */

static void
handle_step(int number, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;
	int saved = errno;

	(void)number;
	(void)info;
	if (steps_left > 0 && --steps_left > 0)
		allocate(40);
	else
		interrupted->uc_mcontext.gregs[REG_EFL] &= ~TRAP;
	errno = saved;
}

static inline __attribute__((always_inline)) void
trap(bool on)
{
	unsigned long long flags = __builtin_ia32_readeflags_u64();

	__builtin_ia32_writeeflags_u64(on ? flags | TRAP : flags & ~0x100ull);
}

static NOINLINE void
step_through(void (*call)(void))
{
	steps_left = (sig_atomic_t)steps_max;
	trap(true);
	call();
	trap(false);
	steps_left = 0;
}

static void
call_lazily(void)
{
	sink = (int)imaxabs(-3) + (int)strtoumax("12", NULL, 10);
}

static void
call_vdso(void)
{
	struct timespec now;
	struct timeval then;

	clock_gettime(CLOCK_MONOTONIC, &now);
	gettimeofday(&then, NULL);
	sink = (int)(now.tv_nsec + then.tv_usec + time(NULL));
}

static int
compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void
call_libc(void)
{
	int numbers[] = {5, 2, 8, 1, 9};
	char text[100];

	qsort(numbers, 5, sizeof(*numbers), compare);
	snprintf(text, sizeof(text), "%d %s %.3f", numbers[0], "abc", 1.5);
	sink = (int)strlen(strerror(ENOENT)) + text[0];
}

static NOINLINE void
use_room(int count)
{
	char *room = alloca((size_t)count);

	memset(room, 1, (size_t)count);
	allocate((size_t)room[count - 1] * 50);
}

static NOINLINE __attribute__((cold)) void
unlikely(const char *room)
{
	allocate((size_t)room[0] + 60);
}

static NOINLINE __attribute__((force_align_arg_pointer)) int
realigned(int count)
{
	char room[64] __attribute__((aligned(64)));
	char *more = alloca((size_t)count);

	memset(room, count, sizeof(room));
	memset(more, count, (size_t)count);
	if (__builtin_expect(count > 50, 0))
		unlikely(more);
	use_room(count);
	return room[3] + more[0];
}

static void
call_frames(void)
{
	sink = realigned(30) + realigned(60);
}

static jmp_buf out;

static NOINLINE void
leave(int depth)
{
	sink = depth;
	if (sink == 0)
		longjmp(out, 1);
	if (sink > 0)
		leave(depth - 1);
	sink = depth;
}

static void
call_longjmp(void)
{
	if (!setjmp(out))
		leave(5);
}

static ucontext_t here, there;

static void
run_there(void)
{
	allocate(33);
	swapcontext(&there, &here);
}

static void
call_swapcontext(void)
{
	static char stack[65536];

	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = &here;
	makecontext(&there, run_there, 0);
	swapcontext(&here, &there);
	swapcontext(&here, &there);
}

static void
step_all(void (*const *calls)(void))
{
	struct sigaction action = {.sa_sigaction = handle_step,
				   .sa_flags = SA_SIGINFO | SA_NODEFER};
	stack_t stack = {.ss_size = 65536, .ss_sp = malloc(65536)};

	for (unsigned round = 0; round < 2; round++) {
		sigaction(SIGTRAP, &action, NULL);
		for (unsigned i = 0; calls[i]; i++)
			step_through(calls[i]);
		sigaltstack(&stack, NULL);
		action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	}
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
	signal(SIGTRAP, SIG_DFL);
}

/* --- stacks -----------------------------------------------------------------
 */

static NOINLINE void
deep(int depth, size_t room_size)
{
	char *room = alloca(room_size);

	memset(room, depth, room_size);
	if (depth % 8 == 0)
		allocate(room_size + 16);
	if (depth > 0)
		deep(depth - 1, room_size);
	sink = room[0];
}

#define COROUTINES 20

static ucontext_t back, coroutines[COROUTINES];

static void
run_coroutine(int number)
{
	for (int i = 0; i < 10; i++) {
		deep(number % 7, 100);
		swapcontext(&coroutines[number], &back);
	}
}

/* Stacks from the heap and of their own pages, given back and used again. */
static void
run_coroutines(size_t size)
{
	void *stacks[COROUTINES];

	for (int i = 0; i < COROUTINES; i++) {
		stacks[i] = i % 2 ? malloc(size)
				  : mmap(NULL, size, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		getcontext(&coroutines[i]);
		coroutines[i].uc_stack.ss_sp = stacks[i];
		coroutines[i].uc_stack.ss_size = size;
		coroutines[i].uc_link = &back;
		makecontext(&coroutines[i], (void (*)(void))run_coroutine, 1,
			    i);
	}
	for (int round = 0; round < 11; round++)
		for (int i = 0; i < COROUTINES; i++)
			swapcontext(&back, &coroutines[i]);
	for (int i = 0; i < COROUTINES; i++) {
		if (i % 2)
			free(stacks[i]);
		else
			munmap(stacks[i], size);
	}
}

static void *
run_thread(void *arg)
{
	deep(*(int *)arg, 64);
	return NULL;
}

static void
run_threads(size_t stack_size, int depth)
{
	pthread_attr_t attributes;
	pthread_t threads[4];

	pthread_attr_init(&attributes);
	if (stack_size)
		pthread_attr_setstacksize(&attributes, stack_size);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], &attributes, run_thread, &depth);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attributes);
}

static void
handle_timer(int number)
{
	(void)number;
	allocate(100);
}

/* Interrupted anywhere. */
static void
run_interrupted(int flags)
{
	struct sigaction action = {.sa_handler = handle_timer,
				   .sa_flags = SA_RESTART | flags};
	struct itimerval interval = {{0, 500}, {0, 500}};
	stack_t stack = {.ss_size = 65536, .ss_sp = malloc(65536)};

	sigaltstack(&stack, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &interval, NULL);
	for (int i = 0; i < 300; i++)
		deep(i % 50, 32);
	memset(&interval, 0, sizeof(interval));
	setitimer(ITIMER_REAL, &interval, NULL);
	signal(SIGALRM, SIG_IGN);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
}

/* Allocates in what vfork calls its child, on the parent's stack. */
static NOINLINE void
run_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		allocate(77);
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

int
main(int argc, char **argv)
{
	static void (*const calls[])(void) = {call_lazily, call_vdso, call_libc,
					      call_frames, NULL};
	static void (*const switches[])(void) = {call_longjmp, call_swapcontext,
						 NULL};

	if (argc > 1)
		steps_max = atol(argv[1]);
	step_all(argc > 2 ? switches : calls);
	if (argc > 2) {
		puts("done");
		return 0;
	}
	deep(2000, 2000);
	run_coroutines(32768);
	run_coroutines(65536);
	run_threads(16384, 20);
	run_threads(0, 2000);
	run_interrupted(0);
	run_interrupted(SA_ONSTACK);
	run_vfork();
	puts("done");
	return 0;
}
