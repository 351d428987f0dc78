/*
 * unwind_check.h - differential mode: every walk by rules against libunwind's
 * own walk of the same stack.
 *
 * When HEAPTOP_UNWIND_LOG names a file at start, each difference that has not
 * been seen before is written there, both stacks side by side, and the counts
 * below are kept in the file of that name with ".counts" appended, shared by
 * all processes that are given the same name.
 *
 * Context: hook, but check_init: setup.
 */
#ifndef HEAPTOP_AGENT_UNWIND_CHECK_H
#define HEAPTOP_AGENT_UNWIND_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind.h"

/* What a comparison can turn out to be; one counter each, in this order. */
enum check_verdict {
	CHECK_SAME,
	CHECK_CUT,     /* ours was cut short, and counted as such */
	CHECK_SHORTER, /* ours calls a frame outermost, and libunwind goes on */
	CHECK_LONGER,  /* libunwind ends where ours goes on */
	CHECK_UNMET,   /* libunwind did not get as far as the hook's caller */
	CHECK_OTHER,   /* a frame differs */
	CHECK_COUNT
};

struct check_counts {
	uint64_t verdicts[CHECK_COUNT];
	uint64_t logged;
	uint64_t seen[256]; /* hashes of the differences that were logged */
};

void check_init(void);

/* Compares and counts a walk: max frames were wanted; stopped before the stop
 * range; ended by `end`. */
void check_walk(const uint64_t *pcs, size_t count, size_t max, bool stopped,
		enum unwind_end end);

/* Counts of this process, and those that share its log. */
const struct check_counts *check_counts(void);

#endif
