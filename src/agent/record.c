/*
 * record.c - what a hook does around the true function.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/record.h"

#include "agent/agent.h"
#include "agent/arch/arch.h"
#include "agent/capture.h"
#include "agent/guard.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/py/py.h"
#include "agent/record_quick.h"
#include "agent/rest.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "agent/tracing.h"

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

static void
sampler_begin(struct thread *thread)
{
	struct sampler *sampler = &thread->sampler;

	if (!sampler->random)
		sampler->random = (thread->owner ^ arch_cycles()) *
				      UINT64_C(0x9e3779b97f4a7c15) |
				  1;
	thread_tls.countdown =
	    sample_begin(sampler, SAMPLE_LEVEL(thread_tls.rate));
}

/* The thread's part of thread_tls's invariant. */
static bool
look_up(void)
{
	uint32_t rate = __atomic_load_n(&sample_rate, __ATOMIC_ACQUIRE);

	if (!agent_on)
		return false;
	if (!rate) {
		if (!agent_child())
			return false;
		rate = __atomic_load_n(&sample_rate, __ATOMIC_ACQUIRE);
	}
	if (rest_is_on())
		rest_end();
	/* While the interpreter starts, no hook may pass by; while the ticker
	 * rests, some hook is to look whether that has been long enough. */
	if ((py_settling && SAMPLE_LEVEL(rate)) || rest_is_on())
		rate = SAMPLE_RATE_SLOW | SAMPLE_LEVEL(rate);
	/* A slow rate stays the same when tracing begins anew. */
	if (thread_tls.rate == rate && thread_tls.thread &&
	    thread_tls.thread->era == sites_era())
		return true;
	if (!thread_self())
		return false;
	thread_tls.rate = rate;
	thread_tls.untimed = 1;
	sampler_begin(thread_tls.thread);
	if (thread_tls.thread->era != sites_era()) {
		thread_tls.thread->era = sites_era();
		capture_forget(thread_tls.thread);
	}
	return true;
}

static bool
look_up_guarded(void)
{
	bool known;

	if (thread_tls.guard)
		return false;
	thread_tls.guard = (uint64_t)__builtin_frame_address(0);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	known = look_up();
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.guard = 0;
	return known;
}

struct thread *
record_begin_slow(void *frame)
{
	if (thread_tls.guard && !guard_was_left((uint64_t)frame))
		return NULL;
	thread_tls.guard = (uint64_t)frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (look_up())
		return thread_tls.thread;
	thread_tls.guard = 0;
	return NULL;
}

void
record_skip(void)
{
	struct thread *thread = thread_tls.thread;

	if (thread && SAMPLE_LEVEL(thread_tls.rate))
		sampler_begin(thread);
}

static inline void
recording_set(bool on)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (on)
		thread_tls.guard |= GUARD_RECORDING;
	else
		thread_tls.guard &= ~GUARD_RECORDING;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void
map_gone(struct thread *thread, uint32_t site, uint64_t bytes, bool last)
{
	struct leaf *leaf = counts_leaf(&thread->counts, site);

	if (leaf)
		counts_free(leaf, site, bytes, last);
}

static __attribute__((noinline)) bool
spread_add(struct leaf *leaf, struct taken block, bool is_free)
{
	struct variance variance = sample_variance(block.size, block.level);

	return is_free ? counts_spread_free(leaf, block.site, variance.bytes,
					    variance.count)
		       : counts_spread_alloc(leaf, block.site, variance.bytes,
					     variance.count);
}

/* A sampled block's share of the counters of its site; the spread first. */
static void
count_sampled(struct leaf *leaf, struct taken block, bool is_free)
{
	struct weight weight = sample_weight(block.size, block.level);
	bool counted = true;

	if (weight.count > 1)
		counted = spread_add(leaf, block, is_free);
	if (!counted)
		record_lost(WIRE_LOST_NO_MEMORY, 1);
	else if (is_free)
		counts_free(leaf, block.site, weight.bytes, weight.count);
	else
		counts_alloc(leaf, block.site, weight.bytes, weight.count);
}

static __attribute__((noinline)) void
trace(struct taken block, bool is_free)
{
	int64_t bytes = (int64_t)sample_weight(block.size, block.level).bytes;

	tracing_add(block.site, is_free ? -bytes : bytes);
}

static inline void
count_born(struct leaf *leaf, struct taken block)
{
	if (__builtin_expect(block.level, 0))
		count_sampled(leaf, block, false);
	else
		counts_alloc(leaf, block.site, block.size, 1);
	if (tracing_is_on())
		trace(block, false);
}

static inline void
count_gone(struct leaf *leaf, struct taken block)
{
	if (__builtin_expect(block.level, 0))
		count_sampled(leaf, block, true);
	else
		counts_free(leaf, block.site, block.size, 1);
	if (tracing_is_on())
		trace(block, true);
}

/* The first time that this thread frees one of those sites' blocks. Not from a
 * handler that has interrupted just that. */
