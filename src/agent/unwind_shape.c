/*
 * unwind_shape.c - where a walk by rules goes, as something to keep.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_shape.h"

#include "agent/unwind_memo.h"
#include "agent/unwind_stop.h"

/* A deep stack is cut after 4 to 8 words: the more, the more often they differ
 * somewhere. */
#define CUT_FROM 4
#define CUT_TO	 SHAPE_CUT

/* One return address in four. */
static inline bool
is_cut(uint64_t pc)
{
	return pc * UINT64_C(0x9e3779b97f4a7c15) >> 62 == 0;
}

static uint64_t
load(uint64_t address)
{
	return *(const uint64_t *)address;
}

static bool
offset_of(const struct unwind_state *from, uint64_t slot, uint16_t *offset)
{
	uint64_t bytes = slot - from->sp;

	*offset = (uint16_t)(bytes / 8);
	return slot >= from->sp && !(bytes % 8) && bytes / 8 < SHAPE_BP_ENTRY;
}

/* The caller of the frame at `state`. False: not to be kept. */
static bool
step(const struct unwind_state *from, struct unwind_state *state, uint32_t rule,
     uint64_t high, struct unwind_shape *shape)
{
	uint64_t cfa = state->sp + (uint16_t)rule;
	uint64_t slot;

	if (rule & RULE_BASE_BP) {
		shape->checks[shape->check_count++] =
		    (struct shape_check){state->bp - from->sp, shape->bp};
		cfa = state->bp + (uint16_t)rule;
	}
	slot = cfa - 8 * rule_n(rule);
	if (cfa > high || slot < state->sp || cfa < slot ||
	    !offset_of(from, cfa - 8, &shape->offsets[shape->count]))
		return false;
	if (rule_n(rule) != 1) {
		state->bp = load(slot);
		if (!offset_of(from, slot, &shape->bp))
			return false;
	}
	state->pc = load(cfa - 8);
	state->sp = cfa;
	return true;
}

/* Whether pc is no frame but the end of the walk. */
static inline bool
is_end(uint64_t pc, const struct unwind_limits *limits)
{
	return !pc || unwind_is_stop(pc, limits->stop_low,
				     limits->stop_high - limits->stop_low);
}

/* What tells one length of a shape from another. */
struct cut {
	uint16_t count;
	uint16_t check_count;
	uint16_t bp;
	uint32_t span;
};

static void
mark_cut(const struct unwind_shape *shape, struct cut *cut)
{
	uint64_t last = shape->words[shape->count - 1];

	if (cut->count || shape->count < CUT_FROM ||
	    (shape->count < CUT_TO && !is_cut(last)))
		return;
	*cut = (struct cut){shape->count, shape->check_count, shape->bp,
			    shape->span};
}

bool
unwind_shape(struct unwind_kept *kept, const struct unwind_state *from,
	     uint64_t high, const struct unwind_limits *limits, size_t most,
	     struct unwind_shape *shape)
{
	struct unwind_state state = *from;
	struct cut cut = {0};

	memo_refresh(kept);
	shape->count = shape->check_count = 0;
	shape->bp = SHAPE_BP_ENTRY;
	shape->is_last = false;
	shape->span = 0;
	do {
		uint32_t rule = memo_at(kept, memo_find(kept, state.pc))->rule;

		shape->words[shape->count++] = state.pc;
		if (rule & MEMO_SPECIAL) {
			shape->is_last = rule_k(rule) == RULE_OUTERMOST;
			return shape->is_last;
		}
		if (!step(from, &state, rule, high, shape))
			return false;
		shape->span = (uint32_t)(state.sp - from->sp);
		mark_cut(shape, &cut);
		if (is_end(state.pc, limits))
			return true;
	} while (shape->count < most);
	shape->count = cut.count;
	shape->check_count = cut.check_count;
	shape->bp = cut.bp;
	shape->span = cut.span;
	return true;
}
