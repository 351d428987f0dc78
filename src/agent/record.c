/*
 * record.c - what a hook does around the true function.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/record.h"

#include "agent/agent.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/nodes.h"
#include "agent/py/py.h"
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

static size_t
native_words(struct thread *thread, const struct unwind_state *state)
{
	enum unwind_end end = UNWIND_END_OUTERMOST;
	bool stopped = false;
	bool cut = false;
	size_t count;

	count = unwind_walk(*state, &thread->bounds, py_eval_low, py_eval_high,
			    thread->words, THREAD_WORDS, &stopped, &end);
	if (stopped && count < THREAD_WORDS) {
		count += py_walk(thread->words + count, THREAD_WORDS - count,
				 false, &cut);
		if (cut)
			record_lost(WIRE_LOST_PY_FRAME, 1);
		return count;
	}
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
	return count;
}

/* A block of a Python allocator needs Python frames only. */
static size_t
capture(struct thread *thread, enum wire_domain domain,
	const struct unwind_state *state)
{
	bool cut = false;
	size_t count = 0;

	if (domain >= WIRE_DOMAIN_PYMEM_RAW &&
	    domain <= WIRE_DOMAIN_PYMEM_OBJECT) {
		count = py_walk(thread->words, THREAD_WORDS,
				domain != WIRE_DOMAIN_PYMEM_RAW, &cut);
		if (cut)
			record_lost(count == THREAD_WORDS ? WIRE_LOST_STACK_CUT
							  : WIRE_LOST_PY_FRAME,
				    1);
	}
	if (!count)
		count = native_words(thread, state);
	if (!count) {
		thread->words[0] = state->pc;
		count = 1;
	}
	return count;
}

static uint64_t
hash_fold(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* How many outermost frames are those of the stack before. */
static size_t
common(const struct thread *thread, size_t depth)
{
	const struct kept *kept = &thread->kept;
	const uint64_t *word = thread->words + depth;
	size_t most = depth < kept->count ? depth : kept->count;
	size_t i = 0;

	while (i < most && *--word == kept->word[i])
		i++;
	return i;
}

/* Whether memo's stack is the kept one: its frames from `from` on are compared
 * one by one, the rest by its node. Learns the nodes on the way. */
static bool
memo_is(const struct memo *memo, struct kept *kept, size_t from, size_t depth)
{
	uint32_t node = memo->node;

	if (!node || memo->hash != kept->hash[depth - 1] ||
	    memo->epoch != kept->epoch)
		return false;
	for (size_t i = depth; i-- > from;) {
		if (!node || nodes_get(node)->word != kept->word[i])
			return false;
		kept->node[i] = node;
		node = nodes_get(node)->parent;
	}
	return node == (from ? kept->node[from - 1] : 0);
}

static bool
memo_fill(struct memo *memo, struct thread *thread, size_t from, size_t depth,
	  enum wire_domain domain)
{
	struct kept *kept = &thread->kept;
	uint32_t node = from ? kept->node[from - 1] : 0;

	memo->node = 0;
	for (size_t i = from; i < depth; i++) {
		node = nodes_child(node, kept->word[i]);
		if (!node)
			return false;
		kept->node[i] = node;
	}
	memo->site = sites_intern(node, domain);
	if (!memo->site)
		return false;
	memo->leaf = counts_leaf(&thread->counts, memo->site);
	if (!memo->leaf) {
		record_lost(WIRE_LOST_NO_MEMORY, 1);
		return false;
	}
	memo->hash = kept->hash[depth - 1];
	memo->epoch = kept->epoch;
	memo->node = node;
	return true;
}

/* Makes the captured stack the kept one, from frame `from` on. */
static void
keep(struct thread *thread, size_t from, size_t depth, enum wire_domain domain)
{
	struct kept *kept = &thread->kept;
	uint64_t hash = from ? kept->hash[from - 1] : domain + 1;

	for (size_t i = from; i < depth; i++) {
		kept->word[i] = thread->words[depth - 1 - i];
		hash = hash_fold(hash, kept->word[i]);
		kept->hash[i] = hash;
	}
}

/* The site of the stack that is running now, in thread->kept. 0: no room. */
static uint32_t
find_site(struct thread *thread, enum wire_domain domain,
	  const struct unwind_state *state)
{
	uint64_t epoch = __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	struct kept *kept = &thread->kept;
	size_t depth = capture(thread, domain, state);
	struct memo *memo;
	size_t from;

	/* Words may have come to mean other code objects; and hashes differ by
	 * domain, which seldom changes from one block to the next. */
	if (kept->epoch != epoch || kept->domain != domain) {
		kept->count = 0;
		kept->site = 0;
		kept->epoch = epoch;
		kept->domain = domain;
	}
	from = common(thread, depth);
	if (from == depth && kept->count == depth && kept->site)
		return kept->site;
	keep(thread, from, depth, domain);
	kept->count = 0; /* until all is well */
	kept->site = 0;
	memo = &thread->memo[kept->hash[depth - 1] % THREAD_MEMO];
	if (!memo_is(memo, kept, from, depth) &&
	    !memo_fill(memo, thread, from, depth, domain))
		return 0;
	kept->count = (uint32_t)depth;
	kept->leaf = memo->leaf;
	return kept->site = memo->site;
}

static void
map_gone(struct thread *thread, uint32_t site, uint64_t bytes, bool last)
{
	struct leaf *leaf = counts_leaf(&thread->counts, site);

	if (leaf)
		counts_free(leaf, site, bytes, last);
}

static void
forget_block(struct thread *thread, void *block)
{
	struct taken old = {0, 0};

	old.site = live_take((uint64_t)block, &old.size);
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
	uint32_t site;

	recording_set(true);
	site = find_site(thread, domain, state);
	if (site && remember(thread, domain, site, block, size))
		counts_alloc(thread->kept.leaf, site, size);
	recording_set(false);
}

struct taken
record_take(struct thread *thread, void *block)
{
	struct taken taken = {0, 0};

	(void)thread;
	if (block)
		taken.site = live_take((uint64_t)block, &taken.size);
	return taken;
}

void
record_freed(struct thread *thread, struct taken taken)
{
	struct leaf *leaf;

	if (!taken.site)
		return;
	leaf = counts_leaf(&thread->counts, taken.site);
	if (leaf)
		counts_free(leaf, taken.site, taken.size, 1);
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
	struct taken taken = {0, 0};

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
		counts_alloc(leaf, taken.site, taken.size);
	recording_set(false);
}
