/*
 * pykept.c - the incremental walk of Python frames.
 *
 *	frame[i - 1] is what the link of frame[i] leads to, for i in 1..count;
 *	frame[0] is no frame, or the one where a chain that is too long is cut
 *	words_to[i] words are those of frames 1..i: the last ones of `words`
 *
 * Frames that have no word are in the chain as well.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/py/pykept.h"

#include "agent/arch/arch.h"
#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pyframe.h"
#include "agent/py/pyruntime.h"

#define FRAMES PY_KEPT_FRAMES
#define HALF   (FRAMES / 2)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The compiler must not see that two values are equal: it would go on with the
 * one that has to be waited for. */
static inline uint64_t
opaque(uint64_t value)
{
	__asm__("" : "+r"(value));
	return value;
}

/* One walk. */
struct attempt {
	struct py_kept *kept;
	uint64_t thread; /* whose frames these are; 0: nobody's */
	uint32_t fresh;	 /* frames that go in front of the kept ones */
	uint32_t limit;	 /* only kept frames up to this one can still be met */
	uint32_t same;	 /* frames whose words are as they were */
};

static inline uint16_t *
place(struct py_kept *kept, uint64_t address)
{
	uint64_t hash = address * UINT64_C(0x9e3779b97f4a7c15);

	return &kept->place[hash >> (64 - PY_KEPT_PLACE_BITS)];
}

/* The kept frame with that address; 0: none. */
static inline uint32_t
find(const struct attempt *attempt, uint64_t address)
{
	struct py_kept *kept = attempt->kept;
	uint32_t at = attempt->limit;

	if (kept->frame[at].address == address)
		return at;
	at = *place(kept, address);
	if (at <= attempt->limit && kept->frame[at].address == address)
		return at;
	return 0;
}

/* As frame_read, and the word is the one that stands for its line. */
INLINE bool
read_frame(const struct py_layout *layout, struct py_kept *kept, uint64_t frame,
	   struct py_frame *seen)
{
	uint64_t raw, at;

	if (!frame_read(layout, frame, seen))
		return false;
	raw = seen->word;
	if (!raw)
		return true;
	at = raw * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PY_KEPT_MEMO_BITS);
	if (likely(kept->memo[at].raw == raw &&
		   kept->memo[at].epoch == (uint32_t)kept->epoch)) {
		seen->word = (raw & ~PY_WORD_NO_UNIT) | kept->memo[at].unit;
		return true;
	}
	if (!py_code_group(&seen->word)) {
		seen->key = FRAME_NO_KEY;
		return true;
	}
	kept->memo[at].raw = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->memo[at].unit = (uint32_t)(seen->word & PY_WORD_NO_UNIT);
	kept->memo[at].epoch = (uint32_t)kept->epoch;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->memo[at].raw = raw;
	return true;
}

/* Takes a frame up among the fresh ones. False: it makes no sense, or there is
 * no room. */
INLINE bool
take(const struct py_layout *layout, struct attempt *attempt, uint64_t address)
{
	struct py_kept_frame *fresh;
	struct py_frame seen;

	if (unlikely(attempt->fresh == FRAMES ||
		     !read_frame(layout, attempt->kept, address, &seen)))
		return false;
	fresh = &attempt->kept->fresh[attempt->fresh];
	fresh->address = address;
	fresh->key = seen.key;
	attempt->kept->fresh_words[attempt->fresh++] = seen.word;
	return true;
}

/* A kept frame that does not say what it did gets its new word. False: it had
 * one and has none now, or the other way round, or makes no sense. */
INLINE bool
renew(const struct py_layout *layout, struct attempt *attempt, uint32_t at)
{
	struct py_kept *kept = attempt->kept;
	struct py_kept_frame *frame = &kept->frame[at];
	bool had_word = kept->words_to[at] != kept->words_to[at - 1];
	uint64_t *word = &kept->words[FRAMES - kept->words_to[at]];
	struct py_frame seen;

	if (!read_frame(layout, kept, frame->address, &seen) ||
	    (seen.word != 0) != had_word)
		return false;
	frame->key = seen.key;
	if (had_word && *word != seen.word) {
		*word = seen.word;
		attempt->same = at - 1;
	}
	return true;
}

/*
 * Compares the kept frames from `at` outwards. Returns 0 when all are there,
 * else the first one that is linked to another than before, or that is shown
 * and was not, or the other way round.
 */
