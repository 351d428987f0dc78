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
#include "agent/path.h"
#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "agent/unwind_rules.h"

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
	const uint64_t *end; /* what follows the words, for a shape */
	const struct unwind_shape *shape;
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

/* Sets strand's site: that of a node. False: no room. */
static bool
settle(struct thread *thread, struct strand *strand, const struct node *node,
       uint32_t domain)
{
	strand->domain = domain;
	if (domain == PATH_NO_DOMAIN)
		return true;
	strand->site = sites_intern(nodes_get(node->id), domain);
	if (!strand->site)
		return false;
	strand->leaf = counts_leaf(&thread->counts, strand->site);
	if (!strand->leaf)
		record_lost(WIRE_LOST_NO_MEMORY, 1);
	return strand->leaf != NULL;
}

/* The path of the innermost `fresh` words on top of base, made if need be. */
static struct path *
path_of(struct thread *thread, struct strand *strand, const struct trace *trace,
	const struct node *base, size_t fresh)
{
	struct path_key key = {trace->words, fresh,	    fresh,
			       base,	     trace->domain, trace->epoch};
	const struct node *node;
	struct path *path;

	if (trace->shape) {
		memcpy(thread->words, trace->words,
		       fresh * sizeof(*trace->words));
		thread->words[fresh] = trace->shape->end;
		key.words = thread->words;
		key.total = trace->shape->count;
	}
	path = path_find(&thread->paths, &key);
	if (path && (path->has_shape || !trace->shape))
		return path;
	node = intern(base, trace->words, fresh);
	if (!node || !settle(thread, strand, node, trace->domain))
		return NULL;
	path = path_make(&thread->paths, &key, trace->shape);
	path->node = node;
	path->site = strand->site;
	path->leaf = strand->leaf;
	path_publish(&thread->paths, path);
	return path;
}

/* The strand's stack and its site, from `node`, which holds its `same`
 * outermost words. */
static bool
strand_lead(struct thread *thread, struct strand *strand,
	    const struct trace *trace, const struct node *node, size_t same)
{
	size_t fresh = trace->count - same;
	struct path *path;

	strand->path = NULL;
	if (fresh > 0 && fresh < PATH_WORDS) {
		path = path_of(thread, strand, trace, node, fresh);
		if (!path)
			return false;
		node = path->node;
		strand->path = path;
		strand->site = path->site;
		strand->leaf = path->leaf;
		strand->domain = trace->domain;
	} else {
		node = intern(node, trace->words, fresh);
		if (!node || !settle(thread, strand, node, trace->domain))
			return false;
	}
	for (size_t i = trace->count; i-- > same; node = node->parent)
		strand->nodes[i] = node;
	return true;
}

/* Makes the trace the strand. False: no room. */
static bool
strand_follow(struct thread *thread, struct strand *strand,
	      const struct trace *trace)
{
	size_t same = trace->same < strand->count ? trace->same : strand->count;
	const struct node *node;
	bool is_same;

	if (strand->base != trace->base || strand->epoch != trace->epoch)
		same = 0;
	is_same = same == trace->count && strand->count == same;
	if (is_same && !trace->shape &&
	    (trace->domain == strand->domain ||
	     trace->domain == PATH_NO_DOMAIN))
		return true;
	if (trace->shape) /* a path of the whole of it */
		same = 0;
	node = same ? strand->nodes[same - 1] : trace->base;
	strand->count = 0; /* until all is well: a handler may longjmp away */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	strand->base = trace->base;
	strand->epoch = trace->epoch;
	if (!strand_lead(thread, strand, trace, node, same))
		return false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	strand->count = (uint32_t)trace->count;
	return true;
}

static size_t
python_words(struct thread *thread, bool gil, const uint64_t **words,
	     size_t *same, bool *cut)
{
	size_t count = py_walk(thread->words, THREAD_WORDS, gil, cut);
	size_t i = 0;

	while (i < count && i < thread->py_count &&
	       thread->py_words[i] == thread->words[count - 1 - i])
		i++;
	*same = i;
	for (; i < count; i++)
		thread->py_words[i] = thread->words[count - 1 - i];
	thread->py_count = count;
	*words = thread->words;
	return count;
}

