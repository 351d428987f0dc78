/*
 * guard.c - a hook that is called while one is in progress in its thread.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/guard.h"

#include "agent/record.h"
#include "agent/safe.h"
#include "agent/thread.h"
#include "agent/unwind_stack.h"

/* No true function makes so many calls: the hook was left. */
#define PASSED_MAX 4096

/* In a frame further out on the same stack, or in the same place. */
static bool
is_stale(uint64_t frame)
{
	struct thread *thread = thread_tls.thread;
	uint64_t guard = thread_tls.guard & ~GUARD_FLAGS;
	struct stack_range range;

	return thread_tls.guard != GUARD_FOREVER && thread && frame >= guard &&
	       stack_enter(&thread->bounds, guard, &range) && range.is_known &&
	       frame < range.high;
}

/* Past the true function whoever comes is a handler. Before, what passes is
 * noted in case it turns out to be the program's. */
static void
pass(void)
{
	struct thread *thread = thread_tls.thread;

	if (thread_tls.guard == GUARD_FOREVER)
		return;
	if (thread_tls.guard & GUARD_RECORDING) {
		record_lost(WIRE_LOST_REENTRANT, 1);
		return;
	}
	if (!thread)
		return;
	if (!(thread_tls.guard & GUARD_PASSED))
		thread->passed = 0;
	thread_tls.guard |= GUARD_PASSED;
	if (++thread->passed >= PASSED_MAX)
		record_lost(WIRE_LOST_REENTRANT,
			    thread->passed == PASSED_MAX ? PASSED_MAX : 1);
}

bool
guard_was_left(uint64_t frame)
{
	const struct thread *thread = thread_tls.thread;

	if (!is_stale(frame)) {
		pass();
		return false;
	}
	if (thread_tls.guard & GUARD_PASSED && thread->passed < PASSED_MAX)
		record_lost(WIRE_LOST_REENTRANT, thread->passed);
	safe_lock_abandon();
	return true;
}