INLINE uint32_t
verify(const struct py_layout *layout, struct attempt *attempt, uint32_t at)
{
	const struct py_kept_frame *frame = &attempt->kept->frame[at];
	const uint64_t end = attempt->kept->frame[0].address;
	uint64_t there = frame->address;

	attempt->same = at;
	for (; there != end; frame--) {
		const uint64_t link = frame[-1].address;
		const uint64_t next = opaque(link);

		if (unlikely(load(there, layout->frame_previous) != link))
			return (uint32_t)(frame - attempt->kept->frame);
		if (unlikely(frame_key(layout, there) != frame->key)) {
			at = (uint32_t)(frame - attempt->kept->frame);
			if (!renew(layout, attempt, at))
				return at;
		}
		there = next;
	}
	return 0;
}

/* Puts the fresh frames in front of kept frame `at`. */
static void
commit(struct attempt *attempt, uint32_t at)
{
	struct py_kept *kept = attempt->kept;
	uint32_t words = kept->words_to[at];

	for (uint32_t i = attempt->fresh; i-- > 0;) {
		const struct py_kept_frame *fresh = &kept->fresh[i];
		const uint64_t word = kept->fresh_words[i];

		at++;
		kept->frame[at].address = fresh->address;
		kept->frame[at].key = fresh->key;
		if (word)
			kept->words[FRAMES - ++words] = word;
		kept->words_to[at] = (uint16_t)words;
		*place(kept, fresh->address) = (uint16_t)at;
	}
	kept->count = at;
}

/*
 * The chain, fresh frames and kept ones up to `met`, is too long: the innermost
 * half of what there is room for becomes the chain. So a recursion without end
 * costs this once in as many calls, and its stacks have the same outermost
 * frame in between.
 */
static __attribute__((noinline)) bool
cut_chain(const struct py_layout *layout, struct attempt *attempt, uint32_t met)
{
	struct py_kept *kept = attempt->kept;
	uint64_t end;

	while (attempt->fresh < HALF)
		if (!take(layout, attempt, kept->frame[met--].address))
			return false;
	end = attempt->fresh > HALF ? kept->fresh[HALF].address
				    : kept->frame[met].address;
	attempt->fresh = HALF;
	attempt->same = 0;
	kept->frame[0].address = end;
	commit(attempt, 0);
	return true;
}

/* Brings the kept chain up to date. False: it makes no sense. */
INLINE bool
update(const struct py_layout *layout, struct attempt *attempt)
{
	struct py_kept *kept = attempt->kept;
	uint64_t frame = frame_first(layout, attempt->thread);
	uint64_t end = kept->frame[0].address;
	uint32_t met = 0;

	while (frame && frame != end) {
		uint32_t differs;

		met = find(attempt, frame);
		if (met) {
			differs = verify(layout, attempt, met);
			if (likely(!differs))
				break;
			for (; met > differs; met--)
				if (!take(layout, attempt,
					  kept->frame[met].address))
					return false;
			frame = kept->frame[met].address;
			attempt->limit = --met;
		}
		if (unlikely(attempt->fresh == FRAMES))
			return cut_chain(layout, attempt, 0);
		if (!take(layout, attempt, frame))
			return false;
		frame = load(frame, layout->frame_previous);
	}
	if (!frame)
		kept->frame[0].address = 0;
	if (!frame || frame == end)
		met = attempt->same = 0;
	if (unlikely(met + attempt->fresh > FRAMES))
		return cut_chain(layout, attempt, met);
	if (attempt->fresh || met != kept->count)
		commit(attempt, met);
	return true;
}

/* The state whose frames this thread runs; as py_runtime_thread. */
INLINE uint64_t
thread_state(const struct py_layout *layout, const struct py_kept *kept,
	     bool gil)
{
	bool attached = layout->minor >= PY_ATTACHED_CURRENT;
	uint64_t state = 0;

	if (likely(kept->current && (gil || attached)))
		state = *kept->current;
	if (likely(state && (attached || load(state, layout->thread_id) ==
					     arch_thread_pointer())))
		return state;
	return (uint64_t)py_runtime_thread(gil);
}