/* The Python stack as the thread's python strand. False: none, or no room. */
static bool
python(struct thread *thread, uint32_t domain, bool gil)
{
	struct trace trace = {.domain = domain};
	bool cut = false;

	trace.epoch =
	    (uint32_t)__atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	trace.count =
	    python_words(thread, gil, &trace.words, &trace.same, &cut);
	if (cut)
		record_lost(trace.count >= THREAD_WORDS ? WIRE_LOST_STACK_CUT
							: WIRE_LOST_PY_FRAME,
			    1);
	if (!trace.count)
		return false;
	return strand_follow(thread, &thread->python, &trace);
}

/* What is below the native frames that the interpreter called. */
static const struct node *
python_base(void *context)
{
	struct thread *thread = context;
	const struct strand *strand = &thread->python;

	if (!python(thread, PATH_NO_DOMAIN, false))
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
static bool
native_walk(struct thread *thread, enum wire_domain domain,
	    const struct unwind_state *state)
{
	const struct unwind_limits limits = {py_eval_low, py_eval_high,
					     UNWIND_KEPT_FRAMES};
	struct strand *strand = &thread->native;
	struct trace trace = {.domain = domain};
	struct unwind_trace walked;
	struct unwind_shape shape;

	unwind_walk_kept(&thread->unwind, state, &thread->bounds, &limits,
			 &walked);
	if (__builtin_expect(walked.end == UNWIND_END_FULL, 0))
		walk_deep(thread, state, &walked);
	else if (unwind_kept_shape(&thread->unwind, state, &shape))
		trace.shape = &shape;
	if (walked.end != UNWIND_END_OUTERMOST)
		count_end(walked.end);
	trace.words = walked.count ? walked.pcs : &state->pc;
	trace.count = walked.count ? walked.count : 1;
	trace.same = walked.same;
	if (walked.stopped)
		trace.base = python_base(thread);
	if (walked.stopped && !walked.count && trace.base) {
		/* Called by the loop itself: the Python stack is all. */
		return settle(thread, strand, trace.base, domain);
	}
	if (!strand_follow(thread, strand, &trace))
		return false;
	if (trace.shape && strand->path)
		path_hint(&thread->paths, state, thread->bounds.high,
			  strand->path);
	return true;
}

/* Where the stack that runs now is one of those met before, found by its
 * shape; else by walking. */
static uint32_t
native(struct thread *thread, enum wire_domain domain,
       const struct unwind_state *state)
{
	const struct unwind_bounds *bounds = &thread->bounds;
	struct path *path = NULL;

	path_refresh(&thread->paths, py_eval_low);
	if (state->sp - bounds->low < bounds->high - bounds->low &&
	    walk_kind != WIRE_UNWINDER_LIBUNWIND)
		path = path_meet(&thread->paths, state, bounds->high, domain,
				 python_base, thread);
	if (__builtin_expect(path != NULL, 1)) {
		if (__builtin_expect(walk_kind == WIRE_UNWINDER_CHECK, 0))
			walk_check(path->words, path->count, UNWIND_KEPT_FRAMES,
				   path->stopped, UNWIND_END_OUTERMOST);
		thread->leaf = path->leaf;
		return path->site;
	}
	if (!native_walk(thread, domain, state))
		return 0;
	thread->leaf = thread->native.leaf;
	return thread->native.site;
}

uint32_t
capture_site(struct thread *thread, enum wire_domain domain,
	     const struct unwind_state *state)
{
	/* A block of a Python allocator needs Python frames only. */
	if (domain >= WIRE_DOMAIN_PYMEM_RAW &&
	    domain <= WIRE_DOMAIN_PYMEM_OBJECT &&
	    python(thread, domain, domain != WIRE_DOMAIN_PYMEM_RAW)) {
		thread->leaf = thread->python.leaf;
		return thread->python.site;
	}
	return native(thread, domain, state);
}
