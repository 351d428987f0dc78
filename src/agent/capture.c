/*
 * capture.c - the stack that runs now, and its site.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/capture.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/counts.h"
#include "agent/mixed.h"
#include "agent/nodes.h"
#include "agent/piece.h"
#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "agent/unwind_rules.h"
#include "agent/unwind_stop.h"

#define INLINE static inline __attribute__((always_inline))

#define DEEP	     5 /* pieces */
#define DEEP_REPEATS 4
#define NO_DOMAIN    255 /* the node is wanted, no site */

static void
count_end(enum unwind_end end)
{
	switch (end) {
	case UNWIND_END_FULL:
		record_lost(WIRE_LOST_STACK_CUT, 1);
		break;
	case UNWIND_END_NO_RULE:
		record_lost(WIRE_LOST_STACK_NO_RULE, 1);
		break;
	case UNWIND_END_BOUNDS:
		record_lost(WIRE_LOST_STACK_BOUNDS, 1);
		break;
	case UNWIND_END_OUTERMOST:
		break;
	}
}

/* A stack as it was walked. */
struct trace {
	const uint64_t *words; /* innermost first */
	size_t count;
	size_t same; /* so many of the outermost are those of the last one */
	const struct node *base; /* of the stack outside of words */
	uint32_t domain;
	uint32_t epoch;
};

/* The nodes of the words, from the outermost of them on. */
static const struct node *
intern(const struct node *node, const uint64_t *words, size_t count)
{
	while (count-- > 0) {
		node = nodes_child(node, words[count]);
		if (!node)
			return NULL;
	}
	return node;
}

static void
site_set(struct strand *strand, uint32_t domain, uint32_t site,
	 struct leaf *leaf)
{
	strand->sites[domain] = site;
	strand->leaves[domain] = leaf;
	strand->known |= 1u << domain;
}

/* Learns the strand's site in a domain: that of a node. False: no room. */
INLINE bool
settle(struct thread *thread, struct strand *strand, const struct node *node,
       uint32_t domain)
{
	struct leaf *leaf;
	uint32_t site;

	if (domain == NO_DOMAIN || strand->known & 1u << domain)
		return true;
	site = sites_intern(node, domain);
	if (!site)
		return false;
	leaf = counts_leaf(&thread->counts, site);
	if (leaf)
		site_set(strand, domain, site, leaf);
	return leaf != NULL;
}

/* The strand's stack and its site, from `node`, which holds its `same`
 * outermost words. */
INLINE bool
strand_lead(struct thread *thread, struct strand *strand,
	    const struct trace *trace, const struct node *node, size_t same)
{
	for (size_t i = same; i < trace->count; i++) {
		node = nodes_child(node, trace->words[trace->count - 1 - i]);
		if (!node)
			return false;
		strand->nodes[i] = node;
	}
	return node && settle(thread, strand, node, trace->domain);
}

/* Makes the trace the strand. False: no room. */
INLINE bool
strand_follow(struct thread *thread, struct strand *strand,
	      const struct trace *trace)
{
	size_t same = trace->same < strand->count ? trace->same : strand->count;
	const struct node *node;
	bool is_same;

	if (strand->base != trace->base || strand->epoch != trace->epoch)
		same = 0;
	is_same = same == trace->count && strand->count == same;
	if (is_same && trace->count)
		return settle(thread, strand, strand->nodes[same - 1],
			      trace->domain);
	node = same ? strand->nodes[same - 1] : trace->base;
	strand->count = 0; /* until all is well: a handler may longjmp away */
	strand->known = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	strand->base = trace->base;
	strand->epoch = trace->epoch;
	if (!strand_lead(thread, strand, trace, node, same))
		return false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	strand->count = (uint32_t)trace->count;
	return true;
}

static __attribute__((noinline)) void
count_cut(const struct py_kept_stack *found)
{
	record_lost(found->is_broken ? WIRE_LOST_PY_FRAME : WIRE_LOST_STACK_CUT,
		    1);
}

/* The Python stack, just looked at, as the thread's python strand; same: it is
 * the last one. False: none, or no room. */
INLINE bool
python(struct thread *thread, uint32_t domain, bool same)
{
	const struct py_kept_stack *found = &thread->py_kept.found;
	struct trace trace = {.domain = domain};

	if (same && thread->python.count)
		return settle(thread, &thread->python,
			      thread->python.nodes[thread->python.count - 1],
			      domain);
	trace.epoch = (uint32_t)thread->py_kept.epoch;
	trace.count = found->count;
	if (__builtin_expect(
		found->is_broken || py_kept_is_cut(&thread->py_kept), 0))
		count_cut(found);
	if (!trace.count) {
		thread->python.count = thread->python.known = 0;
		return false;
	}
	trace.words = found->words;
	trace.same = found->same;
	return strand_follow(thread, &thread->python, &trace);
}

