/*
 * unwind_leaf.c - the leaf of all test calls.
 */
#include "config.h"

#include "unwind_leaf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/piece.h"
#include "agent/record.h"

_Thread_local struct unwind_bounds bounds;
_Thread_local struct unwind_kept kept;
_Thread_local uint64_t pcs[FRAMES];

struct found found;

const enum shape some[3] = {SHAPE_WIDE, SHAPE_PLAIN, SHAPE_FRAME_POINTER};

/* Whether the frames are the truth's, from the innermost on, `pc` first. */
static bool
matches(uint64_t pc, const uint64_t *frames, size_t count)
{
	unsigned i = truth.count;
	size_t at = 1;

	if (count == 0 || frames[0] != pc)
		return false;
	while (i-- > 0) {
		if (truth.pcs[i] == 0) {
			while (i > 0 && at < count &&
			       frames[at] != truth.pcs[i - 1])
				at++;
			continue;
		}
		if (at >= count || frames[at++] != truth.pcs[i])
			return false;
	}
	return true;
}

/* The kept walk must give the same, and its `same` must be true. */
static void
walk_kept(const struct unwind_state *state)
{
	static const struct unwind_limits limits = {0, 0, UNWIND_KEPT_FRAMES};
	static _Thread_local uint64_t last[UNWIND_KEPT_FRAMES];
	static _Thread_local size_t last_count;
	size_t count = found.count;
	struct unwind_trace trace;

	if (count > UNWIND_KEPT_FRAMES)
		count = UNWIND_KEPT_FRAMES;
	unwind_walk_kept(&kept, state, &bounds, &limits, &trace);
	found.is_kept_equal =
	    trace.count == count &&
	    memcmp(trace.pcs, pcs, count * sizeof(*pcs)) == 0 &&
	    (count == UNWIND_KEPT_FRAMES || trace.end == found.end) &&
	    trace.same <= count && trace.same <= last_count &&
	    memcmp(trace.pcs + count - trace.same,
		   last + last_count - trace.same,
		   trace.same * sizeof(*pcs)) == 0;
	found.same = trace.same;
	memcpy(last, trace.pcs, trace.count * sizeof(*pcs));
	last_count = trace.count;
}

/* As a hook would, so that the next time it may be guessed. */
static bool
join_pieces(struct pieces *pieces)
{
	const struct joint *joint = pieces_joint(pieces, NULL, 0);

	found.guessed = pieces->whole != NULL;
	if (!joint)
		joint = pieces_join(pieces, &(struct joint){.site = 1});
	return joint->count == pieces->count &&
	       memcmp(joint->pieces, pieces->walk,
		      joint->count * sizeof(*joint->pieces)) == 0;
}

/* So must a walk in pieces, where it is one. */
static void
walk_pieces(const struct unwind_state *state)
{
	static const struct unwind_limits limits = {0, 0, UNWIND_KEPT_FRAMES};
	static _Thread_local struct pieces pieces;
	static _Thread_local struct unwind_kept own;
	size_t at = 0;
	bool stopped;

	found.pieces = 0;
	found.guessed = false;
	found.is_met_equal = true;
	pieces_refresh(&pieces);
	if (state->sp - bounds.low >= bounds.high - bounds.low ||
	    !pieces_walk(&pieces, &own, *state, bounds.high, &limits, &stopped))
		return;
	found.pieces = pieces.count;
	for (uint32_t i = 0; i < pieces.count; i++) {
		const struct piece *piece = pieces_get(&pieces, pieces.walk[i]);

		if (!piece || at + piece->count > found.count ||
		    memcmp(piece->words, pcs + at,
			   piece->count * sizeof(*pcs)) != 0) {
			found.is_met_equal = false;
			return;
		}
		at += piece->count;
	}
	found.is_met_equal =
	    !stopped && at == found.count && join_pieces(&pieces);
}

__attribute__((noinline)) void
leaf(void *arg)
{
	struct unwind_state state;
	bool stopped;

	(void)arg;
	RECORD_CALLER(&state);
	found.count = unwind_walk(state, &bounds, 0, 0, pcs, FRAMES, &stopped,
				  &found.end);
	found.is_true = matches(state.pc, pcs, found.count) && !stopped;
	walk_kept(&state);
	walk_pieces(&state);
}

int
unwind_leaf_start(void **state)
{
	(void)state;
	memset(&found, 0, sizeof(found));
	memset(&truth, 0, sizeof(truth));
	return 0;
}

void
call_every_shape(void)
{
	enum shape shapes[SHAPE_COUNT];

	for (unsigned i = 0; i < SHAPE_COUNT; i++) {
		shapes[0] = (enum shape)i;
		shapes_call(shapes, 1, leaf, NULL);
		assert_walk();
	}
	for (unsigned i = 0; i < SHAPE_COUNT; i++) {
		for (unsigned j = 0; j < SHAPE_COUNT; j++)
			shapes[j] = (enum shape)((i + j) % SHAPE_COUNT);
		shapes_call(shapes, SHAPE_COUNT, leaf, NULL);
		assert_walk();
	}
}
