/*
 * capture.c - the stack that runs now, and its site.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/capture.h"

#include <string.h>

#include "agent/counts.h"
#include "agent/nodes.h"
#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/sites.h"
#include "agent/thread.h"

/* A stack as it was captured. */
struct capture {
	const uint64_t *words; /* innermost first */
	size_t depth;
	size_t same; /* so many of the outermost are those of the last trace */
	bool is_trace; /* a native walk, all of it and nothing else */
};

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

static size_t
python_words(struct thread *thread, size_t from, bool gil)
{
	bool cut = false;
	size_t count =
	    py_walk(thread->words + from, THREAD_WORDS - from, gil, &cut);

	if (cut)
		record_lost(from + count == THREAD_WORDS ? WIRE_LOST_STACK_CUT
							 : WIRE_LOST_PY_FRAME,
			    1);
	return count;
}

/* A stack deeper than what is kept of the last walk is walked as a whole. */
static void
walk_deep(struct thread *thread, const struct unwind_state *state,
	  struct unwind_trace *trace)
{
	trace->count = unwind_walk(*state, &thread->bounds, py_eval_low,
				   py_eval_high, thread->words, THREAD_WORDS,
				   &trace->stopped, &trace->end);
	trace->pcs = thread->words;
}

/* Native frames, and when they lead into the interpreter's loop, the Python
 * frames it runs instead of those that run it. */
static void
capture_native(struct thread *thread, const struct unwind_state *state,
	       struct capture *capture)
{
	const struct unwind_limits limits = {py_eval_low, py_eval_high,
					     UNWIND_KEPT_FRAMES};
	struct unwind_trace trace;
	bool deep;

	unwind_walk_kept(&thread->unwind, state, &thread->bounds, &limits,
			 &trace);
	deep = trace.end == UNWIND_END_FULL;
	if (__builtin_expect(deep, 0))
		walk_deep(thread, state, &trace);
	capture->words = trace.pcs;
	capture->depth = trace.count;
	capture->same = trace.same;
	capture->is_trace = !trace.stopped && !deep;
	if (!trace.stopped) {
		if (trace.end != UNWIND_END_OUTERMOST)
			count_end(trace.end);
		return;
	}
	if (!deep)
		memcpy(thread->words, trace.pcs,
		       trace.count * sizeof(*trace.pcs));
	capture->words = thread->words;
	capture->depth += python_words(thread, trace.count, false);
}

/* A block of a Python allocator needs Python frames only. */
static void
capture_stack(struct thread *thread, enum wire_domain domain,
	      const struct unwind_state *state, struct capture *capture)
{
	if (domain >= WIRE_DOMAIN_PYMEM_RAW &&
	    domain <= WIRE_DOMAIN_PYMEM_OBJECT) {
		capture->words = thread->words;
		capture->is_trace = false;
		capture->depth =
		    python_words(thread, 0, domain != WIRE_DOMAIN_PYMEM_RAW);
		if (capture->depth)
			return;
	}
	capture_native(thread, state, capture);
	if (capture->depth)
		return;
	thread->words[0] = state->pc;
	capture->words = thread->words;
	capture->is_trace = false;
	capture->depth = 1;
}

/* Sums, so that the multiplications of many frames overlap; order counts since
 * each place has a multiplier of its own. */
static inline uint64_t
word_hash(uint64_t word, size_t place)
{
	return word * (UINT64_C(0x9e3779b97f4a7c15) +
		       place * UINT64_C(0xd1b54a32d192ed04));
}

static inline uint64_t
hash_end(uint64_t sum, size_t depth, enum wire_domain domain)
{
	uint64_t hash = (sum + depth + ((uint64_t)domain << 32)) *
			UINT64_C(0xd6e8feb86659fd93);

	return hash ^ hash >> 32;
}

/* How many outermost frames are those of the stack before. */
static size_t
common(const struct kept *kept, const struct capture *capture)
{
	const uint64_t *word = capture->words + capture->depth;
	size_t most =
	    capture->depth < kept->count ? capture->depth : kept->count;
	size_t i = 0;

	if (capture->is_trace && kept->is_trace)
		return capture->same < most ? capture->same : most;
	while (i < most && *--word == kept->word[i])
		i++;
	return i;
}

