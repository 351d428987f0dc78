/*
 * thread.c - what the agent keeps for each thread.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/thread.h"

#include "agent/arch/arch.h"
#include "agent/record.h"
#include "agent/safe.h"

#define SLOTS 65536

static struct {
	struct thread **slots; /* by owner, open addressing */
	struct thread *first;
	uint32_t count;
} threads;

__thread struct thread_tls thread_tls;

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

static struct thread *
thread_make(uint64_t owner)
{
	struct thread *thread = safe_map(sizeof(*thread));

	if (!thread)
		return NULL;
	thread->owner = owner;
	thread->next = __atomic_load_n(&threads.first, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(&threads.first, &thread->next,
					    thread, true, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
	__atomic_fetch_add(&threads.count, 1, __ATOMIC_RELAXED);
	return thread;
}

/* Only the thread `owner` itself asks for it, so nobody else makes the same. */
static struct thread *
thread_find(uint64_t owner)
{
	struct thread **slots = slots_get();
	uint64_t at = (owner >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> 48;
	struct thread *fresh = NULL;

	if (!slots)
		return NULL;
	for (unsigned tries = 0; tries < SLOTS; tries++) {
		struct thread **slot = &slots[(at + tries) % SLOTS];
		struct thread *known = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

		if (!known) {
			if (!fresh)
				fresh = thread_make(owner);
			if (!fresh)
				return NULL;
			if (__atomic_compare_exchange_n(slot, &known, fresh,
							false, __ATOMIC_ACQ_REL,
							__ATOMIC_ACQUIRE))
				return fresh;
		}
		if (known->owner == owner)
			return known;
	}
	return NULL;
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
	thread_tls.thread = thread;
	return thread;
}
