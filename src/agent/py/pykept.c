/*
 * pykept.c - the incremental walk of Python frames.
 *
 *	frame[i - 1] is what the link of frame[i] leads to, for i in 1..count;
 *	frame[0] is no frame, or the one where a chain that is too long is cut
 *	words_to[i] words are those of frames 1..i: the last ones of `words`
 *
 *	the key of frame[1] is outermost_key instead: frame[1].key is none, so
 *	that whoever compares stops there without having counted
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
	uint32_t fresh; /* frames that go in front of the kept ones */
	uint32_t limit; /* only kept frames up to this one can still be met */
	uint32_t same;	/* frames whose words are as they were */
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

static inline struct py_kept_memo *
memo(struct py_kept *kept, uint64_t key)
{
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);

	return &kept->memo[hash >> (64 - PY_KEPT_MEMO_BITS)];
}

/* The word becomes the one that stands for its line, and is remembered. */
static __attribute__((noinline)) void
group(struct py_kept *kept, struct py_frame *seen)
{
	struct py_kept_memo *place = memo(kept, seen->key);

	if (!py_code_group(&seen->word)) {
		seen->key = FRAME_NO_KEY;
		return;
	}
	if (seen->key == FRAME_NO_KEY)
		return;
	place->key = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	place->word = seen->word;
	place->epoch = (uint32_t)kept->epoch;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	place->key = seen->key;
}

/* As frame_read, and the word is the one that stands for its line. What has a
 * key that is known is not read: it was no prologue then, nor is it now. */