/* Whether memo's stack is the kept one: its frames from `from` on are compared
 * one by one, the rest by its node. Learns the nodes on the way. */
static bool
memo_is(const struct memo *memo, struct kept *kept, uint64_t hash, size_t from,
	size_t depth)
{
	const struct node *node = memo->node;

	if (!node || memo->hash != hash || memo->epoch != kept->epoch)
		return false;
	for (size_t i = depth; i-- > from;) {
		if (!node || node->word != kept->word[i])
			return false;
		kept->node[i] = node;
		node = node->parent;
	}
	return node == (from ? kept->node[from - 1] : NULL);
}

static bool
memo_fill(struct memo *memo, struct thread *thread, uint64_t hash, size_t from,
	  size_t depth)
{
	struct kept *kept = &thread->kept;
	struct node *node = NULL;

	memo->node = NULL;
	for (size_t i = from; i < depth; i++) {
		node = nodes_child(i ? kept->node[i - 1] : NULL, kept->word[i]);
		if (!node)
			return false;
		kept->node[i] = node;
	}
	if (!node)
		node = nodes_get(kept->node[depth - 1]->id);
	memo->site = sites_intern(node, kept->domain);
	if (!memo->site)
		return false;
	memo->leaf = counts_leaf(&thread->counts, memo->site);
	if (!memo->leaf) {
		record_lost(WIRE_LOST_NO_MEMORY, 1);
		return false;
	}
	memo->hash = hash;
	memo->epoch = kept->epoch;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memo->node = node;
	return true;
}

/* The memo of the kept stack; NULL: no room for it. */
static struct memo *
memo_find(struct thread *thread, size_t from, size_t depth)
{
	struct kept *kept = &thread->kept;
	uint64_t hash = hash_end(kept->hash[depth - 1], depth, kept->domain);
	struct memo *pair = thread->memo[hash % THREAD_MEMO];

	if (memo_is(&pair[0], kept, hash, from, depth))
		return &pair[0];
	if (memo_is(&pair[1], kept, hash, from, depth))
		return &pair[1];
	pair[1].node = NULL; /* while it is neither the old nor the new */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[1].hash = pair[0].hash;
	pair[1].epoch = pair[0].epoch;
	pair[1].site = pair[0].site;
	pair[1].leaf = pair[0].leaf;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[1].node = pair[0].node;
	return memo_fill(&pair[0], thread, hash, from, depth) ? &pair[0] : NULL;
}

/* Makes the captured stack the kept one, from frame `from` on. */
static void
keep(struct kept *kept, const struct capture *capture, size_t from)
{
	uint64_t sum = from ? kept->hash[from - 1] : 0;

	for (size_t i = from; i < capture->depth; i++) {
		kept->word[i] = capture->words[capture->depth - 1 - i];
		sum += word_hash(kept->word[i], i);
		kept->hash[i] = sum;
	}
}

uint32_t
capture_site(struct thread *thread, enum wire_domain domain,
	     const struct unwind_state *state)
{
	uint32_t epoch =
	    (uint32_t)__atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	struct kept *kept = &thread->kept;
	struct capture capture;
	struct memo *memo;
	size_t from;

	capture_stack(thread, domain, state, &capture);
	/* Words may have come to mean other code objects. */
	if (kept->epoch != epoch) {
		kept->count = 0;
		kept->epoch = epoch;
	}
	from = common(kept, &capture);
	kept->is_trace = capture.is_trace;
	if (from == capture.depth && kept->count == from &&
	    kept->domain == domain)
		return kept->site;
	kept->count = 0; /* until all is well: a handler may longjmp away */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	keep(kept, &capture, from);
	kept->domain = domain;
	memo = memo_find(thread, from, capture.depth);
	if (!memo)
		return 0;
	kept->leaf = memo->leaf;
	kept->site = memo->site;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->count = (uint32_t)capture.depth;
	return kept->site;
}