/* What is below the native frames that the interpreter called. */
static const struct node *
python_base(struct thread *thread)
{
	const struct strand *strand = &thread->python;

	if (!python(thread, NO_DOMAIN, py_kept_look(&thread->py_kept, false)))
		return NULL;
	return strand->nodes[strand->count - 1];
}

/* A stack deeper than what is kept of the last walk is walked as a whole. */
static void
walk_deep(struct thread *thread, const struct unwind_state *state,
	  struct unwind_trace *walked)
{
	walked->count = unwind_walk(*state, &thread->bounds, py_eval_low,
				    py_eval_high, thread->words, THREAD_WORDS,
				    &walked->stopped, &walked->end);
	walked->pcs = thread->words;
	walked->same = 0;
}

/* By the rules of each frame. Native frames, and when they lead into the
 * interpreter's loop, the Python frames it runs instead of those that run it.
 */
static uint32_t
native_walk(struct thread *thread, enum wire_domain domain,
	    const struct unwind_state *state,
	    const struct unwind_limits *limits)
{
	struct strand *strand = &thread->native;
	struct trace trace = {.domain = domain};
	struct unwind_trace walked;

	unwind_walk_kept(&thread->unwind, state, &thread->bounds, limits,
			 &walked);
	if (__builtin_expect(walked.end == UNWIND_END_FULL, 0))
		walk_deep(thread, state, &walked);
	if (walked.end != UNWIND_END_OUTERMOST)
		count_end(walked.end);
	trace.words = walked.count ? walked.pcs : &state->pc;
	trace.count = walked.count ? walked.count : 1;
	trace.same = walked.same;
	if (walked.stopped)
		trace.base = python_base(thread);
	if (walked.stopped && !walked.count && trace.base) {
		/* Called by the loop itself: the Python stack is all. */
		strand->count = strand->known = 0;
		if (!settle(thread, strand, trace.base, domain))
			return 0;
	} else if (!strand_follow(thread, strand, &trace)) {
		return 0;
	}
	thread->leaf = strand->leaves[domain];
	return strand->sites[domain];
}

/* The referee looks at stacks met in pieces too. */
static __attribute__((noinline)) void
pieces_check(struct thread *thread, bool stopped)
{
	struct pieces *pieces = &thread->pieces;
	size_t count = 0;

	for (uint32_t i = 0; i < pieces->count; i++) {
		const struct piece *piece = pieces_get(pieces, pieces->walk[i]);

		if (!piece || count + piece->count > UNWIND_KEPT_FRAMES)
			return;
		memcpy(thread->words + count, piece->words,
		       piece->count * sizeof(*piece->words));
		count += piece->count;
	}
	walk_check(thread->words, count, UNWIND_KEPT_FRAMES, stopped,
		   UNWIND_END_OUTERMOST);
}

/* Finds out what the walk is on top of a base. NULL: it cannot be had. */
static __attribute__((noinline)) const struct joint *
join(struct thread *thread, const struct node *base, uint32_t domain)
{
	struct pieces *pieces = &thread->pieces;
	struct joint joint = {.base = base, .domain = (uint16_t)domain};
	const struct node *node = base;

	for (uint32_t i = pieces->count; i-- > 0;) {
		const struct piece *piece = pieces_get(pieces, pieces->walk[i]);

		node = piece ? intern(node, piece->words, piece->count) : NULL;
		if (!node)
			return NULL;
	}
	joint.node = node;
	joint.site = sites_intern(node, domain);
	if (!joint.site)
		return NULL;
	joint.leaf = counts_leaf(&thread->counts, joint.site);
	return joint.leaf ? pieces_join(pieces, &joint) : NULL;
}

/* By what this thread has met before. 0: not to be had so. */
static uint32_t
native_pieces(struct thread *thread, enum wire_domain domain,
	      const struct unwind_state *state,
	      const struct unwind_limits *limits)
{
	struct pieces *pieces = &thread->pieces;
	const struct node *base = NULL;
	const struct piece *only;
	const struct joint *joint;
	bool stopped;

	if (!pieces_walk(pieces, &thread->unwind, *state, thread->bounds.high,
			 limits, &stopped))
		return 0;
	if (__builtin_expect(walk_kind == WIRE_UNWINDER_CHECK, 0))
		pieces_check(thread, stopped);
	if (stopped)
		base = python_base(thread);
	only = pieces_only(pieces, base, domain);
	if (__builtin_expect(only != NULL, 1)) {
		if (agent_config.native == WIRE_NATIVE_LEAF &&
		    walk_kind == WIRE_UNWINDER_RULES)
			pieces->quick = pieces->changes;
		thread->leaf = only->leaf;
		return only->site;
	}
	joint = pieces_joint(pieces, base, domain);
	if (__builtin_expect(!joint, 0))
		joint = join(thread, base, domain);
	if (__builtin_expect(!joint, 0))
		return 0;
	thread->leaf = joint->leaf;
	return joint->site;
}