INLINE bool
holds(const struct py_layout *layout, const struct py_kept *kept, bool gil)
{
	const struct py_kept_frame *frame = &kept->frame[kept->count];
	uint64_t there = frame->address;
	uint64_t state;

	if (unlikely(!kept->is_whole || !there || kept->frame[0].address ||
		     kept->epoch !=
			 __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE)))
		return false;
	state = thread_state(layout, kept, gil);
	if (unlikely(!state || frame_first(layout, state) != there))
		return false;
	for (; there; frame--) {
		const uint64_t link = frame[-1].address;

		if (load(there, layout->frame_previous) != link ||
		    frame_key(layout, there) != frame->key)
			return false;
		there = opaque(link);
	}
	return true;
}

#define LAYOUT(name_, ...)                                              \
	static bool holds_##name_(const struct py_kept *kept, bool gil) \
	{                                                               \
		static const struct py_layout layout = {__VA_ARGS__};   \
                                                                        \
		return holds(&layout, kept, gil);                       \
	}
#include "agent/py/pyoffsets.def"
#undef LAYOUT

#define LAYOUT(name_, ...) [PY_LAYOUT_##name_] = holds_##name_,
static bool (*const all_hold[PY_LAYOUT_COUNT])(const struct py_kept *, bool) = {
#include "agent/py/pyoffsets.def"
};
#undef LAYOUT

static bool
nothing_holds(const struct py_kept *kept, bool gil)
{
	(void)kept;
	(void)gil;
	return false;
}

bool (*py_kept_holds)(const struct py_kept *, bool) = nothing_holds;

void
py_kept_setup(void)
{
	py_kept_holds = all_hold[py_runtime.layout - py_layouts];
}

#define LAYOUT(name_, ...)                                                   \
	static bool update_##name_(struct attempt *attempt, bool gil)        \
	{                                                                    \
		static const struct py_layout layout = {__VA_ARGS__};        \
                                                                             \
		attempt->thread = thread_state(&layout, attempt->kept, gil); \
		return attempt->thread && update(&layout, attempt);          \
	}
#include "agent/py/pyoffsets.def"
#undef LAYOUT

#define LAYOUT(name_, ...) [PY_LAYOUT_##name_] = update_##name_,
static bool (*const updates[PY_LAYOUT_COUNT])(struct attempt *, bool) = {
#include "agent/py/pyoffsets.def"
};
#undef LAYOUT

static bool
update_any(const struct py_layout *layout, struct attempt *attempt, bool gil)
{
	struct py_kept *kept = attempt->kept;
	size_t which = (size_t)(layout - py_layouts);

	attempt->fresh = 0;
	attempt->limit = kept->count;
	attempt->same = 0;
	if (!updates[which](attempt, gil))
		return false;
	if (likely(!py_kept_is_cut(kept) || kept->count >= PY_KEPT_LEAST))
		return true;
	/* The recursion came back to where the chain was cut. */
	kept->count = 0;
	kept->frame[0].address = 0;
	attempt->fresh = attempt->limit = 0;
	return updates[which](attempt, gil);
}

/* What is not whole is forgotten, and what is from before a code object was
 * freed: the same keys may be another's. */
static void
prepare(struct py_kept *kept)
{
	uint64_t epoch = __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);

	if (unlikely(!kept->is_whole || kept->epoch != epoch)) {
		kept->count = 0;
		kept->frame[0].address = 0;
		kept->epoch = epoch;
	}
	/* A signal handler may leave by longjmp while this is under way. */
	kept->is_whole = false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

size_t
py_walk_kept(struct py_kept *kept, bool gil, const uint64_t **words,
	     size_t *same, bool *cut)
{
	const struct py_layout *layout =
	    __atomic_load_n(&py_runtime.layout, __ATOMIC_ACQUIRE);
	struct attempt attempt = {.kept = kept};

	*same = 0;
	prepare(kept);
	if (unlikely(!layout))
		return 0;
	if (unlikely(!kept->current))
		kept->current = py_runtime_current_place();
	if (unlikely(!update_any(layout, &attempt, gil))) {
		if (!attempt.thread)
			return 0;
		*words = kept->words;
		return py_walk(kept->words, FRAMES, gil, cut);
	}
	*words = kept->words + FRAMES - kept->words_to[kept->count];
	*same = kept->words_to[attempt.same];
	*cut |= kept->frame[0].address != 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->is_whole = true;
	return kept->words_to[kept->count];
}
