/*
 * unwind_shape.h - where a walk by rules goes, as something to keep: some
 * frames of a stack, and the places from which each return address was read.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_UNWIND_SHAPE_H
#define HEAPTOP_AGENT_UNWIND_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind.h"
#include "agent/unwind_kept.h"

#define SHAPE_WORDS    40
#define SHAPE_CUT      8	  /* the most that is kept of a deep stack */
#define SHAPE_BP_ENTRY UINT16_MAX /* bp as it was at the first frame */

/* bp, as found in the stack at offset or at entry, must be sp + delta. */
struct shape_check {
	uint64_t delta;
	uint64_t offset;
};

/* Offsets count in units of 8 bytes from the first frame's sp. */
struct unwind_shape {
	uint16_t count;
	uint16_t check_count;
	uint16_t bp;   /* offset of the bp of the frame after the last */
	bool is_last;  /* the last frame has no caller */
	uint32_t span; /* bytes from sp to the end of what is read */
	uint64_t words[SHAPE_WORDS]; /* return addresses, innermost first */
	/* [i] is of words[i], the first is not read; [count] of the caller. */
	uint16_t offsets[SHAPE_WORDS + 1];
	struct shape_check checks[SHAPE_WORDS];
};

/* Walks by simple rules, in a known stack that ends at `high`: to the end if it
 * is no more than `most` frames away (SHAPE_CUT to SHAPE_WORDS); else a few
 * frames, and to where other walks that come by stop too, so that they meet.
 * False: there is a rule that is not simple, or none. */
bool unwind_shape(struct unwind_kept *, const struct unwind_state *,
		  uint64_t high, const struct unwind_limits *, size_t most,
		  struct unwind_shape *);

#endif
