/*
 * thread.c - what the agent keeps for each thread.
 *
 * A struct's `tenant` says whose it is, and whoever changes it owns what comes
 * with it:
 *
 *	0		nobody's: among the spare ones
 *	process, id	a thread's, by gettid; process counts the forks
 *	process, ~0	the ticker's, which folds what a thread has left
 *
 * Slots only help to find a struct by its owner soon; a struct that is in none
 * of them is found to be without a thread sooner or later.
 *
 * Context: hook; threads_tend: ticker.
 */
#include "config.h"

#include "agent/thread.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/arch/arch.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/spare.h"

#define SLOTS	   65536
#define PROBES	   64
#define PAGE	   4096
#define TENDED	   64 /* structs looked at in a tick */
#define MEASURED   4  /* of these */
#define HOLD_TURNS 1000
#define TICKER	   UINT64_C(0xffffffff)

static struct {
	struct thread **slots; /* by owner, open addressing */
	struct thread *first;
	uint32_t count;
	uint32_t process; /* how many forks lie between it and the first */
	struct spare spare;
	struct thread *tended; /* ticker: the next to be looked at */
	uint64_t resident;
	uint32_t held; /* by so many; then nothing is folded */
	uint32_t folding;
} threads;

__thread struct thread_tls thread_tls = {.rate = SAMPLE_RATE_SLOW};

struct thread *
threads_first(void)
{
	return __atomic_load_n(&threads.first, __ATOMIC_ACQUIRE);
}

uint32_t
threads_count(void)
{
	return __atomic_load_n(&threads.count, __ATOMIC_RELAXED);
}

uint64_t
threads_resident(void)
{
	return threads.resident;
}

