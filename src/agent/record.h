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
 *	struct thread *thread = record_begin(__builtin_frame_address(0));
 *	void *block = real_malloc(size);
 *
 *	if (thread) {
 *		if (block)
 *			record_alloc(thread, WIRE_DOMAIN_MALLOC, &state, block,
 *size); record_end(thread);
 *	}
 */
#ifndef HEAPTOP_AGENT_RECORD_H
#define HEAPTOP_AGENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind.h"
#include "heaptop/wire.h"

struct thread;

/* A block taken out of the live map: what it was, so that it can be counted
 * as freed, or put back when the true function failed. site 0: unknown. */
struct taken {
	uint32_t site;
	uint64_t size;
	uint64_t address;
};

/* Begins a hook whose own frame is at `frame`; NULL: forward only. */
struct thread *record_begin(void *frame);
void record_end(struct thread *);

/* A block was born. state is the hook's caller. */
void record_alloc(struct thread *, enum wire_domain,
		  const struct unwind_state *, void *block, uint64_t size);

/* Before the true free or realloc: takes the block out of the live map. From
 * then on another thread may own the address. block may be NULL. */
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

/* Counts a loss; any context, any thread. */
void record_lost(enum wire_lost, uint64_t count);
uint64_t record_losses(enum wire_lost);

/* The state of a hook's caller. A macro: it must run in the hook's own frame,
 * and the file must be built with -fno-omit-frame-pointer. */
#define RECORD_CALLER(state_)                                        \
	do {                                                         \
		const uint64_t *frame_ = __builtin_frame_address(0); \
		(state_)->bp = frame_[0];                            \
		(state_)->pc = frame_[1];                            \
		(state_)->sp = (uint64_t)(frame_ + 2);               \
	} while (0)

#endif
