/*
 * record.c - what a hook does around the true function.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/record.h"

#include "agent/agent.h"
#include "agent/capture.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/safe.h"
#include "agent/sample.h"
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
		safe_lock_abandon();
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

static void
map_gone(struct thread *thread, uint32_t site, uint64_t bytes, bool last)
{
	struct leaf *leaf = counts_leaf(&thread->counts, site);

	if (leaf)
		counts_free(leaf, site, bytes, last);
}

/* Mappings are few and large: they are always counted in full. */
static struct weight
weight_of(uint64_t size, uint64_t address)
{
	if (agent_config.sample_bytes <= 1)
		return (struct weight){size, 1};
	return sample_weight(size, address, agent_config.sample_bytes);
}

/* Sampled mode: whether no point falls on a block of this size. */
static inline bool
is_passed_over(struct thread *thread, uint64_t size)
{
	uint64_t interval = agent_config.sample_bytes;

	if (interval <= 1)
		return false;
	thread->countdown -= (int64_t)size;
	if (thread->countdown > 0)
		return true;
	if (!thread->random) {
		thread->random = thread->owner * UINT64_C(0x9e3779b97f4a7c15);
		thread->random |= 1;
		thread->countdown += sample_next(&thread->random, interval);
		if (thread->countdown > 0)
			return true;
	}
	thread->countdown = sample_next(&thread->random, interval);
	return false;
}

/* Blocks whose free was not seen: their place could not be given out else. */
static void
forget_blocks(struct thread *thread, uint64_t address, uint64_t size)
{
	struct taken old = {0};
	struct block block;

	while ((block = live_evict(address, size, &old.address)).site) {
		old.site = block.site;
		old.size = block.size;
		record_freed(thread, old);
	}
}

static bool
remember(struct thread *thread, enum wire_domain domain, uint32_t site,
	 void *block, uint64_t size)
{
	enum wire_lost cause = WIRE_LOST_LIVE_FULL;

	if (domain == WIRE_DOMAIN_MMAP) {
		maps_remove((uint64_t)block, size, NULL, thread, map_gone);
		if (maps_add((uint64_t)block, size, site))
			return true;
		cause = WIRE_LOST_MMAP_FULL;
	} else {
		forget_blocks(thread, (uint64_t)block, size);
		if (live_put((uint64_t)block, (struct block){size, site, 0}))
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
	struct weight weight = {size, 1};
	uint32_t site;

	if (domain != WIRE_DOMAIN_MMAP) {
		if (is_passed_over(thread, size))
			return;
		weight = weight_of(size, (uint64_t)block);
	}
	recording_set(true);
	site = capture_site(thread, domain, state);
	if (site && remember(thread, domain, site, block, size))
		counts_alloc(thread->leaf, site, weight.bytes,
			     weight.count);
	recording_set(false);
}

struct taken
record_take(struct thread *thread, void *block)
{
	struct taken taken = {0};
	struct block known;

	(void)thread;
	taken.address = (uint64_t)block;
	if (block) {
		known = live_take(taken.address);
		taken.site = known.site;
		taken.size = known.size;
	}
	return taken;
}

void
record_freed(struct thread *thread, struct taken taken)
{
	struct weight weight;
	struct leaf *leaf;

	if (!taken.site)
		return;
	leaf = counts_leaf(&thread->counts, taken.site);
	weight = weight_of(taken.size, taken.address);
	if (leaf)
		counts_free(leaf, taken.site, weight.bytes, weight.count);
	else
		record_lost(WIRE_LOST_NO_MEMORY, 1);
}

void
record_put_back(struct thread *thread, void *block, struct taken taken)
{
	(void)thread;
	if (taken.site)
		live_put((uint64_t)block,
			 (struct block){taken.size, taken.site, 0});
}

struct taken
record_unmapped(struct thread *thread, void *start, uint64_t size)
{
	struct taken taken = {0};

	recording_set(true);
	taken.size =
	    maps_remove((uint64_t)start, size, &taken.site, thread, map_gone);
	recording_set(false);
	return taken;
}

void
record_unmap_failed(struct thread *thread, void *start, struct taken taken)
{
	struct leaf *leaf;

	if (!taken.site)
		return;
	recording_set(true);
	leaf = counts_leaf(&thread->counts, taken.site);
	if (leaf && maps_add((uint64_t)start, taken.size, taken.site))
		counts_alloc(leaf, taken.site, taken.size, 1);
	recording_set(false);
}