static struct thread **
slots_get(void)
{
	struct thread **slots =
	    __atomic_load_n(&threads.slots, __ATOMIC_ACQUIRE);
	struct thread **expected = NULL;

	if (slots)
		return slots;
	slots = safe_reserve(SLOTS * sizeof(*slots));
	if (!slots)
		return NULL;
	if (__atomic_compare_exchange_n(&threads.slots, &expected, slots, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return slots;
	safe_unreserve(slots, SLOTS * sizeof(*slots));
	return expected;
}

static struct thread **
slot_of(struct thread **slots, uint64_t owner, unsigned probe)
{
	uint64_t at = (owner >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> 48;

	return &slots[(at + probe) % SLOTS];
}

static uint64_t
tenant_of(uint64_t id)
{
	return (uint64_t)threads.process << 32 | id;
}

static uint64_t
tenant_self(void)
{
	return tenant_of((uint32_t)safe_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0));
}

static bool
tenant_replace(struct thread *thread, uint64_t old, uint64_t fresh)
{
	return __atomic_compare_exchange_n(&thread->tenant, &old, fresh, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* A thread before this one had the same descriptor: it is gone. */
static struct thread *
thread_inherit(struct thread **slots, uint64_t owner, uint64_t self)
{
	for (unsigned probe = 0; probe < PROBES; probe++) {
		struct thread *known = __atomic_load_n(
		    slot_of(slots, owner, probe), __ATOMIC_ACQUIRE);
		uint64_t tenant;

		if (!known)
			continue;
		tenant = __atomic_load_n(&known->tenant, __ATOMIC_ACQUIRE);
		if (known->owner == owner && tenant &&
		    (uint32_t)tenant != TICKER &&
		    tenant_replace(known, tenant, self))
			return known;
	}
	return NULL;
}

static struct thread *
thread_make(void)
{
	struct thread *thread = safe_reserve(sizeof(*thread));

	if (!thread)
		return NULL;
	/* Touched here and there: a huge page would be touched whole. */
	safe_syscall(SYS_madvise, (long)thread, sizeof(*thread),
		     MADV_NOHUGEPAGE, 0, 0, 0);
	thread->next = threads_first();
	while (!__atomic_compare_exchange_n(&threads.first, &thread->next,
					    thread, true, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
	__atomic_fetch_add(&threads.count, 1, __ATOMIC_RELAXED);
	return thread;
}

static void
slot_take(struct thread **slots, struct thread *thread)
{
	for (unsigned probe = 0; probe < PROBES; probe++) {
		struct thread *none = NULL;

		if (__atomic_compare_exchange_n(
			slot_of(slots, thread->owner, probe), &none, thread,
			false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return;
	}
}

static struct thread *
thread_find(uint64_t owner)
{
	struct thread **slots = slots_get();
	uint64_t self = tenant_self();
	struct thread *thread;

	if (!slots)
		return NULL;
	thread = thread_inherit(slots, owner, self);
	if (thread)
		return thread;
	thread = spare_take(&threads.spare);
	if (!thread)
		thread = thread_make();
	if (!thread)
		return NULL;
	__atomic_store_n(&thread->owner, owner, __ATOMIC_RELAXED);
	__atomic_store_n(&thread->tenant, self, __ATOMIC_RELEASE);
	slot_take(slots, thread);
	return thread;
}

struct thread *
thread_self(void)
{
	struct thread *thread = thread_tls.thread;

	if (thread)
		return thread;
	thread = thread_find(arch_thread_pointer());
	if (!thread) {
		record_lost(WIRE_LOST_THREADS_FULL, 1);
		return NULL;
	}
	thread->bounds = (struct unwind_bounds){0};
	thread->py_kept.current = NULL; /* was another thread's */
	thread_tls.thread = thread;
	return thread;
}

static void
slot_leave(struct thread *thread)
{
	for (unsigned probe = 0; probe < PROBES; probe++) {
		struct thread **slot =
		    slot_of(threads.slots, thread->owner, probe);

		if (__atomic_load_n(slot, __ATOMIC_RELAXED) == thread)
			__atomic_store_n(slot, NULL, __ATOMIC_RELEASE);
	}
}

/* tkill, not tgkill: a process made by clone may share this memory. */
static bool
is_gone(uint64_t tenant)
{
	return tenant >> 32 != threads.process ||
	       ((uint32_t)tenant != TICKER &&
		safe_syscall(SYS_tkill, (long)(uint32_t)tenant, 0, 0, 0, 0,
			     0) == -ESRCH);
}

/* All but what names it is given back. */
static void
thread_empty(struct thread *thread)
{
	size_t head = offsetof(struct thread, sampler);

	memset((char *)thread + head, 0, PAGE - head);
	safe_syscall(SYS_madvise, (long)thread + PAGE,
		     (long)(sizeof(*thread) - PAGE), MADV_DONTNEED, 0, 0, 0);
}

/* A fork in the middle would leave the child with half of it. */
static bool
fold(struct thread *thread)
{
	bool done = false;

	__atomic_store_n(&threads.folding, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&threads.held, __ATOMIC_SEQ_CST))
		done = counts_fold(&thread->counts);
	if (done)
		thread_empty(thread);
	__atomic_store_n(&threads.folding, 0, __ATOMIC_RELEASE);
	return done;
}

static void
thread_reclaim(struct thread *thread, uint64_t tenant)
{
	if (!tenant_replace(thread, tenant, tenant_of(TICKER)))
		return;
	slot_leave(thread);
	if (!fold(thread)) {
		/* Next time. */
		__atomic_store_n(&thread->tenant, tenant, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&thread->tenant, 0, __ATOMIC_RELEASE);
	spare_put(&threads.spare, thread);
}

static void
thread_measure(struct thread *thread)
{
	unsigned char pages[sizeof(*thread) / PAGE + 1];
	uint64_t bytes = 0;

	if (safe_syscall(SYS_mincore, (long)thread, sizeof(*thread),
			 (long)pages, 0, 0, 0))
		return;
	for (size_t i = 0; i * PAGE < sizeof(*thread); i++)
		bytes += pages[i] & 1 ? PAGE : 0;
	threads.resident += bytes - thread->resident;
	thread->resident = bytes;
}

void
threads_tend(void)
{
	struct thread *thread = threads.tended;

	for (int i = 0; i < TENDED; i++) {
		uint64_t tenant;

		if (!thread)
			break;
		tenant = __atomic_load_n(&thread->tenant, __ATOMIC_ACQUIRE);
		if (tenant && is_gone(tenant))
			thread_reclaim(thread, tenant);
		if (i < MEASURED ||
		    !__atomic_load_n(&thread->tenant, __ATOMIC_RELAXED))
			thread_measure(thread);
		thread = thread->next;
	}
	threads.tended = thread ? thread : threads_first();
}

void
threads_hold(void)
{
	__atomic_fetch_add(&threads.held, 1, __ATOMIC_SEQ_CST);
	/* A struct is folded in microseconds; but wait for nobody for ever. */
	for (int i = 0; i < HOLD_TURNS &&
			__atomic_load_n(&threads.folding, __ATOMIC_ACQUIRE);
	     i++)
		safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

bool
threads_try_hold(void)
{
	__atomic_fetch_add(&threads.held, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&threads.folding, __ATOMIC_SEQ_CST))
		return true;
	threads_release();
	return false;
}

void
threads_release(void)
{
	__atomic_fetch_sub(&threads.held, 1, __ATOMIC_RELEASE);
}

/* Of all threads the child has only this one. */
void
threads_forked(void)
{
	threads.held = 0;
	threads.folding = 0;
	threads.tended = NULL;
	threads.process++;
	if (thread_tls.thread)
		thread_tls.thread->tenant = tenant_self();
}
