/*
 * ticker_thread.c - how the ticker's thread begins, ends and begins again.
 *
 * Context: see the header.
 */
#include "config.h"

#include "agent/ticker_thread.h"

#include <errno.h>
#include <linux/close_range.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/alone.h"
#include "agent/arch/arch.h"
#include "agent/lookup.h"
#include "agent/safe.h"
#include "agent/tls.h"

#define STACK_EXTRA (128u << 10)
/* How far into a thread's descriptor its number may be. */
#define DESCRIPTOR 1024
#define LOOK_NS	   2000000
/* libc's own: by these it makes each thread change its user. */
#define INTERNAL_SIGNALS (UINT64_C(3) << 31)
#define LIKE_A_THREAD                                                       \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	 CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |               \
	 CLONE_CHILD_CLEARTID)

static struct {
	bool (*run)(void);
	uint64_t maker; /* the descriptor of the thread that made it */
	uint32_t maker_id;
	/* Of the thread itself, once it has run. */
	bool ran;
	uint64_t descriptor;
	void *stack;
	uint32_t id;
	uint32_t *id_word; /* libc's, which the kernel may clear at its end */
	long keep;	   /* descriptor */
	long kept;
	uint32_t apart; /* futex: 1 it has its own table */
} thread;

/* In a child of fork a sanitizer's may wait for ever for a lock that another
 * thread of its parent held. NULL: none is known. */
static __typeof__(pthread_create) *libc_create;

static uint32_t
own_id(void)
{
	return (uint32_t)safe_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

/* Where in its descriptor libc keeps a thread's number is its own affair: it is
 * where two threads have theirs. */
static uint32_t *
find_id_word(void)
{
	const uint32_t *maker = (const uint32_t *)thread.maker;
	uint32_t *own = (uint32_t *)thread.descriptor;

	for (size_t i = 0; i < DESCRIPTOR / sizeof(*own); i++)
		if (own[i] == thread.id && maker[i] == thread.maker_id)
			return &own[i];
	return NULL;
}

/* A descriptor table of its own, empty but for what it is to keep: what is
 * opened here can be neither seen, closed nor replaced by the program. Linux
 * 5.9. */
static void
leave_table(void)
{
	long keep = thread.keep;
	long last = keep ? keep - 1 : -1;

	thread.kept = 0;
	if (!safe_failed(safe_syscall(__NR_close_range, 0, (unsigned)last,
				      CLOSE_RANGE_UNSHARE, 0, 0, 0)) &&
	    keep) {
		safe_syscall(__NR_close_range, keep + 1, ~0u, 0, 0, 0, 0);
		thread.kept = keep;
	}
	__atomic_store_n(&thread.apart, 1, __ATOMIC_RELEASE);
	safe_syscall(SYS_futex, (long)&thread.apart, FUTEX_WAKE, INT_MAX, 0, 0,
		     0);
}

/* libc, which does not count this thread or is to find it there when it comes
 * back, must not see it end. */
static void
live(void)
{
	bool again;

	thread_tls.guard = GUARD_FOREVER;
	safe_syscall(SYS_prctl, PR_SET_NAME, (long)"heaptop", 0, 0, 0, 0);
	leave_table();
	again = thread.run();
	if (again || alone_is_uncounted())
		safe_syscall(SYS_exit, alone_exit_status(), 0, 0, 0, 0, 0);
	thread.id_word = NULL; /* its stack and its descriptor are libc's */
}

static void *
live_first(void *unused)
{
	thread.descriptor = arch_thread_pointer();
	thread.id = own_id();
	thread.stack = (void *)((uint64_t)__builtin_frame_address(0) & -64ul);
	thread.id_word = find_id_word();
	__atomic_store_n(&thread.ran, true, __ATOMIC_RELEASE);
	live();
	return unused;
}

static void
live_again(void)
{
	live();
	safe_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
}

/* With every signal blocked: the program's handlers are for its own threads. */
static int
thread_create(pthread_attr_t *attributes, bool forked)
{
	__typeof__(pthread_create) *create =
	    forked && libc_create ? libc_create : pthread_create;
	sigset_t all;
	sigset_t old;
	pthread_t id;
	int failed;

	alone_before_thread();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = create(&id, attributes, live_first, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	alone_after_thread(!failed);
	return failed;
}

/* The C library takes thread-local storage out of the stack: a program that
 * has much of it needs a stack of the usual size. */
bool
ticker_thread_start(bool (*run)(void), bool forked)
{
	size_t small = (size_t)sysconf(_SC_THREAD_STACK_MIN) + STACK_EXTRA;
	pthread_attr_t attributes;
	size_t usual;
	int failed;

	if (!forked)
		*(void **)&libc_create = lookup_libc("pthread_create");
	thread.run = run;
	thread.maker = arch_thread_pointer();
	thread.maker_id = own_id();
	thread.ran = false;
	thread.id_word = NULL;
	if (pthread_attr_init(&attributes))
		return false;
	pthread_attr_getstacksize(&attributes, &usual);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, small);
	failed = thread_create(&attributes, forked);
	if (failed) {
		pthread_attr_setstacksize(&attributes, usual);
		failed = thread_create(&attributes, forked);
	}
	pthread_attr_destroy(&attributes);
	return !failed;
}

static void
set_mask(const uint64_t *mask, uint64_t *old)
{
	safe_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, (long)old,
		     sizeof(*mask), 0, 0);
}

