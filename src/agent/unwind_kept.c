/*
 * unwind_kept.c - the incremental walk.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_kept.h"

#include <string.h>

#include "agent/unwind_memo.h"
#include "agent/unwind_rules.h"
#include "agent/unwind_stop.h"
#include "agent/unwind_table.h"
#include "heaptop/wire.h"

#define FRAMES	     UNWIND_KEPT_FRAMES
#define WRONG_MAX    4
#define LIKELY_INNER 8
#define LIKELY_OUTER 24

/* One incremental walk. */
struct attempt {
	struct unwind_kept *kept;
	struct walk walk;
	uint32_t join;	    /* kept frames from here on are still there */
	uint64_t join_slot; /* of that frame; all ones: none */
	uint64_t end_slot;
	uint64_t end_value;
	size_t unjoinable; /* so many of the fresh frames cannot be met again */
	bool is_kept;	   /* the end can be verified next time */
	bool is_elsewhere; /* left for a stack that is not the thread's own */
};

static uint64_t
load(uint64_t address)
{
	return *(const uint64_t *)address;
}

/* Forgets what was kept under other circumstances. */
static void
prepare(struct attempt *attempt)
{
	struct unwind_kept *kept = attempt->kept;
	const struct walk *walk = &attempt->walk;

	memo_refresh(kept);
	if (unlikely(!kept->is_whole || kept->high != walk->range.high ||
		     kept->stop_low != walk->stop_low ||
		     kept->stop_size != walk->stop_size)) {
		kept->first = kept->joints = FRAMES;
		kept->checks = 0;
		kept->high = walk->range.high;
		kept->stop_low = walk->stop_low;
		kept->stop_size = walk->stop_size;
	}
	/* A signal handler may leave by longjmp while this is under way. */
	kept->is_whole = false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Finds the kept frames that are certainly still there: all from join on have
 * the contents of their slots, and bp where they need it. */
static void
verify(struct attempt *attempt)
{
	const struct unwind_kept *kept = attempt->kept;
	uint64_t lowest = attempt->walk.first.sp - 8;
	uint32_t inner = kept->joints;
	uint32_t at = FRAMES;

	while (inner < FRAMES && kept->slots[inner] < lowest)
		inner++;
	if (inner < FRAMES && kept->end_slot &&
	    load(kept->end_slot) != kept->end_value)
		inner = FRAMES;
	while (at > inner && load(kept->slots[at - 1]) == kept->pcs[at - 1])
		at--;
	for (uint32_t i = 0; i < kept->checks; i++) {
		if (kept->check[i].frame < at)
			break;
		if (load(kept->check[i].slot) != kept->check[i].value) {
			at = (uint32_t)kept->check[i].frame + 1;
			break;
		}
	}
	attempt->join = at;
	attempt->join_slot = at < FRAMES ? kept->slots[at] : ~0ull;
}

/* Whether the frame is the kept one at join; moves join outwards if not. */
static __attribute__((noinline)) bool
meets(struct attempt *attempt, uint64_t slot, uint64_t pc, uint64_t bp)
{
	const struct unwind_kept *kept = attempt->kept;
	uint32_t at = attempt->join;

	while (at < FRAMES && kept->slots[at] < slot)
		at++;
	attempt->join = at;
	if (at < FRAMES && kept->slots[at] == slot) {
		if (kept->pcs[at] == pc &&
		    (!kept->needs_bp[at] || kept->bps[at] == bp))
			return true;
		attempt->join = ++at;
	}
	attempt->join_slot = at < FRAMES ? kept->slots[at] : ~0ull;
	return false;
}

/* The place of the caller's pc: the one guessed, if it is right. A walk on
 * which most guesses fail does without: a wrong one costs three frames. */
static inline uint32_t
memo_follow(struct unwind_kept *kept, uint32_t place, uint64_t pc,
	    unsigned *wrong)
{
	uint32_t next = memo_at(kept, place)->next;

	if (*wrong >= WRONG_MAX)
		return memo_find(kept, pc);
	if (likely(memo_at(kept, next)->pc == pc))
		return next;
	next = memo_find(kept, pc);
	memo_at(kept, place)->next = next;
	++*wrong;
	return next;
}

/* Goes on over a frame whose rule is special. Frames up to there cannot be
 * met again: what their step read is not kept. */
static __attribute__((noinline)) bool
step_special(struct attempt *attempt, size_t n, uint64_t rule,
	     const struct unwind_state *state)
{
	struct unwind_kept *kept = attempt->kept;
	struct walk *walk = &attempt->walk;

	walk->count = n;
	walk->state = *state;
	attempt->is_kept = rule_k(rule) == RULE_OUTERMOST;
	attempt->end_slot = 0;
	if (attempt->is_kept)
		kept->fresh[n - 1].rule = 0;
	if (!walk_special(walk, rule))
		return false;
	/* The last one was only taken; the loop takes it again. */
	walk->count--;
	for (; n < walk->count; n++)
		kept->fresh[n].slot = kept->fresh[n].bp = 0;
	attempt->unjoinable = walk->count;
	attempt->is_elsewhere = !walk->range.is_known;
	return walk->range.is_known;
}

/* Walks until a kept frame is met (true), or to the end. */
static bool
advance(struct attempt *attempt)
{
	struct unwind_kept *const kept = attempt->kept;
	struct walk *const walk = &attempt->walk;
	const uint64_t stop_low = walk->stop_low;
	const uint64_t stop_size = walk->stop_size;
	const size_t max = walk->max;
	uint64_t pc = walk->first.pc;
	uint64_t sp = walk->first.sp;
	uint64_t bp = walk->first.bp;
	uint32_t place = memo_find(kept, pc);
	unsigned wrong = 0;
	size_t n = 0;

	for (;;) {
		const uint32_t rule = memo_at(kept, place)->rule;
		uint64_t cfa, slot;

		if (unlikely(n == max)) {
			walk->count = n;
			walk->end = UNWIND_END_FULL;
			return false;
		}
		if (unlikely(sp - 8 >= attempt->join_slot) &&
		    meets(attempt, sp - 8, pc, bp)) {
			walk->count = n;
			return true;
		}
		kept->fresh_pcs[n] = pc;
		kept->fresh[n].slot = sp - 8;
		kept->fresh[n].bp = bp;
		kept->fresh[n].rule = rule;
		n++;
		if (unlikely(rule & MEMO_SPECIAL)) {
			struct unwind_state state = {pc, sp, bp};

			if (!step_special(attempt, n, rule, &state))
				return false;
			n = walk->count;
			pc = walk->state.pc;
			sp = walk->state.sp;
			bp = walk->state.bp;
			place = memo_find(kept, pc);
			continue;
		}
		if (rule & RULE_BASE_BP)
			cfa = opaque(bp) + (uint16_t)rule;
		else
			cfa = sp + (uint16_t)rule;
		slot = cfa - 8 * rule_n(rule);
		if (unlikely(cfa > walk->range.high || slot < sp ||
			     cfa < slot)) {
			walk->count = n;
			walk->end = UNWIND_END_BOUNDS;
			return false;
		}
		pc = load(cfa - 8);
		if (rule_n(rule) != 1)
			bp = load(slot);
		sp = cfa;
		if (unlikely(unwind_is_stop(pc, stop_low, stop_size) ||
			     pc == 0)) {
			walk->count = n;
			walk->end = UNWIND_END_OUTERMOST;
			walk->stopped = pc != 0;
			attempt->is_kept = true;
			attempt->end_slot = cfa - 8;
			attempt->end_value = pc;
			return false;
		}
		place = memo_follow(kept, place, pc, &wrong);
	}
}

/* Puts one fresh frame before the kept one at index `outer`. */
static void
keep(struct unwind_kept *kept, size_t n, uint32_t outer, bool may_join)
{
	const uint64_t rule = kept->fresh[n].rule;
	const uint32_t at = outer - 1;
	bool needed = outer < FRAMES && kept->needs_bp[outer];

	kept->pcs[at] = kept->fresh_pcs[n];
	kept->slots[at] = kept->fresh[n].slot;
	kept->bps[at] = kept->fresh[n].bp;
	if (!may_join)
		return;
	if (needed && rule_n(rule) != 1) {
		kept->check[kept->checks].slot =
		    kept->slots[outer] + 8 - 8 * rule_n(rule);
		kept->check[kept->checks].value = kept->bps[outer];
		kept->check[kept->checks].frame = at;
		kept->checks++;
		needed = false;
	}
	kept->needs_bp[at] = needed || rule & RULE_BASE_BP;
}

/* The fresh frames take the place of the kept ones before join. */
static void
commit(struct attempt *attempt, bool met)
{
	struct unwind_kept *kept = attempt->kept;
	uint32_t at = met ? attempt->join : FRAMES;
	size_t n = attempt->walk.count;

	while (kept->checks && kept->check[kept->checks - 1].frame < at)
		kept->checks--;
	if (kept->joints < at)
		kept->joints = at;
	while (n > 0) {
		bool may_join = n > attempt->unjoinable;

		n--;
		keep(kept, n, at, may_join);
		at--;
		if (may_join)
			kept->joints = at;
	}
	kept->first = at;
	if (!met) {
		kept->end_slot = attempt->end_slot;
		kept->end_value = attempt->end_value;
		kept->stopped = attempt->walk.stopped;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->is_whole = true;
}

/* Without the kept stack; what was kept is forgotten. */
static void
walk_plainly(struct unwind_kept *kept, const struct unwind_state *state,
	     struct unwind_bounds *bounds, const struct unwind_limits *limits,
	     struct unwind_trace *trace)
{
	kept->is_whole = false;
	trace->count = unwind_walk(*state, bounds, limits->stop_low,
				   limits->stop_high, kept->fresh_pcs,
				   limits->max, &trace->stopped, &trace->end);
	trace->pcs = kept->fresh_pcs;
	trace->same = 0;
}

void
unwind_walk_kept(struct unwind_kept *kept, const struct unwind_state *state,
		 struct unwind_bounds *bounds,
		 const struct unwind_limits *limits, struct unwind_trace *trace)
{
	struct attempt attempt;
	struct walk *walk = &attempt.walk;
	size_t count;
	bool met;

	walk->first = *state;
	walk->bounds = bounds;
	walk->stop_low = limits->stop_low;
	walk->stop_size = limits->stop_high - limits->stop_low;
	walk->pcs = kept->fresh_pcs;
	walk->max = limits->max < FRAMES ? limits->max : FRAMES;
	walk->stopped = false;
	attempt.kept = kept;
	attempt.unjoinable = 0;
	attempt.is_kept = false;
	attempt.is_elsewhere = false;
	attempt.end_value = 0;
	if (unlikely(
		!stack_enter(bounds, state->sp, &walk->range) ||
		!walk->range.is_known || walk_kind == WIRE_UNWINDER_LIBUNWIND ||
		unwind_is_stop(state->pc, walk->stop_low, walk->stop_size))) {
		walk_plainly(kept, state, bounds, limits, trace);
		return;
	}
	prepare(&attempt);
	verify(&attempt);
	met = advance(&attempt);
	count = walk->count + (met ? FRAMES - attempt.join : 0);
	if (unlikely(count > walk->max || attempt.is_elsewhere)) {
		walk_plainly(kept, state, bounds, limits, trace);
		return;
	}
	trace->count = count;
	trace->same = met ? FRAMES - attempt.join : 0;
	if (unlikely(!met && !attempt.is_kept)) {
		trace->pcs = kept->fresh_pcs;
		trace->stopped = walk->stopped;
		trace->end = walk->end;
	} else {
		commit(&attempt, met);
		trace->pcs = kept->pcs + kept->first;
		trace->stopped = kept->stopped;
		trace->end = UNWIND_END_OUTERMOST;
	}
	if (unlikely(walk_kind == WIRE_UNWINDER_CHECK))
		walk_check(trace->pcs, trace->count, walk->max, trace->stopped,
			   trace->end);
}

bool
unwind_kept_is_likely(const struct unwind_kept *kept, uint64_t sp)
{
	uint32_t at = kept->joints + LIKELY_INNER;

	return kept->is_whole && at + LIKELY_OUTER < FRAMES &&
	       kept->slots[at] >= sp &&
	       load(kept->slots[at]) == kept->pcs[at] &&
	       load(kept->slots[at + LIKELY_OUTER / 2]) ==
		   kept->pcs[at + LIKELY_OUTER / 2];
}