static __attribute__((noinline)) struct leaf *
leaf_make(struct thread *thread, uint32_t site)
{
	struct leaf *leaf;
	uint64_t guard = thread_tls.guard;

	if (guard & GUARD_RECORDING) {
		record_lost(WIRE_LOST_REENTRANT, 1);
		return NULL;
	}
	thread_tls.guard =
	    (guard ? guard : (uint64_t)__builtin_frame_address(0)) |
	    GUARD_RECORDING;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	leaf = counts_leaf(&thread->counts, site);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.guard = guard;
	if (!leaf)
		record_lost(WIRE_LOST_NO_MEMORY, 1);
	return leaf;
}

static inline void
count_taken(struct thread *thread, struct taken taken)
{
	struct leaf *leaf;

	if (!taken.site)
		return;
	leaf = counts_leaf_find(&thread->counts, taken.site);
	if (__builtin_expect(!leaf, 0))
		leaf = leaf_make(thread, taken.site);
	if (leaf)
		count_gone(leaf, taken);
}

void
record_freed(struct thread *thread, struct taken taken)
{
	count_taken(thread, taken);
}

/* Blocks whose free was not seen: their place could not be given out else. */
static void
forget_blocks(struct thread *thread, uint64_t address, uint64_t size)
{
	struct block block;
	uint64_t where;

	while ((block = live_evict(address, size, &where)).site) {
		struct leaf *leaf = counts_leaf(&thread->counts, block.site);

		if (leaf)
			count_gone(leaf, (struct taken){block.size, block.site,
							block.level});
	}
}

__attribute__((noinline)) void
record_put_slowly(struct thread *thread, uint64_t address, struct block block)
{
	forget_blocks(thread, address, block.size);
	if (live_put(address, block))
		count_born(thread->leaf,
			   (struct taken){block.size, block.site, block.level});
	else
		record_lost(block.size > LIVE_SIZE_MAX ? WIRE_LOST_TOO_LARGE
						       : WIRE_LOST_LIVE_FULL,
			    1);
}

/* Once for each block, however often it was tried. */
__attribute__((noinline)) void
record_nowhere(void)
{
	record_lost(
	    sites_are_full() ? WIRE_LOST_SITES_FULL : WIRE_LOST_NO_MEMORY, 1);
}

static void
map_born(struct thread *thread, const struct unwind_state *state,
	 uint64_t start, uint64_t size)
{
	uint32_t site;

	if (SAMPLE_LEVEL(thread_tls.rate) == SAMPLE_LEVEL_NONE) {
		maps_remove(start, size, NULL, thread, map_gone);
		return;
	}
	site = capture_site(thread, WIRE_DOMAIN_MMAP, state);
	if (!site) {
		record_nowhere();
		return;
	}
	maps_remove(start, size, NULL, thread, map_gone);
	if (maps_add(start, size, site))
		counts_alloc(thread->leaf, site, size, 1);
	else
		record_lost(WIRE_LOST_MMAP_FULL, 1);
}

static inline void
live_prefetch(uint64_t address)
{
	const uint32_t *entry = live_entry(address);

	if (entry)
		__builtin_prefetch(entry, 1);
}

/* Before a stack is looked at. */
static inline void
doubt_codes(void)
{
	if (__builtin_expect(py_frees_unseen, 0))
		py_code_forget();
}

/* What is being recorded. */
struct birth {
	struct thread *thread;
	enum wire_domain domain;
	const struct unwind_state *state; /* where it was called; or ... */
	const void *frame; /* of the hook, for one of Python's allocators */
	uint64_t address;
	uint64_t size;
	uint32_t level;
};

/* Puts it where capture has just been. */
static inline __attribute__((always_inline)) void
block_put(struct thread *thread, uint64_t address, struct block block)
{
	if (__builtin_expect(
		!block.level && live_put_quick(address, block.site, block.size),
		1))
		count_born(thread->leaf,
			   (struct taken){block.size, block.site, 0});
	else
		record_put_slowly(thread, address, block);
}

static inline __attribute__((always_inline)) void
block_born(const struct birth *birth)
{
	struct thread *thread = birth->thread;
	uint32_t site;

	live_prefetch(birth->address);
	site = birth->state
		   ? capture_site(thread, birth->domain, birth->state)
		   : capture_python(thread, birth->domain, birth->frame);
	if (__builtin_expect(!site, 0)) {
		record_nowhere();
		return;
	}
	block_put(thread, birth->address,
		  (struct block){birth->size, site, birth->level});
}

/* Few take longer; those that do were interrupted. */
#define TIMED_MAX UINT64_C(200000)
#define TIMED	  64 /* in exact mode, one in so many is timed */