/* By the last walk that was kept, while stacks are like it. */
static uint32_t
native_deep(struct thread *thread, enum wire_domain domain,
	    const struct unwind_state *state,
	    const struct unwind_limits *limits)
{
	const struct unwind_bounds *bounds = &thread->bounds;

	if (state->sp - bounds->low >= bounds->high - bounds->low)
		return 0;
	/* The first one to be kept; then as long as it is of use. */
	if (thread->pieces.repeats++ > DEEP_REPEATS + 1 &&
	    !unwind_kept_is_likely(&thread->unwind, state->sp)) {
		thread->pieces.repeats = 0;
		return 0;
	}
	return native_walk(thread, domain, state, limits);
}

static uint32_t
native(struct thread *thread, enum wire_domain domain,
       const struct unwind_state *state)
{
	const struct unwind_limits limits = {py_eval_low, py_eval_high,
					     UNWIND_KEPT_FRAMES};
	const struct unwind_bounds *bounds = &thread->bounds;
	uint32_t site = 0;

	pieces_refresh(&thread->pieces);
	/* Where a deep stack stays, it is cheaper to see that it does. */
	if (thread->pieces.repeats > DEEP_REPEATS &&
	    thread->pieces.count > DEEP)
		site = native_deep(thread, domain, state, &limits);
	else if (state->sp - bounds->low < bounds->high - bounds->low &&
		 !unwind_is_stop(state->pc, py_eval_low,
				 py_eval_high - py_eval_low) &&
		 walk_kind != WIRE_UNWINDER_LIBUNWIND)
		site = native_pieces(thread, domain, state, &limits);
	if (__builtin_expect(!site, 0))
		site = native_walk(thread, domain, state, &limits);
	return site;
}

/* All frames, interleaved. Not inline: its stack is not the usual walk's. */
static __attribute__((noinline)) uint32_t
mixed(struct thread *thread, enum wire_domain domain,
      const struct unwind_state *state)
{
	bool gil = domain == WIRE_DOMAIN_PYMEM_MEM ||
		   domain == WIRE_DOMAIN_PYMEM_OBJECT;
	struct strand *strand = &thread->native;
	struct trace trace = {.domain = domain};
	struct mixed_trace walked;

	trace.epoch =
	    (uint32_t)__atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	mixed_walk(thread, state, gil, &walked);
	if (walked.is_full)
		walked.end = UNWIND_END_FULL;
	count_end(walked.end);
	if (walked.is_python_cut)
		record_lost(WIRE_LOST_PY_FRAME, 1);
	trace.words = walked.words;
	trace.count = walked.count;
	trace.same = walked.same;
	if (!strand_follow(thread, strand, &trace))
		return 0;
	thread->mixed.is_followed = true;
	thread->leaf = strand->leaves[domain];
	return strand->sites[domain];
}

/* The Python frames alone. 0: there are none, or no room. */
INLINE uint32_t
python_only(struct thread *thread, enum wire_domain domain, bool same)
{
	if (!python(thread, domain, same))
		return 0;
	thread->leaf = thread->python.leaves[domain];
	return thread->python.sites[domain];
}

/* With --native=none. */
static __attribute__((noinline)) uint32_t
python_alone(struct thread *thread, enum wire_domain domain)
{
	return python_only(thread, domain,
			   py_kept_look(&thread->py_kept, false));
}

uint32_t
capture_site_slow(struct thread *thread, enum wire_domain domain,
		  const struct unwind_state *state)
{
	uint32_t site = 0;

	if (__builtin_expect(agent_config.native == WIRE_NATIVE_FULL, 0))
		return mixed(thread, domain, state);
	if (__builtin_expect(agent_config.native == WIRE_NATIVE_NONE, 0))
		site = python_alone(thread, domain);
	return site ? site : native(thread, domain, state);
}

/* Apart, so that the usual way keeps few registers. */
static __attribute__((noinline)) uint32_t
python_and_native(struct thread *thread, enum wire_domain domain,
		  const void *frame)
{
	struct unwind_state state;

	RECORD_CALLER_AT(&state, frame);
	return capture_site(thread, domain, &state);
}

/* Needs Python frames only, if there are any. */
uint32_t
capture_python_slow(struct thread *thread, enum wire_domain domain,
		    const void *frame, bool same)
{
	uint32_t site = 0;

	if (agent_config.native != WIRE_NATIVE_FULL)
		site = python_only(thread, domain, same);
	return site ? site : python_and_native(thread, domain, frame);
}

void
capture_forget(struct thread *thread)
{
	thread->python.known = 0;
	thread->native.known = 0;
	pieces_end(&thread->pieces);
}
