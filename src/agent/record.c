/*
 * record.c - what a hook does around the true function.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/record.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/nodes.h"
#include "agent/py/py.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/sites.h"
#include "agent/thread.h"

static uint64_t lost[WIRE_LOST_COUNT];

void
record_lost(enum wire_lost cause, uint64_t count)
{
	__atomic_fetch_add(&lost[cause], count, __ATOMIC_RELAXED);
}

uint64_t
record_losses(enum wire_lost cause)
{
	return __atomic_load_n(&lost[cause], __ATOMIC_RELAXED);
}

/*
 * A hook is already in progress in this thread. Either this one is called from
 * inside it, or a handler left that one by longjmp and its guard is stale: then
 * we are in a frame further out on the same stack.
 */
static bool
guard_is_stale(uint64_t frame)
{
	const struct thread *thread = thread_tls.thread;
	uint64_t guard = thread_tls.guard;

	return guard != GUARD_FOREVER && thread && frame > guard &&
	       guard >= thread->bounds.low && frame < thread->bounds.high;
}

struct thread *
record_begin(void *frame)
{
	struct thread *thread;

	if (__builtin_expect(!agent_on, 0))
		return NULL;
	if (__builtin_expect(thread_tls.guard != 0, 0)) {
		if (!guard_is_stale((uint64_t)frame)) {
			if (thread_tls.recording)
				record_lost(WIRE_LOST_REENTRANT, 1);
			return NULL;
		}
		thread_tls.recording = false;
		safe_lock_abandon();
	}
	thread_tls.guard = (uint64_t)frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread = thread_tls.thread;
	if (__builtin_expect(!thread, 0)) {
		thread = thread_self();
		if (!thread)
			thread_tls.guard = 0;
	}
	return thread;
}

void
record_end(struct thread *thread)
{
	(void)thread;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.guard = 0;
}

static void
recording_set(bool on)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.recording = on;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

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

/* The site of the stack that is running now, in thread->kept. 0: no room. */
static uint32_t
find_site(struct thread *thread, enum wire_domain domain,
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

static void
map_gone(struct thread *thread, uint32_t site, uint64_t bytes, bool last)
{
	struct leaf *leaf = counts_leaf(&thread->counts, site);

	if (leaf)
		counts_free(leaf, site, bytes, last);
}

/* Mappings are few and large: they are always counted in full. */
static struct weight
weight_of(uint64_t size, uint64_t address)
{
	if (agent_config.sample_bytes <= 1)
		return (struct weight){size, 1};
	return sample_weight(size, address, agent_config.sample_bytes);
}

/* Sampled mode: whether no point falls on a block of this size. */
static inline bool
is_passed_over(struct thread *thread, uint64_t size)
{
	uint64_t interval = agent_config.sample_bytes;

	if (interval <= 1)
		return false;
	thread->countdown -= (int64_t)size;
	if (thread->countdown > 0)
		return true;
	if (!thread->random) {
		thread->random = thread->owner * UINT64_C(0x9e3779b97f4a7c15);
		thread->random |= 1;
		thread->countdown += sample_next(&thread->random, interval);
		if (thread->countdown > 0)
			return true;
	}
	thread->countdown = sample_next(&thread->random, interval);
	return false;
}

static void
forget_block(struct thread *thread, void *block)
{
	struct taken old = {0};

	old.address = (uint64_t)block;
	old.site = live_take(old.address, &old.size);
	if (!old.site)
		return;
	/* Its free was not seen: the address could not be given out else. */
	record_freed(thread, old);
}

static bool
remember(struct thread *thread, enum wire_domain domain, uint32_t site,
	 void *block, uint64_t size)
{
	enum wire_lost cause = WIRE_LOST_LIVE_FULL;

	if (domain == WIRE_DOMAIN_MMAP) {
		maps_remove((uint64_t)block, size, NULL, thread, map_gone);
		if (maps_add((uint64_t)block, size, site))
			return true;
		cause = WIRE_LOST_MMAP_FULL;
	} else {
		forget_block(thread, block);
		if (live_put((uint64_t)block, site, size))
			return true;
		if (size > LIVE_SIZE_MAX)
			cause = WIRE_LOST_TOO_LARGE;
	}
	record_lost(cause, 1);
	return false;
}

void
record_alloc(struct thread *thread, enum wire_domain domain,
	     const struct unwind_state *state, void *block, uint64_t size)
{
	struct weight weight = {size, 1};
	uint32_t site;

	if (domain != WIRE_DOMAIN_MMAP) {
		if (is_passed_over(thread, size))
			return;
		weight = weight_of(size, (uint64_t)block);
	}
	recording_set(true);
	site = find_site(thread, domain, state);
	if (site && remember(thread, domain, site, block, size))
		counts_alloc(thread->kept.leaf, site, weight.bytes,
			     weight.count);
	recording_set(false);
}

struct taken
record_take(struct thread *thread, void *block)
{
	struct taken taken = {0};

	(void)thread;
	taken.address = (uint64_t)block;
	if (block)
		taken.site = live_take(taken.address, &taken.size);
	return taken;
}

void
record_freed(struct thread *thread, struct taken taken)
{
	struct weight weight;
	struct leaf *leaf;

	if (!taken.site)
		return;
	leaf = counts_leaf(&thread->counts, taken.site);
	weight = weight_of(taken.size, taken.address);
	if (leaf)
		counts_free(leaf, taken.site, weight.bytes, weight.count);
	else
		record_lost(WIRE_LOST_NO_MEMORY, 1);
}

void
record_put_back(struct thread *thread, void *block, struct taken taken)
{
	(void)thread;
	if (taken.site)
		live_put((uint64_t)block, taken.site, taken.size);
}

struct taken
record_unmapped(struct thread *thread, void *start, uint64_t size)
{
	struct taken taken = {0};

	recording_set(true);
	taken.size =
	    maps_remove((uint64_t)start, size, &taken.site, thread, map_gone);
	recording_set(false);
	return taken;
}

void
record_unmap_failed(struct thread *thread, void *start, struct taken taken)
{
	struct leaf *leaf;

	if (!taken.site)
		return;
	recording_set(true);
	leaf = counts_leaf(&thread->counts, taken.site);
	if (leaf && maps_add((uint64_t)start, taken.size, taken.site))
		counts_alloc(leaf, taken.site, taken.size, 1);
	recording_set(false);
}
