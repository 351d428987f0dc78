/*
 * signals.c - signals at any instant of an allocation. Behind the agent stands
 * an allocator that allows it (bump.c).
 */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include "case.h"

KEEPER(handled)
KEEPER(kept)

static volatile int over;
static volatile sig_atomic_t seen;
static pthread_t target;

static void
handle(int number)
{
	(void)number;
	handled(24);
	seen++;
}

/* So many signals, each once the last was handled. */
static void *
send(void *count)
{
	for (intptr_t i = 0; i < (intptr_t)count; i++) {
		pthread_kill(target, SIGUSR1);
		while (seen == i)
			__builtin_ia32_pause();
	}
	over = 1;
	return NULL;
}

static int
with_signals(void (*handler)(int), intptr_t count)
{
	struct sigaction action = {.sa_handler = handler,
				   .sa_flags = SA_NODEFER | SA_ONSTACK};

	target = pthread_self();
	sigaction(SIGUSR1, &action, NULL);
	return pthread_create(&(pthread_t){0}, NULL, send, (void *)count);
}

/* Handlers that allocate, in a thread that does nothing else. */
static int
run_in_handler(void)
{
	if (with_signals(handle, 20000))
		return 1;
	while (!over) {
		void *volatile block = malloc(40);

		free(block);
	}
	for (int i = 0; i < 1000; i++)
		kept(48);
	return 0;
}

static sigjmp_buf back;

static void
leave(int number)
{
	handle(number);
	siglongjmp(back, 1);
}

/* Handlers that never come back, out of the midst of an allocation. */
static int
run_jump(void)
{
	volatile int begun = 0;

	sigsetjmp(back, 1);
	if (!begun++ && with_signals(leave, 10000))
		return 1;
	while (!over) {
		void *volatile block = malloc(40);

		free(block);
	}
	/* From where the last jump was, too. */
	free(malloc(40));
	for (int i = 0; i < 1000; i++)
		kept(48);
	return 0;
}

static void
leave_at_once(void)
{
	siglongjmp(back, 1);
}

static NOINLINE void
keep_further_in(int count)
{
	for (int i = 0; i < count; i++)
		kept(48);
}

/* An allocation is left in its midst; then there are some from further in on
 * the stack, and one from as far out. */
static int
run_left(void)
{
	void (**inside)(void);

	*(void **)&inside = dlsym(RTLD_DEFAULT, "bump_inside");
	if (!inside)
		return 1;
	if (!sigsetjmp(back, 1)) {
		*inside = leave_at_once;
		free(malloc(40));
		return 2;
	}
	keep_further_in(1000);
	free(malloc(40));
	keep_further_in(1000);
	return 0;
}

/* One thread waits for what is sent to the process: no other may take it. */
static int
run_waited_for(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 2000; i++) {
		kill(getpid(), SIGUSR2);
		if (sigwait(&set, &number) || number != SIGUSR2)
			return 1;
		kept(10);
	}
	return 0;
}

static void
clean_up(void *block)
{
	free(block);
	kept(200);
}

static void *
be_cancelled(void *ready)
{
	void *block = malloc(100);

	pthread_cleanup_push(clean_up, block);
	__atomic_store_n((int *)ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		void *volatile other = malloc(30);

		free(other);
		pthread_testcancel();
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static int
run_cancelled(void)
{
	for (int i = 0; i < 300; i++) {
		pthread_t thread;
		void *result;
		int ready = 0;

		if (pthread_create(&thread, NULL, be_cancelled, &ready))
			return 1;
		while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
			sched_yield();
		pthread_cancel(thread);
		if (pthread_join(thread, &result) || result != PTHREAD_CANCELED)
			return 2;
	}
	return 0;
}

static const struct fault_case cases[] = {
    {"in-handler", run_in_handler},
    {"jump", run_jump},
    {"left", run_left},
    {"waited-for", run_waited_for},
    {"cancelled", run_cancelled},
    {NULL, NULL},
};

int
main(int argc, char **argv)
{
	return case_run(argc, argv, cases);
}
