/*
 * mixed.c - stacks with every native frame where it belongs.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/mixed.h"

#include "agent/py/py.h"
#include "agent/thread.h"
#include "agent/unwind_stop.h"

_Static_assert(MIXED_WORDS == THREAD_WORDS, "a mixed stack is a strand");

#define RUNS_MAX (2 * MIXED_WORDS)

/* A mixed stack being made. */
struct mix {
	uint64_t *words;
	size_t count;
	size_t python; /* up to the outermost Python frame */
	bool is_full;
	const uint64_t *runs; /* those not yet put in */
	const uint64_t *runs_end;
	bool has_runs;
};

static void
put(struct mix *mix, uint64_t word)
{
	if (mix->count == MIXED_WORDS)
		mix->is_full = true;
	else
		mix->words[mix->count++] = word;
}

static void
put_run(struct mix *mix)
{
	while (mix->runs < mix->runs_end && *mix->runs != PY_RUN_END)
		put(mix, *mix->runs++);
	if (mix->runs < mix->runs_end)
		mix->runs++;
	mix->python = mix->count;
}

/* Puts a native frame in. False: it runs Python frames that are not those of
 * this thread's state. */
static bool
put_native(struct mix *mix, uint64_t pc)
{
	if (!mix->has_runs ||
	    !unwind_is_stop(pc, py_eval_low, py_eval_high - py_eval_low)) {
		put(mix, pc);
		return true;
	}
	if (!py_eval_is_base(pc))
		return true;
	if (mix->runs == mix->runs_end)
		return false;
	put_run(mix);
	return true;
}

static void
walk_native(struct thread *thread, const struct unwind_state *state,
	    struct unwind_trace *walked)
{
	const struct unwind_limits limits = {0, 0, UNWIND_KEPT_FRAMES};

	unwind_walk_kept(&thread->unwind, state, &thread->bounds, &limits,
			 walked);
	if (walked->end != UNWIND_END_FULL)
		return;
	walked->count =
	    unwind_walk(*state, &thread->bounds, 0, 0, thread->words,
			THREAD_WORDS, &walked->stopped, &walked->end);
	walked->pcs = thread->words;
}

/* Returns how the native part ended: that what is another's cannot be walked
 * is no loss. */
static enum unwind_end
mix_all(struct mix *mix, const struct unwind_trace *walked)
{
	enum unwind_end end = walked->end;
	size_t i = 0;

	while (i < walked->count && put_native(mix, walked->pcs[i]))
		i++;
	if (!mix->has_runs)
		return end;
	if (mix->runs == mix->runs_end &&
	    (end != UNWIND_END_OUTERMOST || i < walked->count)) {
		mix->count = mix->python;
		end = UNWIND_END_OUTERMOST;
	}
	while (mix->runs < mix->runs_end)
		put_run(mix);
	return end;
}

static size_t
count_same(const struct mixed *mixed, const struct mix *mix)
{
	size_t old = mixed->counts[mixed->last];
	const uint64_t *words = mixed->words[mixed->last];
	size_t same = 0;

	while (same < old && same < mix->count &&
	       words[old - 1 - same] == mix->words[mix->count - 1 - same])
		same++;
	return same;
}

void
mixed_walk(struct thread *thread, const struct unwind_state *state, bool gil,
	   struct mixed_trace *trace)
{
	struct mixed *mixed = &thread->mixed;
	uint32_t next = !mixed->last;
	struct mix mix = {.words = mixed->words[next], .runs = mixed->runs};
	struct unwind_trace walked;
	size_t runs;

	trace->is_python_cut = false;
	runs = py_walk_runs(mixed->runs, RUNS_MAX, gil, &trace->is_python_cut);
	mix.runs_end = mix.runs + runs;
	mix.has_runs = runs > 0;
	walk_native(thread, state, &walked);
	trace->end = mix_all(&mix, &walked);
	if (!mix.count)
		put(&mix, state->pc);
	trace->same = mixed->is_followed ? count_same(mixed, &mix) : 0;
	/* A signal handler may leave by longjmp before it is taken over. */
	mixed->is_followed = false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mixed->last = next;
	mixed->counts[next] = (uint32_t)mix.count;
	trace->words = mix.words;
	trace->count = mix.count;
	trace->is_full = mix.is_full;
}
