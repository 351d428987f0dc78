/*
 * unwind_kept.h - walks a stack of which the outer part is mostly that of the
 * last walk: unwind_walk, made incremental.
 *
 * Each thread keeps the stack it walked last as (slot, return address). A
 * frame that has the same slot as a kept one, while every slot from there
 * outwards still holds the same address, has the same callers: where a caller
 * is follows from the return addresses by their rules, and from bp, so the
 * slots that bp came from are compared too wherever a rule goes by it. Hence
 * the result is exactly that of unwind_walk. Frames further in are walked by
 * rules from a small memo of this thread, which guesses each frame's caller to
 * be the one it had last, so that the loads of one frame do not wait for those
 * of the frame before.
 *
 * Context: hook. No stack of its own to speak of: the arrays are the caller's.
 */
#ifndef HEAPTOP_AGENT_UNWIND_KEPT_H
#define HEAPTOP_AGENT_UNWIND_KEPT_H

#include "agent/unwind.h"

#define UNWIND_KEPT_FRAMES 256
#define UNWIND_KEPT_MEMO   512

struct unwind_memo {
	uint64_t pc;
	uint32_t rule; /* as in unwind_table.h; bit 31: special */
	uint32_t next; /* of its caller, last time: byte offset in the memo */
};

/* One per thread, zero at first, touched by it alone; 29 KiB, of which deep
 * frames are touched only when there are some. Frames lie at the ends of the
 * arrays, the outermost last. */
struct unwind_kept {
	bool is_whole;	 /* the frames below are a whole stack */
	bool stopped;	 /* it ended at the stop range */
	uint32_t first;	 /* index of the innermost */
	uint32_t joints; /* frames from this index on may be met again */
	uint32_t checks; /* how many */
	uint64_t generation;
	uint64_t high; /* end of the stack they are on */
	uint64_t stop_low;
	uint64_t stop_size;
	uint64_t end_slot; /* what ended the stack: a slot, 0 for a rule */
	uint64_t end_value;
	uint64_t pcs[UNWIND_KEPT_FRAMES];
	uint64_t slots[UNWIND_KEPT_FRAMES]; /* where the pc was read */
	uint64_t bps[UNWIND_KEPT_FRAMES];
	uint8_t needs_bp[UNWIND_KEPT_FRAMES]; /* it or a caller goes by bp */
	struct {
		uint64_t slot;	     /* where bp was read ... */
		uint64_t value;	     /* ... and what it was */
		uint64_t frame;	     /* by the frame with this index */
	} check[UNWIND_KEPT_FRAMES]; /* outermost first */
	struct unwind_memo memo[UNWIND_KEPT_MEMO];
	struct {
		uint64_t slot;
		uint64_t bp;
		uint64_t rule;
	} fresh[UNWIND_KEPT_FRAMES]; /* the walk under way, innermost first */
	uint64_t fresh_pcs[UNWIND_KEPT_FRAMES];
};

/* Where a walk is to end. */
struct unwind_limits {
	uint64_t stop_low; /* before a pc in [stop_low, stop_high) */
	uint64_t stop_high;
	size_t max; /* frames; at most UNWIND_KEPT_FRAMES */
};

struct unwind_trace {
	const uint64_t *pcs; /* innermost first; good until the next walk */
	size_t count;
	size_t same; /* so many of the outermost are those of the last trace */
	bool stopped;
	enum unwind_end end;
};

/* Whether a deep stack was kept that the present one, at sp, is likely to have
 * all but some inner frames of: a guess, of use for choosing how to walk. */
bool unwind_kept_is_likely(const struct unwind_kept *, uint64_t sp);

/* Like unwind_walk, of the frames from state outwards. */
void unwind_walk_kept(struct unwind_kept *, const struct unwind_state *,
		      struct unwind_bounds *, const struct unwind_limits *,
		      struct unwind_trace *);

#endif