INLINE bool
read_frame(const struct py_layout *layout, struct py_kept *kept, uint64_t frame,
	   struct py_frame *seen)
{
	if (layout->code_tlbc == PY_ABSENT && likely(!(frame & 7)) &&
	    likely(!frame_is_interpreters(layout, frame))) {
		uint64_t key = frame_key(layout, frame);
		const struct py_kept_memo *known = memo(kept, key);

		if (likely(known->key == key &&
			   known->epoch == (uint32_t)kept->epoch)) {
			seen->key = key;
			seen->word = known->word;
			return true;
		}
	}
	if (!frame_read(layout, frame, seen))
		return false;
	if (seen->word)
		group(kept, seen);
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

static inline void
key_set(struct py_kept *kept, uint32_t at, uint64_t key)
{
	if (unlikely(at == 1)) {
		kept->outermost_key = key;
		key = FRAME_NO_KEY;
	}
	kept->frame[at].key = key;
}

static inline bool
has_word(const struct py_kept *kept, uint32_t at)
{
	return kept->words_to[at] != kept->words_to[at - 1];
}

/* A kept frame that does not say what it did gets its new word. False: it had
 * one and has none now, or the other way round, or makes no sense. */
INLINE bool
renew(const struct py_layout *layout, struct attempt *attempt, uint32_t at)
{
	struct py_kept *kept = attempt->kept;
	bool had_word = has_word(kept, at);
	uint64_t *word = &kept->words[FRAMES - kept->words_to[at]];
	struct py_frame seen;

	if (!read_frame(layout, kept, kept->frame[at].address, &seen) ||
	    (seen.word != 0) != had_word)
		return false;
	key_set(kept, at, seen.key);
	if (had_word && *word != seen.word) {
		*word = seen.word;
		attempt->same = at - 1;
	}
	return true;
}

/* Whether a frame whose link is as it was, and which has no key in the array,
 * is as it was. */
INLINE bool
is_same(const struct py_layout *layout, const struct py_kept *kept, uint32_t at)
{
	uint64_t frame = kept->frame[at].address;
	struct py_frame seen;

	if (at == 1 && frame_key(layout, frame) == kept->outermost_key)
		return true;
	return !has_word(kept, at) && frame_read(layout, frame, &seen) &&
	       !seen.word;
}

/*
 * Compares the kept frames from `at` outwards. Returns the first one that is
 * linked to another than before, or says something else; 0: none. Four at a
 * time: what bounds this is how many instructions it takes.
 */
#define PASS(i_)                                                      \
	link = frame[-(i_)-1].address;                                \
	next = opaque(link);                                          \
	if (unlikely(load(there, layout->frame_previous) != link ||   \
		     frame_key(layout, there) != frame[-(i_)].key)) { \
		frame -= (i_);                                        \
		break;                                                \
	}                                                             \
	there = next
INLINE uint32_t
find_other(const struct py_layout *layout, const struct py_kept *kept,
	   uint32_t at)
{
	const struct py_kept_frame *frame = &kept->frame[at];

	for (;; frame--) {
		uint64_t there = frame->address;
		uint64_t link, next;

		for (;; frame -= 4) {
			PASS(0);
			PASS(1);
			PASS(2);
			PASS(3);
		}
		/* The usual end. */
		if (likely(frame == &kept->frame[1]) &&
		    load(there, layout->frame_previous) == link &&
		    frame_key(layout, there) == kept->outermost_key)
			return 0;
		at = (uint32_t)(frame - kept->frame);
		if (likely(frame->key != FRAME_NO_KEY) ||
		    load(there, layout->frame_previous) != link ||
		    !is_same(layout, kept, at))
			return at;
		if (at == 1)
			return 0;
	}
}
#undef PASS

/* The same, but what only says something else is renewed. */
INLINE uint32_t
verify(const struct py_layout *layout, struct attempt *attempt, uint32_t at)
{
	const struct py_kept *kept = attempt->kept;

	attempt->same = at;
	for (; at; at--) {
		const struct py_kept_frame *frame;

		at = find_other(layout, kept, at);
		frame = &kept->frame[at];
		if (!at || load(frame->address, layout->frame_previous) !=
			       frame[-1].address)
			break;
		if (!renew(layout, attempt, at))
			break;
	}
	return at;
}

/* Puts so many fresh frames in front of kept frame `at`. */
static void
commit(struct py_kept *kept, uint32_t fresh_count, uint32_t at)
{
	uint32_t words = kept->words_to[at];

	for (uint32_t i = fresh_count; i-- > 0;) {
		const struct py_kept_frame *fresh = &kept->fresh[i];
		const uint64_t word = kept->fresh_words[i];

		at++;
		kept->frame[at].address = fresh->address;
		key_set(kept, at, fresh->key);
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
	commit(kept, HALF, 0);
	return true;
}

/* Brings the kept chain up to date, from the innermost frame on. False: it
 * makes no sense. */
INLINE bool
update(const struct py_layout *layout, struct attempt *attempt, uint64_t frame)
{
	struct py_kept *kept = attempt->kept;
	uint64_t end = kept->frame[0].address;
	uint32_t met = 0;
	uint32_t differs;

	while (frame && frame != end) {
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
		commit(kept, attempt->fresh, met);
	return true;
}

/* The state whose frames this thread runs, where that is easily told; else
 * 0. */
INLINE uint64_t
thread_state_quick(const struct py_layout *layout, const struct py_kept *kept,
		   bool gil)
{
	bool attached = layout->minor >= PY_ATTACHED_CURRENT;
	uint64_t state = 0;

	if (likely(kept->current && (gil || attached)))
		state = *kept->current;
	if (likely(state && (attached || load(state, layout->thread_id) ==
					     arch_thread_pointer())))
		return state;
	return 0;
}

/* As py_runtime_thread. */
INLINE uint64_t
thread_state(const struct py_layout *layout, const struct py_kept *kept,
	     bool gil)
{
	uint64_t state = thread_state_quick(layout, kept, gil);

	return likely(state) ? state : (uint64_t)py_runtime_thread(gil);
}

INLINE bool
holds_in(const struct py_layout *layout, const struct py_kept *kept,
	 uint64_t state)
{
	return frame_first(layout, state) == kept->frame[kept->count].address &&
	       !find_other(layout, kept, kept->count);
}

/* The usual case calls nothing, so it saves no registers. */
INLINE bool
holds(const struct py_layout *layout, const struct py_kept *kept, bool gil,
      bool (*slowly)(const struct py_kept *, bool))
{
	uint64_t state;

	if (unlikely(kept->held !=
		     __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE)))
		return false;
	state = thread_state_quick(layout, kept, gil);
	return likely(state) ? holds_in(layout, kept, state)
			     : slowly(kept, gil);
}

INLINE bool
holds_slowly(const struct py_layout *layout, const struct py_kept *kept,
	     bool gil)
{
	uint64_t state = (uint64_t)py_runtime_thread(gil);

	return state && holds_in(layout, kept, state);
}

#define LAYOUT(name_, ...)                                              \
	static __attribute__((noinline)) bool holds_slowly_##name_(     \
	    const struct py_kept *kept, bool gil)                       \
	{                                                               \
		static const struct py_layout layout = {__VA_ARGS__};   \
                                                                        \
		return holds_slowly(&layout, kept, gil);                \
	}                                                               \
	static bool holds_##name_(const struct py_kept *kept, bool gil) \
	{                                                               \
		static const struct py_layout layout = {__VA_ARGS__};   \
                                                                        \
		return holds(&layout, kept, gil, holds_slowly_##name_); \
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

/* What is not whole is forgotten, and what is from before a code object was
 * freed: the same keys may be another's. */
INLINE void
prepare(struct py_kept *kept)
{
	uint64_t epoch = __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);

	if (unlikely(!kept->is_whole || kept->epoch != epoch)) {
		kept->count = 0;
		kept->frame[0].address = 0;
		kept->epoch = epoch;
	}
	if (unlikely(!kept->current))
		kept->current = py_runtime_current_place();
	/* A signal handler may leave by longjmp while this is under way. */
	kept->is_whole = false;
	kept->held = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

INLINE bool
update_all(const struct py_layout *layout, struct attempt *attempt,
	   uint64_t state)
{
	struct py_kept *kept = attempt->kept;

	attempt->limit = kept->count;
	if (!update(layout, attempt, frame_first(layout, state)))
		return false;
	if (likely(!py_kept_is_cut(kept) || kept->count >= PY_KEPT_LEAST))
		return true;
	/* The recursion came back to where the chain was cut. */
	kept->count = 0;
	kept->frame[0].address = 0;
	*attempt = (struct attempt){.kept = kept};
	return update(layout, attempt, frame_first(layout, state));
}

INLINE size_t
walk_kept(const struct py_layout *layout, struct py_kept *kept, bool gil,
	  const uint64_t **words, size_t *same, bool *cut)
{
	struct attempt attempt = {.kept = kept};
	uint64_t state;

	prepare(kept);
	*same = 0;
	state = thread_state(layout, kept, gil);
	if (unlikely(!state))
		return 0;
	if (unlikely(!update_all(layout, &attempt, state))) {
		*words = kept->words;
		return py_walk(kept->words, FRAMES, gil, cut);
	}
	*words = kept->words + FRAMES - kept->words_to[kept->count];
	*same = kept->words_to[attempt.same];
	if (unlikely(py_kept_is_cut(kept)))
		*cut = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->is_whole = true;
	if (likely(kept->count && !py_kept_is_cut(kept)))
		kept->held = kept->epoch;
	return kept->words_to[kept->count];
}

#define LAYOUT(name_, ...)                                               \
	static size_t walk_##name_(struct py_kept *kept, bool gil,       \
				   const uint64_t **words, size_t *same, \
				   bool *cut)                            \
	{                                                                \
		static const struct py_layout layout = {__VA_ARGS__};    \
                                                                         \
		return walk_kept(&layout, kept, gil, words, same, cut);  \
	}
#include "agent/py/pyoffsets.def"
#undef LAYOUT

#define LAYOUT(name_, ...) [PY_LAYOUT_##name_] = walk_##name_,
static size_t (*const walks[PY_LAYOUT_COUNT])(struct py_kept *, bool,
					      const uint64_t **, size_t *,
					      bool *) = {
#include "agent/py/pyoffsets.def"
};
#undef LAYOUT

size_t
py_walk_kept(struct py_kept *kept, bool gil, const uint64_t **words,
	     size_t *same, bool *cut)
{
	const struct py_layout *layout =
	    __atomic_load_n(&py_runtime.layout, __ATOMIC_ACQUIRE);

	*same = 0;
	if (unlikely(!layout))
		return 0;
	return walks[layout - py_layouts](kept, gil, words, same, cut);
}