bool
ticker_thread_again(void)
{
	uint64_t all = ~INTERNAL_SIGNALS;
	uint64_t old;
	long id;

	if (!thread.id_word)
		return false;
	__atomic_store_n(&thread.apart, 0, __ATOMIC_RELEASE);
	set_mask(&all, &old);
	id = arch_clone(LIKE_A_THREAD, thread.stack, thread.id_word,
			thread.descriptor, live_again);
	set_mask(&old, NULL);
	if (safe_failed(id))
		return false;
	thread.id = (uint32_t)id;
	alone_thread_again();
	return true;
}

/* Asked of the kernel: libc's word is cleared a moment before the thread stops
 * being counted, and in newer ones (seen in glibc 2.43) another word is. */
static bool
is_there(void)
{
	long process = safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);

	return safe_syscall(SYS_tgkill, process, (long)thread.id, 0, 0, 0, 0) !=
	       -ESRCH;
}

/* Wakes now and then: the word may have been cleared before. */
static void
wait_a_moment(void)
{
	static const struct timespec look = {0, LOOK_NS};
	uint32_t id = __atomic_load_n(thread.id_word, __ATOMIC_ACQUIRE);

	if (id)
		safe_syscall(SYS_futex, (long)thread.id_word, FUTEX_WAIT, id,
			     (long)&look, 0, 0);
	else
		safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

void
ticker_thread_keep(long descriptor)
{
	thread.keep = descriptor;
}

long
ticker_thread_kept(void)
{
	return thread.kept;
}

bool
ticker_thread_is_apart(uint64_t ns)
{
	static const struct timespec look = {0, LOOK_NS};
	uint64_t end = safe_clock_ns(CLOCK_MONOTONIC) + ns;

	while (!__atomic_load_n(&thread.apart, __ATOMIC_ACQUIRE)) {
		if (safe_clock_ns(CLOCK_MONOTONIC) > end)
			return false;
		safe_syscall(SYS_futex, (long)&thread.apart, FUTEX_WAIT, 0,
			     (long)&look, 0, 0);
	}
	return true;
}

bool
ticker_thread_wait_end(uint64_t ns)
{
	uint64_t end = ns ? safe_clock_ns(CLOCK_MONOTONIC) + ns : 0;

	while (is_there()) {
		if (!end || safe_clock_ns(CLOCK_MONOTONIC) > end)
			return false;
		wait_a_moment();
	}
	return true;
}

bool
ticker_thread_can_again(uint64_t ns)
{
	uint64_t end = safe_clock_ns(CLOCK_MONOTONIC) + ns;

	while (!__atomic_load_n(&thread.ran, __ATOMIC_ACQUIRE) &&
	       safe_clock_ns(CLOCK_MONOTONIC) < end)
		safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	return thread.id_word != NULL;
}
