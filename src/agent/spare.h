/*
 * spare.h - pieces of memory that were used and wait to be used again.
 *
 * A stack of pieces of one kind, without a lock: its top is an address in 48
 * bits and a number in 16 that changes with every step, so that a thread that
 * was held up between its look and its exchange notices what happened since.
 * Pieces are never unmapped.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_SPARE_H
#define HEAPTOP_AGENT_SPARE_H

#include <stdint.h>

struct spare {
	uint64_t top;
};

/* Its first word, which is the stack's meanwhile, is 0 when it is taken.
 * Another thread may still read it then, in vain: it is stored to by whole
 * words. */
void spare_put(struct spare *, void *piece);
/* NULL: there is none. */
void *spare_take(struct spare *);

#endif
