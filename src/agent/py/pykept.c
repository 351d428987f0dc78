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

#define FRAMES	  PY_KEPT_FRAMES
#define HALF	  (FRAMES / 2)
#define FRESH_FEW 8 /* and a few more frames are no reason to begin again */

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

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

/* The kept frame with that address, up to `limit`; 0: none. */
static inline uint32_t
find(struct py_kept *kept, uint32_t limit, uint64_t address)
{
	uint32_t at = limit;

	if (kept->frame[at].address == address)
		return at;
	at = *place(kept, address);
	if (at <= limit && kept->frame[at].address == address)
		return at;
	return 0;
}

static inline struct py_kept_memo *
memo(struct py_kept *kept, uint64_t key)
{
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);

	return &kept->memo[hash >> (64 - PY_KEPT_MEMO_BITS)];
}

static inline void
remember(struct py_kept *kept, const struct py_frame *seen)
{
	struct py_kept_memo *place = memo(kept, seen->key);

	place->key = FRAME_NO_KEY;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	place->word = seen->word;
	place->epoch = (uint32_t)kept->epoch;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	place->key = seen->key;
}

/* As frame_read, but the word becomes the one that stands for its line. */
static __attribute__((noinline)) bool
read_slowly(struct py_kept *kept, uint64_t frame, struct py_frame *seen)
{
	if (!frame_read(py_runtime.layout, frame, seen))
		return false;
	if (seen->word && !py_code_group(&seen->word))
		seen->key = FRAME_NO_KEY;
	if (seen->key != FRAME_NO_KEY)
		remember(kept, seen);
	return true;
}

/* The same where the key is known, which says all; else false. */
INLINE bool
recall(const struct py_layout *layout, struct py_kept *kept, uint64_t frame,
       struct py_frame *seen)
{
	const struct py_kept_memo *known;

	if (layout->code_tlbc != PY_ABSENT || unlikely(frame & 7))
		return false;
	seen->key = frame_key(layout, frame);
	known = memo(kept, seen->key);
	seen->word = known->word;
	return likely(known->key == seen->key &&
		      known->epoch == (uint32_t)kept->epoch);
}

INLINE bool
read_frame(const struct py_layout *layout, struct py_kept *kept, uint64_t frame,
	   struct py_frame *seen)
{
	struct py_frame read; /* stays in memory, seen does not */
	bool makes_sense;

	if (likely(recall(layout, kept, frame, seen)))
		return true;
	makes_sense = read_slowly(kept, frame, &read);
	*seen = read;
	return makes_sense;
}

INLINE void
add_fresh(struct attempt *attempt, uint64_t address, struct py_frame seen)
{
	struct py_kept *kept = attempt->kept;
	struct py_kept_frame *fresh = &kept->fresh[attempt->fresh];

	fresh->address = address;
	fresh->key = seen.key;
	kept->fresh_words[attempt->fresh++] = seen.word;
}

/* Takes a frame up among the fresh ones. False: it makes no sense, or there is
 * no room. */
