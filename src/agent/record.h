/*
 * record.h - what a hook does around the true function: begin, take, record,
 * end. Everything a hook needs of the rest of the agent is here.
 *
 * Context: hook. Nothing here locks, makes a syscall in the common case,
 * allocates through hooked functions, or changes errno.
 *
 * Only the outermost hook of a thread records: begin returns NULL inside
 * another one, and then the hook just forwards. So a malloc made inside a
 * Python allocator, or an arena mapped inside malloc, is not counted twice.
 *
 *	if (record_passes(size))
 *		return real_malloc(size);
 *	struct thread *thread = record_begin(__builtin_frame_address(0));
 *	bool wanted = record_wants(thread, size);
 *	void *block = real_malloc(size);
 *
 *	if (!thread)
 *		record_skip();
 *	else if (block && wanted)
 *		record_alloc(thread, WIRE_DOMAIN_MALLOC, &state, block, size);
 *	record_end(thread);
 *
 * Hooks whose true function allocates through other hooks keep those quiet
 * although they pass:
 *
 *	if (record_passes(size)) {
 *		bool hushed = record_hush(__builtin_frame_address(0));
 *
 *		block = below->malloc(size);
 *		record_unhush(hushed);
 *		return block;
 *	}
 *
 * A free:
 *
 *	record_gone(block);
 *	real_free(block);
 */
#ifndef HEAPTOP_AGENT_RECORD_H
#define HEAPTOP_AGENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/live_filter.h"
#include "agent/sample.h"
#include "agent/tls.h"
#include "agent/unwind.h"
#include "heaptop/wire.h"

struct thread;

/* A block taken out of the live map: what it was, so that it can be counted
 * as freed, or put back when the true function failed. site 0: unknown. */
struct taken {
	uint64_t size;
	uint32_t site;
	uint32_t level; /* sample.h */
};

/* Whether nothing is to be done for a new block of this size: no point falls
 * on it. In exact mode never. */
static inline bool
record_passes(uint64_t size)
{
	struct thread_tls *tls = &thread_tls;
	uint64_t left;

	/* countdown - (size + 1), which must not wrap */
	if (__builtin_expect(
		!__builtin_add_overflow(tls->countdown, ~size, &left) ||
		    tls->rate !=
			__atomic_load_n(&sample_rate, __ATOMIC_RELAXED),
		0))
		return false;
	tls->countdown = left;
	return true;
}

/* Begins a hook whose own frame is at `frame`; NULL: forward only. */
struct thread *record_begin_slow(void *frame);
static inline struct thread *
record_begin(void *frame)
{
	struct thread_tls *tls = &thread_tls;

	if (__builtin_expect(
		tls->rate != __atomic_load_n(&sample_rate, __ATOMIC_RELAXED) ||
		    tls->guard,
		0))
		return record_begin_slow(frame);
	tls->guard = (uint64_t)frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return tls->thread;
}

/* thread may be NULL: nothing was begun. */
static inline void
record_end(struct thread *thread)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (thread)
		thread_tls.guard = 0;
}

/* begin returned NULL for a block that did not pass: it is left out. */
void record_skip(void);

/* Inside, hooks forward only. False when some hook has begun already. */
static inline bool
record_hush(void *frame)
{
	struct thread_tls *tls = &thread_tls;

	if (tls->guard)
		return false;
	tls->guard = (uint64_t)frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

static inline void
record_unhush(bool hushed)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (hushed)
		thread_tls.guard = 0;
}

/*
 * Whether a block of this size, which did not pass or was not asked about, is
 * recorded. Before the true function: if that allocates through other hooks,
 * these throw the points anew.
 */
bool record_hit(struct thread *, uint64_t size);
static inline bool
record_wants(struct thread *thread, uint64_t size)
{
	return thread &&
	       (!SAMPLE_LEVEL(thread_tls.rate) || record_hit(thread, size));
}

/* A block was born that is to be recorded; the hook ends after this. state is
 * its caller. */
void record_alloc(struct thread *, enum wire_domain,
		  const struct unwind_state *, void *block, uint64_t size);

/* The same for a block of one of Python's allocators; frame is the hook's. */
void record_python(struct thread *, enum wire_domain, const void *frame,
		   void *block, uint64_t size);

/* An object was born in this block, which may have been another's: one of
 * Python's that was recorded moves to the stack that runs now, unless it was
 * recorded before sites_begin. frame is that of who is told so. */
void record_reborn(void *frame, void *block);

/* Whether a block may have been recorded, or is not one of the true malloc at
 * all (pool_owns); false is certain. */
static inline bool
record_may_know(const void *block)
{
	return sample_was_exact || live_filter_has((uint64_t)block);
}

/* Before the true free, which cannot fail: the block, if it was recorded, is
 * counted as freed. From then on another thread may own the address. Needs no
 * begin. block may be NULL. Returns its size, RECORD_UNKNOWN if it was not. */
#define RECORD_UNKNOWN UINT64_MAX
uint64_t record_gone_slow(void *block);
static inline void
record_gone(void *block)
{
	if (record_may_know(block))
		record_gone_slow(block);
}

/* Before the true realloc: takes the block out of the live map. block may be
 * NULL. */
struct taken record_take(struct thread *, void *block);
/* After: counts it as freed ... */
void record_freed(struct thread *, struct taken);
/* ... or puts it back, since the true function failed. */
void record_put_back(struct thread *, void *block, struct taken);

/* A range of addresses is about to be unmapped, or was mapped anew by something
 * that is not a block of the mmap domain. Returns the site of a block that was
 * there and the bytes it lost; site 0: there was none. */
struct taken record_unmapped(struct thread *, void *start, uint64_t size);
/* The range was not unmapped after all: it is a new block of the same site, so
 * the site's totals have one more of each. */
void record_unmap_failed(struct thread *, void *start, struct taken);

/* In a forked child. */
void record_forked(void);
/* Nothing was lost yet. Context: ticker. */
void record_restart(void);

/* Counts a loss; any context, any thread. */
void record_lost(enum wire_lost, uint64_t count);
uint64_t record_losses(enum wire_lost);

/* The state of the caller of the function whose frame this is; the file must
 * be built with -fno-omit-frame-pointer. A macro: it may run in the hook. */
#define RECORD_CALLER_AT(state_, frame_)            \
	do {                                        \
		const uint64_t *at_ = (frame_);     \
		(state_)->bp = at_[0];              \
		(state_)->pc = at_[1];              \
		(state_)->sp = (uint64_t)(at_ + 2); \
	} while (0)
#define RECORD_CALLER(state_) \
	RECORD_CALLER_AT(state_, __builtin_frame_address(0))

#endif
