/*
 * record_quick.h - the usual birth and the usual end of a block in exact mode,
 * inlined into the hooks of Python's allocators: there are so many of those
 * that each call counts. All else is record.c's.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_RECORD_QUICK_H
#define HEAPTOP_AGENT_RECORD_QUICK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/capture.h"
#include "agent/counts.h"
#include "agent/live.h"
#include "agent/record.h"
#include "agent/thread.h"
#include "agent/tracing.h"

/* The block has no site. */
void record_nowhere(void);
/* Puts a block where another may be, at the site captured last. */
void record_put_slowly(struct thread *, uint64_t address, struct block);

/* Whether a block that is born now needs all of record_python: it is one that
 * is timed, or has no entry. */
static inline bool
record_is_special(const uint32_t *entry)
{
	return thread_tls.untimed == 1 || !entry || tracing_is_on();
}

/* As record_python, in exact mode; the hook's frame is `frame`. */
static inline __attribute__((always_inline)) void
record_python_quick(struct thread *thread, enum wire_domain domain,
		    const void *frame, void *block, uint64_t size)
{
	uint32_t *entry = live_entry((uint64_t)block);
	uint32_t site;

	if (__builtin_expect(record_is_special(entry), 0)) {
		record_python(thread, domain, frame, block, size);
		return;
	}
	__builtin_prefetch(entry, 1);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.guard |= GUARD_RECORDING;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.untimed--;
	site = capture_python(thread, domain, frame);
	if (__builtin_expect(!site, 0))
		record_nowhere();
	else if (__builtin_expect(live_put_at(entry, site, size), 1))
		counts_alloc(thread->leaf, site, size, 1);
	else
		record_put_slowly(thread, (uint64_t)block,
				  (struct block){size, site, 0});
}

/* As record_gone_slow, in exact mode. False: nothing was done; use that. */
static inline __attribute__((always_inline)) bool
record_gone_quick(const void *block, uint64_t *size)
{
	const struct thread *thread = thread_tls.thread;
	uint32_t *entry, site;
	struct leaf *leaf;

	if (__builtin_expect(!thread || tracing_is_on(), 0))
		return false;
	entry = live_find((uint64_t)block, &site, size);
	if (__builtin_expect(!entry, 0))
		return false;
	leaf = counts_leaf_find(&thread->counts, site);
	if (__builtin_expect(!leaf, 0))
		return false;
	live_take_at(entry, *size);
	counts_free(leaf, site, *size, 1);
	return true;
}

#endif
