/*
 * record.c - what a hook does around the true function.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/record.h"

#include "agent/agent.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/py/py.h"
#include "agent/thread.h"

static uint64_t lost[WIRE_LOST_COUNT];

void
record_lost(enum wire_lost cause, uint64_t count)
{
	__atomic_fetch_add(&lost[cause], count, __ATOMIC_RELAXED);
}

uint64_t
record_losses(enum wire_lost cause)
{
	return __atomic_load_n(&lost[cause], __ATOMIC_RELAXED);
}

/*
 * A hook is already in progress in this thread. Either this one is called from
 * inside it, or a handler left that one by longjmp and its guard is stale: then
 * we are in a frame further out on the same stack.
 */
static bool
guard_is_stale(uint64_t frame)
{
	const struct thread *thread = thread_tls.thread;
	uint64_t guard = thread_tls.guard;

	return guard != GUARD_FOREVER && thread && frame > guard &&
	       guard >= thread->bounds.low && frame < thread->bounds.high;
}

struct thread *
record_begin(void *frame)
{
	struct thread *thread;

	if (__builtin_expect(!agent_on, 0))
		return NULL;
	if (__builtin_expect(thread_tls.guard != 0, 0)) {
		if (!guard_is_stale((uint64_t)frame)) {
			if (thread_tls.recording)
				record_lost(WIRE_LOST_REENTRANT, 1);
			return NULL;
		}
		thread_tls.recording = false;
	}
	thread_tls.guard = (uint64_t)frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread = thread_tls.thread;
	if (__builtin_expect(!thread, 0)) {
		thread = thread_self();
		if (!thread)
			thread_tls.guard = 0;
	}
	return thread;
}

void
record_end(struct thread *thread)
{
	(void)thread;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.guard = 0;
}

static void
recording_set(bool on)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.recording = on;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static size_t
native_words(struct thread *thread, const struct unwind_state *state)
{
	enum unwind_end end = UNWIND_END_OUTERMOST;
	bool stopped = false;
	bool cut = false;
	size_t count;

	count = unwind_walk(*state, &thread->bounds, py_eval_low, py_eval_high,
			    thread->words, THREAD_WORDS, &stopped, &end);
	if (stopped && count < THREAD_WORDS) {
		count += py_walk(thread->words + count, THREAD_WORDS - count,
				 false, &cut);
		if (cut)
			record_lost(WIRE_LOST_PY_FRAME, 1);
		return count;
	}
	switch (end) {
	case UNWIND_END_FULL:
		record_lost(WIRE_LOST_STACK_CUT, 1);
		break;
	case UNWIND_END_NO_RULE:
		record_lost(WIRE_LOST_STACK_NO_RULE, 1);
		break;
	case UNWIND_END_BOUNDS:
		record_lost(WIRE_LOST_STACK_BOUNDS, 1);
		break;
	case UNWIND_END_OUTERMOST:
		break;
	}
	return count;
}

/* A block of a Python allocator needs Python frames only. */
static size_t
capture(struct thread *thread, enum wire_domain domain,
	const struct unwind_state *state)
{
	bool cut = false;
	size_t count = 0;

	if (domain >= WIRE_DOMAIN_PYMEM_RAW &&
	    domain <= WIRE_DOMAIN_PYMEM_OBJECT) {
		count = py_walk(thread->words, THREAD_WORDS,
				domain != WIRE_DOMAIN_PYMEM_RAW, &cut);
		if (cut)
			record_lost(count == THREAD_WORDS ? WIRE_LOST_STACK_CUT
							  : WIRE_LOST_PY_FRAME,
				    1);
	}
	if (!count)
		count = native_words(thread, state);
	if (!count) {
		thread->words[0] = state->pc;
		count = 1;
	}
	return count;
}

/* The site of the stack that is running now, and its leaf in this thread. */
static struct memo *
find_site(struct thread *thread, enum wire_domain domain,
	  const struct unwind_state *state)
{
	size_t depth = capture(thread, domain, state);
	uint64_t hash = sites_hash(thread->words, depth, domain);
	struct memo *memo = &thread->memo[hash % THREAD_MEMO];

	if (memo->site &&
	    site_is(memo->site, hash, thread->words, depth, domain))
		return memo;
	memo->site = sites_intern(hash, thread->words, depth, domain);
	if (!memo->site)
		return NULL;
	memo->leaf = counts_leaf(&thread->counts, memo->site->id);
	if (!memo->leaf) {
		memo->site = NULL;
		record_lost(WIRE_LOST_NO_MEMORY, 1);
		return NULL;
	}
	return memo;
}

static void
map_gone(struct thread *thread, uint32_t site, uint64_t bytes, bool last)
{
	struct leaf *leaf = counts_leaf(&thread->counts, site);

	if (leaf)
		counts_free(leaf, site, bytes, last);
}

static void
forget_block(struct thread *thread, void *block)
{
	struct taken old = {0, 0};

	old.site = live_take((uint64_t)block, &old.size);
	if (!old.site)
		return;
	/* Its free was not seen: the address could not be given out else. */
	record_freed(thread, old);
}

static bool
remember(struct thread *thread, enum wire_domain domain, uint32_t site,
	 void *block, uint64_t size)
{
	enum wire_lost cause = WIRE_LOST_LIVE_FULL;

	if (domain == WIRE_DOMAIN_MMAP) {
		maps_remove((uint64_t)block, size, thread, map_gone);
		if (maps_add((uint64_t)block, size, site))
			return true;
		cause = WIRE_LOST_MMAP_FULL;
	} else {
		forget_block(thread, block);
		if (live_put((uint64_t)block, site, size))
			return true;
		if (size > LIVE_SIZE_MAX)
			cause = WIRE_LOST_TOO_LARGE;
	}
	record_lost(cause, 1);
	return false;
}

void
record_alloc(struct thread *thread, enum wire_domain domain,
	     const struct unwind_state *state, void *block, uint64_t size)
{
	struct memo *memo;

	recording_set(true);
	memo = find_site(thread, domain, state);
	if (memo && remember(thread, domain, memo->site->id, block, size))
		counts_alloc(memo->leaf, memo->site->id, size);
	recording_set(false);
}

struct taken
record_take(struct thread *thread, void *block)
{
	struct taken taken = {0, 0};

	(void)thread;
	if (block)
		taken.site = live_take((uint64_t)block, &taken.size);
	return taken;
}

void
record_freed(struct thread *thread, struct taken taken)
{
	struct leaf *leaf;

	if (!taken.site)
		return;
	leaf = counts_leaf(&thread->counts, taken.site);
	if (leaf)
		counts_free(leaf, taken.site, taken.size, 1);
	else
		record_lost(WIRE_LOST_NO_MEMORY, 1);
}

void
record_put_back(struct thread *thread, void *block, struct taken taken)
{
	(void)thread;
	if (taken.site)
		live_put((uint64_t)block, taken.site, taken.size);
}

uint64_t
record_unmapped(struct thread *thread, void *start, uint64_t size)
{
	uint64_t bytes;

	recording_set(true);
	bytes = maps_remove((uint64_t)start, size, thread, map_gone);
	recording_set(false);
	return bytes;
}