/* One that was timed, for all those that are not. */
static __attribute__((noinline)) void
spent_since(struct thread *thread, uint64_t start, bool sampled)
{
	uint32_t stands_for = sampled ? 1 : TIMED;
	uint64_t spent = arch_cycles() - start;

	thread_tls.untimed = stands_for;
	spent = spent < TIMED_MAX ? spent : TIMED_MAX;
	arch_add(&thread->spent_cycles, spent * stands_for);
	arch_add(&thread->spent_blocks, stands_for);
}

static inline __attribute__((always_inline)) void
record(const struct birth birth)
{
	uint64_t start = 0;

	recording_set(true);
	if (__builtin_expect(--thread_tls.untimed == 0, 0))
		start = arch_cycles();
	if (__builtin_expect(birth.level != 0, 0))
		doubt_codes();
	block_born(&birth);
	if (__builtin_expect(start != 0, 0))
		spent_since(birth.thread, start, birth.level);
}

bool
record_hit(struct thread *thread, uint64_t size)
{
	if (size < thread_tls.countdown) {
		thread_tls.countdown -= size + 1;
		return false;
	}
	return sample_hit(&thread->sampler, SAMPLE_LEVEL(thread_tls.rate), size,
			  &thread_tls.countdown);
}

void
record_alloc(struct thread *thread, enum wire_domain domain,
	     const struct unwind_state *state, void *block, uint64_t size)
{
	/* Mappings are few and large: they are always counted in full. */
	if (__builtin_expect(domain == WIRE_DOMAIN_MMAP, 0)) {
		recording_set(true);
		doubt_codes();
		map_born(thread, state, (uint64_t)block, size);
		return;
	}
	record((struct birth){.thread = thread,
			      .domain = domain,
			      .state = state,
			      .address = (uint64_t)block,
			      .size = size,
			      .level = SAMPLE_LEVEL(thread_tls.rate)});
}

void
record_python(struct thread *thread, enum wire_domain domain, const void *frame,
	      void *block, uint64_t size)
{
	record((struct birth){.thread = thread,
			      .domain = domain,
			      .frame = frame,
			      .address = (uint64_t)block,
			      .size = size,
			      .level = SAMPLE_LEVEL(thread_tls.rate)});
}

static void
move(struct thread *thread, uint32_t domain, const void *frame,
     uint64_t address)
{
	struct block block;
	uint32_t site;

	recording_set(true);
	doubt_codes();
	site = capture_python(thread, domain, frame);
	recording_set(false);
	block = live_look(address);
	if (!site || site == block.site)
		return;
	block = live_take(address);
	count_taken(thread,
		    (struct taken){block.size, block.site, block.level});
	block.site = site;
	recording_set(true);
	block_put(thread, address, block);
}

void
record_reborn(void *frame, void *block)
{
	uint32_t site = live_look((uint64_t)block).site;
	struct thread *thread;
	uint32_t domain;

	if (!sites_is_new(site))
		return;
	domain = sites_get(site)->domain;
	if (!tracing_is_python(domain))
		return;
	thread = record_begin(frame);
	if (!thread)
		return;
	move(thread, domain, frame, (uint64_t)block);
	record_end(thread);
}

static __attribute__((noinline)) uint64_t
gone_counted(struct taken gone)
{
	count_taken(thread_tls.thread, gone);
	return gone.site ? gone.size : RECORD_UNKNOWN;
}

static __attribute__((noinline)) uint64_t
gone_otherwise(void *block)
{
	struct block gone;

	/* Not a hook that begins: what counts blocks does not depend on the
	 * rate, and can be done from a handler too. */
	if (!thread_tls.thread && !look_up_guarded())
		return RECORD_UNKNOWN;
	gone = live_take((uint64_t)block);
	return gone_counted((struct taken){gone.size, gone.site, gone.level});
}

/* The usual cases call nothing, so they save no registers. One of them is what
 * is freed below a hook that has counted it. */
uint64_t
record_gone_slow(void *block)
{
	uint64_t size;

	if (__builtin_expect(record_gone_quick(block, &size), 1))
		return size;
	return live_is_vacant((uint64_t)block) ? RECORD_UNKNOWN
					       : gone_otherwise(block);
}

struct taken
record_take(struct thread *thread, void *block)
{
	struct block known = live_take((uint64_t)block);

	(void)thread;
	return (struct taken){known.size, known.site, known.level};
}

void
record_put_back(struct thread *thread, void *block, struct taken taken)
{
	(void)thread;
	if (taken.site)
		live_put((uint64_t)block,
			 (struct block){taken.size, taken.site, taken.level});
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

void
record_restart(void)
{
	for (int i = 0; i < WIRE_LOST_COUNT; i++)
		__atomic_store_n(&lost[i], 0, __ATOMIC_RELAXED);
}

void
record_forked(void)
{
	/* What is thrown in the child has nothing to do with its parent's. */
	if (thread_tls.thread)
		thread_tls.thread->sampler.random = 0;
	/* There is no rate yet, and the next may be one that there was. */
	thread_tls.rate = SAMPLE_RATE_SLOW;
	sample_rate_touch();
}