INLINE bool
take(const struct py_layout *layout, struct attempt *attempt, uint64_t address)
{
	struct py_frame seen;

	if (unlikely(attempt->fresh == FRAMES ||
		     !read_frame(layout, attempt->kept, address, &seen)))
		return false;
	add_fresh(attempt, address, seen);
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
 * one and has none now, or the other way round. */
INLINE bool
renew(struct attempt *attempt, uint32_t at, struct py_frame seen)
{
	struct py_kept *kept = attempt->kept;
	bool had_word = has_word(kept, at);
	uint64_t *word = &kept->words[FRAMES - kept->words_to[at]];

	if ((seen.word != 0) != had_word)
		return false;
	key_set(kept, at, seen.key);
	if (had_word && *word != seen.word) {
		*word = seen.word;
		attempt->same = at - 1;
	}
	return true;
}

/* Whoever goes on with the link that was compared waits for no load. */
INLINE bool
is_linked_else(const struct py_layout *layout, uint64_t frame, uint64_t link)
{
	return arch_differs_64(
	    (const uint64_t *)(frame + (uint64_t)layout->frame_previous), link);
}

/*
 * Compares kept frames outwards. Returns the first one that is linked to
 * another than before, or has not the key that is in the array: that of the
 * outermost is none. Four at a time: what bounds this is how many instructions
 * it takes.
 */
#define PASS(i_)                                                      \
	link = frame[-(i_)-1].address;                                \
	if (unlikely(is_linked_else(layout, there, link) ||           \
		     frame_key(layout, there) != frame[-(i_)].key)) { \
		frame -= (i_);                                        \
		break;                                                \
	}                                                             \
	there = link
INLINE const struct py_kept_frame *
compare(const struct py_layout *layout, const struct py_kept_frame *frame)
{
	uint64_t there = frame->address;
	uint64_t link;

	for (;; frame -= 4) {
		PASS(0);
		PASS(1);
		PASS(2);
		PASS(3);
	}
	return frame;
}
#undef PASS

INLINE bool
is_linked(const struct py_layout *layout, const struct py_kept_frame *frame)
{
	return load(frame->address, layout->frame_previous) ==
	       frame[-1].address;
}

/* Whether the comparison ended there because all is as it was. */
INLINE bool
is_end(const struct py_layout *layout, const struct py_kept *kept,
       const struct py_kept_frame *frame)
{
	return frame == &kept->frame[1] && is_linked(layout, frame) &&
	       frame_key(layout, frame->address) == kept->outermost_key;
}

/*
 * Compares the kept frames from `at` outwards; what only says something else is
 * renewed. Returns the first one that is linked to another than before, or
 * cannot be renewed; 0: none.
 */
INLINE uint32_t
verify(const struct py_layout *layout, struct attempt *attempt, uint32_t at)
{
	struct py_kept *kept = attempt->kept;
	const struct py_kept_frame *frame = compare(layout, &kept->frame[at]);
	struct py_frame seen;

	attempt->same = at;
	while (!is_end(layout, kept, frame)) {
		at = (uint32_t)(frame - kept->frame);
		if (!is_linked(layout, frame) ||
		    !read_frame(layout, kept, frame->address, &seen) ||
		    !renew(attempt, at, seen))
			return at;
		if (at == 1)
			return 0;
		frame = compare(layout, frame - 1);
	}
	return 0;
}

/* Puts so many fresh frames in front of kept frame `at`. */
INLINE void
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
cut_chain(struct py_kept *kept, uint32_t fresh, uint32_t met)
{
	struct attempt attempt = {.kept = kept, .fresh = fresh};
	uint64_t end;

	while (attempt.fresh < HALF)
		if (!take(py_runtime.layout, &attempt,
			  kept->frame[met--].address))
			return false;
	end = attempt.fresh > HALF ? kept->fresh[HALF].address
				   : kept->frame[met].address;
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
		met = find(kept, attempt->limit, frame);
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
		if (unlikely(attempt->fresh == FRAMES)) {
			attempt->same = 0;
			return cut_chain(kept, FRAMES, 0);
		}
		if (!take(layout, attempt, frame))
			return false;
		frame = load(frame, layout->frame_previous);
	}
	if (!frame)
		kept->frame[0].address = 0;
	if (!frame || frame == end)
		met = attempt->same = 0;
	if (unlikely(met + attempt->fresh > FRAMES)) {
		attempt->same = 0;
		return cut_chain(kept, attempt->fresh, met);
	}
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

/* What the chain is now; so many of its outermost frames are as they were at
 * the last look, when there were `before`, 0: nothing that may be held. Returns
 * whether all are. */
INLINE bool
found(struct py_kept *kept, uint32_t same, uint32_t before)
{
	kept->found.count = kept->words_to[kept->count];
	kept->found.same = kept->words_to[same];
	kept->found.words = kept->words + FRAMES - kept->found.count;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept->is_whole = true;
	if (unlikely(!kept->count || py_kept_is_cut(kept)))
		return false;
	kept->held = kept->epoch;
	return same == kept->count && before == kept->count;
}

/* Walks. Frames that were renewed since the last look: outermost `same` ones
 * are not among them. */
INLINE bool
walk(const struct py_layout *layout, struct py_kept *kept, bool gil,
     uint64_t state, uint32_t same)
{
	struct attempt attempt = {.kept = kept};
	const uint32_t before = kept->held ? kept->count : 0;

	prepare(kept);
	kept->found.is_broken = false;
	kept->found.count = 0;
	if (unlikely(!state))
		return false;
	if (unlikely(!update_all(layout, &attempt, state))) {
		kept->found.words = kept->words;
		kept->found.same = 0;
		kept->found.count = (uint32_t)py_walk(kept->words, FRAMES, gil,
						      &kept->found.is_broken);
		return false;
	}
	return found(kept, attempt.same < same ? attempt.same : same, before);
}

/* Takes frames that are known until one of the kept is met: that one; 0: there
 * is something else to it. */
INLINE uint32_t
meet(const struct py_layout *layout, struct attempt *attempt, uint64_t frame)
{
	struct py_kept *kept = attempt->kept;
	struct py_frame seen;

	while (frame && attempt->fresh < FRESH_FEW) {
		uint32_t met = find(kept, kept->count, frame);

		if (met)
			return met;
		if (!recall(layout, kept, frame, &seen))
			return 0;
		add_fresh(attempt, frame, seen);
		frame = load(frame, layout->frame_previous);
	}
	return 0;
}

/*
 * Walks where the chain that is held has changed a little: some frames are
 * gone, a few are new, and some run other instructions, all of which are
 * known. frame: the first one that differs; NULL: it is the innermost, and not
 * the same. Where there is more to it walk_on is called.
 */
INLINE bool
step(const struct py_layout *layout, struct py_kept *kept, bool gil,
     uint64_t state, const struct py_kept_frame *frame,
     bool (*walk_on)(struct py_kept *, bool, uint64_t, uint32_t))
{
	const uint32_t before = kept->count;
	struct attempt attempt = {.kept = kept, .same = before};
	uint32_t met = before;
	struct py_frame seen;

	if (!frame) {
		met = meet(layout, &attempt, frame_first(layout, state));
		if (!met || met + FRESH_FEW > FRAMES)
			return walk_on(kept, gil, state, before);
		frame = compare(layout, &kept->frame[met]);
		attempt.same = met;
	}
	kept->is_whole = false;
	kept->held = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	while (!is_end(layout, kept, frame)) {
		uint32_t at = (uint32_t)(frame - kept->frame);

		if (!is_linked(layout, frame) ||
		    !recall(layout, kept, frame->address, &seen) ||
		    !renew(&attempt, at, seen)) {
			kept->is_whole = true;
			kept->held = kept->epoch;
			return walk_on(kept, gil, state, attempt.same);
		}
		if (at == 1)
			break;
		frame = compare(layout, frame - 1);
	}
	commit(kept, attempt.fresh, met);
	return found(kept, attempt.same, before);
}

INLINE bool
look_in(const struct py_layout *layout, struct py_kept *kept, bool gil,
	uint64_t state,
	bool (*step_on)(struct py_kept *, bool, uint64_t,
			const struct py_kept_frame *),
	bool (*walk_on)(struct py_kept *, bool, uint64_t, uint32_t))
{
	const struct py_kept_frame *frame = &kept->frame[kept->count];

	if (unlikely(!state || kept->held != __atomic_load_n(&py_code_epoch,
							     __ATOMIC_ACQUIRE)))
		return walk_on(kept, gil, state, FRAMES);
	if (unlikely(frame_first(layout, state) != frame->address))
		return step_on(kept, gil, state, NULL);
	frame = compare(layout, frame);
	return likely(is_end(layout, kept, frame))
		   ? true
		   : step_on(kept, gil, state, frame);
}

/* For each layout: a look where the state is not easily told, and the usual
 * one, which calls nothing where nothing has changed, so it saves no registers.
 */
#define LAYOUT(name_, ...)                                                   \
	static __attribute__((noinline)) bool walk_##name_(                  \
	    struct py_kept *kept, bool gil, uint64_t state, uint32_t same)   \
	{                                                                    \
		static const struct py_layout layout = {__VA_ARGS__};        \
                                                                             \
		return walk(&layout, kept, gil, state, same);                \
	}                                                                    \
	static __attribute__((noinline)) bool step_##name_(                  \
	    struct py_kept *kept, bool gil, uint64_t state,                  \
	    const struct py_kept_frame *frame)                               \
	{                                                                    \
		static const struct py_layout layout = {__VA_ARGS__};        \
                                                                             \
		return step(&layout, kept, gil, state, frame, walk_##name_); \
	}                                                                    \
	static __attribute__((noinline)) bool look_slowly_##name_(           \
	    struct py_kept *kept, bool gil)                                  \
	{                                                                    \
		static const struct py_layout layout = {__VA_ARGS__};        \
		uint64_t state = (uint64_t)py_runtime_thread(gil);           \
                                                                             \
		return look_in(&layout, kept, gil, state, step_##name_,      \
			       walk_##name_);                                \
	}                                                                    \
	static bool look_##name_(struct py_kept *kept, bool gil)             \
	{                                                                    \
		static const struct py_layout layout = {__VA_ARGS__};        \
		uint64_t state = thread_state_quick(&layout, kept, gil);     \
                                                                             \
		return likely(state) ? look_in(&layout, kept, gil, state,    \
					       step_##name_, walk_##name_)   \
				     : look_slowly_##name_(kept, gil);       \
	}
#include "agent/py/pyoffsets.def"
#undef LAYOUT

#define LAYOUT(name_, ...) [PY_LAYOUT_##name_] = look_##name_,
static bool (*const looks[PY_LAYOUT_COUNT])(struct py_kept *, bool) = {
#include "agent/py/pyoffsets.def"
};
#undef LAYOUT

static bool
look_nowhere(struct py_kept *kept, bool gil)
{
	(void)gil;
	kept->found.count = 0;
	return false;
}

bool (*py_kept_look)(struct py_kept *, bool) = look_nowhere;

void
py_kept_setup(void)
{
	py_kept_look = looks[py_runtime.layout - py_layouts];
}
