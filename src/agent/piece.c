/*
 * piece.c - native stacks that a thread meets again, piece by piece.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/piece.h"

#include <string.h>

#include "agent/piece_words.h"
#include "agent/unwind_stop.h"

#define likely(condition_)   __builtin_expect(!!(condition_), 1)
#define unlikely(condition_) __builtin_expect(!!(condition_), 0)

#define BLOCK (SHAPE_CUT - 1)

/* Words after the first, in whole blocks: a loop that ends sooner or later is
 * dearer than to compare the last word again. */
static inline size_t
padded(size_t count)
{
	return (count + BLOCK - 2) / BLOCK * BLOCK;
}

static void
forget(struct pieces *pieces)
{
	memset(pieces->hints, 0, sizeof(pieces->hints));
	memset(pieces->index, 0, sizeof(pieces->index));
	memset(pieces->joints, 0, sizeof(pieces->joints));
	memset(pieces->recalls, 0, sizeof(pieces->recalls));
	pieces->walk[0] = 0;
}

void
pieces_begin(struct pieces *pieces)
{
	/* Untouched memory is zero, and stays untouched. */
	if (pieces->scroll.head)
		forget(pieces);
	scroll_restart(&pieces->scroll);
	scroll_restart(&pieces->joint_scroll);
	pieces->changes = __atomic_load_n(&unwind_changes, __ATOMIC_ACQUIRE);
	pieces->quick = 0;
}

const struct piece *
pieces_get(struct pieces *pieces, uint32_t position)
{
	return scroll_at(&pieces->scroll, position);
}

static inline uint64_t
marked(const struct unwind_state *state, uint64_t high, uint16_t offset)
{
	uint64_t slot = state->sp + 8 * (uint64_t)offset;

	return slot < high ? load(slot) : 0;
}

static inline uint16_t *
marks_of(struct pieces *pieces, uint32_t before, uint64_t pc)
{
	uint64_t hash = (pc ^ (uint64_t)before << 32) * PIECE_FACTOR;

	return pieces->marks[(hash >> 40) % PIECE_MARKS];
}

/* Where the guess is: by the pc, the piece before (0: this is the innermost),
 * and the words that are known to make a difference. */
static inline uint32_t *
hint_of(struct pieces *pieces, uint32_t before,
	const struct unwind_state *state, uint64_t high)
{
	const uint16_t *marks = marks_of(pieces, before, state->pc);
	uint64_t hash = (before ^ state->pc << 20) * PIECE_FACTOR;
	uint64_t factor = PIECE_STEP;

	for (size_t i = 0; i < PIECE_MARK && marks[i];
	     i++, factor += PIECE_STEP)
		hash += marked(state, high, marks[i]) * factor;
	return pieces->hints[mix(hash) >> 16 & (PIECE_HINTS - 1)];
}

/* The one of a pair that begins with pc, else the older. */
static inline uint32_t *
way_of(struct pieces *pieces, uint32_t *hints, uint64_t pc)
{
	const struct piece *piece = scroll_at(&pieces->scroll, hints[0]);

	return likely(piece && piece->words[0] == pc) ? hints : hints + 1;
}

/* Remembers the first word in which the stack is not as it was guessed. */
static void
learn(struct pieces *pieces, uint32_t before, const struct piece *guess,
      const struct unwind_shape *shape)
{
	uint16_t *marks = marks_of(pieces, before, shape->words[0]);
	size_t i = 0;

	if (!guess || guess->words[0] != shape->words[0])
		return;
	while (i < guess->count && i < shape->count &&
	       (guess->words[i] == shape->words[i] || !shape->offsets[i]))
		i++;
	if (i == guess->count || i == shape->count)
		return;
	for (size_t mark = 0; mark < PIECE_MARK; mark++)
		if (marks[mark] == shape->offsets[i])
			return;
	memmove(marks + 1, marks, (PIECE_MARK - 1) * sizeof(*marks));
	marks[0] = shape->offsets[i];
}

static inline bool
checks_hold(const struct piece *piece, const struct unwind_state *state)
{
	const struct shape_check *check = checks_of(piece);

	for (unsigned i = 0; i < piece->checks; i++) {
		uint64_t bp = check[i].offset == SHAPE_BP_ENTRY
				  ? state->bp
				  : word_at(state->sp, check[i].offset);

		if (bp - state->sp != check[i].delta)
			return false;
	}
	return true;
}

/* Whether the stack has all words of a piece but the first. */
static inline bool
words_hold(const struct piece *piece, const struct unwind_state *state)
{
	const uint16_t *offset = offsets_of(piece) + 1;
	const uint64_t *word = piece->words + 1;
	const uint64_t *end = word + piece->rest;
	uint64_t differ = 0;

	for (; word < end; word += BLOCK, offset += BLOCK)
#pragma GCC unroll 8
		for (size_t i = 0; i < BLOCK; i++)
			differ |= word_at(state->sp, offset[i]) ^ word[i];
	return !differ;
}

/* Whether a piece is of that shape. */
static bool
has_shape(const struct piece *piece, const struct unwind_shape *shape)
{
	return piece->span == shape->span && piece->bp == shape->bp &&
	       piece->is_last == shape->is_last &&
	       piece->checks == shape->check_count &&
	       !memcmp(checks_of(piece), shape->checks,
		       shape->check_count * sizeof(*shape->checks));
}

static bool
is_sought(const struct piece *piece, const struct piece_sought *sought)
{
	if (!piece || piece->hash != sought->hash ||
	    piece->count != sought->count ||
	    memcmp(piece->words, sought->words,
		   sought->count * sizeof(*sought->words)) ||
	    memcmp(offsets_of(piece) + 1, sought->offsets + 1,
		   (sought->count - 1) * sizeof(*sought->offsets)))
		return false;
	if (sought->shape)
		return has_shape(piece, sought->shape);
	return piece->span <= sought->high - sought->state->sp &&
	       checks_hold(piece, sought->state);
}

static struct piece *
find(struct pieces *pieces, const struct piece_sought *sought,
     uint32_t *position)
{
	const uint32_t *ways = pieces->index[mix(sought->hash) % PIECE_SETS];

	for (int way = 0; way < PIECE_WAYS; way++) {
		struct piece *piece = scroll_at(&pieces->scroll, ways[way]);

		if (is_sought(piece, sought)) {
			*position = ways[way];
			return piece;
		}
	}
	return NULL;
}

static uint64_t
hash_of(const uint64_t *words, size_t count)
{
	uint64_t factor = PIECE_FACTOR;
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++, factor += PIECE_STEP)
		sum += words[i] * factor;
	return sum;
}

/* The guess is right about the places at most. */
static __attribute__((noinline)) struct piece *
other(struct pieces *pieces, const struct piece *guess,
      const struct unwind_state *state, uint64_t high, uint32_t *hint,
      uint32_t *position)
{
	const uint16_t *offsets = offsets_of(guess);
	uint64_t *words = pieces->words;
	struct piece *piece;

	words[0] = state->pc;
	for (size_t i = 1; i < guess->count; i++)
		words[i] = word_at(state->sp, offsets[i]);
	pieces->sought =
	    (struct piece_sought){.hash = hash_of(words, guess->count),
				  .words = words,
				  .offsets = offsets,
				  .count = guess->count,
				  .state = state,
				  .high = high};
	piece = find(pieces, &pieces->sought, position);
	if (piece)
		*hint = *position;
	return piece;
}

/* The guess at the piece that the stack has at state, of which only the words
 * are still to be compared. NULL: none. */
static inline struct piece *
hinted(struct pieces *pieces, uint32_t before, const struct unwind_state *state,
       uint64_t high, uint32_t **hint)
{
	struct piece *piece;

	*hint = way_of(pieces, hint_of(pieces, before, state, high), state->pc);
	piece = scroll_at(&pieces->scroll, **hint);
	return likely(piece && piece->span <= high - state->sp) ? piece : NULL;
}

/* Whether it is the piece that the stack has at state. */
static inline bool
holds(const struct piece *piece, const struct unwind_state *state)
{
	return words_hold(piece, state) && piece->words[0] == state->pc &&
	       checks_hold(piece, state);
}

/* The piece that the stack has at state, by a guess at its shape. */
static inline struct piece *
meet(struct pieces *pieces, uint32_t before, const struct unwind_state *state,
     uint64_t high, uint32_t *position)
{
	uint32_t *hint;
	struct piece *piece = hinted(pieces, before, state, high, &hint);

	if (unlikely(!piece))
		return NULL;
	*position = *hint;
	if (likely(holds(piece, state)))
		return piece;
	return other(pieces, piece, state, high, hint, position);
}

/* The piece that the guess says comes next, if the stack has it. */
static inline struct piece *
guessed(struct pieces *pieces, const struct joint *guess, uint32_t at,
	const struct unwind_state *state, uint64_t high, uint32_t *position)
{
	struct piece *piece;

	if (unlikely(at >= guess->count))
		return NULL;
	piece = scroll_at(&pieces->scroll, guess->pieces[at]);
	if (unlikely(!piece || piece->span > high - state->sp ||
		     !holds(piece, state)))
		return NULL;
	*position = guess->pieces[at];
	return piece;
}

static struct piece *
add(struct pieces *pieces, const struct unwind_shape *shape, uint64_t hash,
    uint32_t *position)
{
	size_t count = 1 + padded(shape->count);
	size_t words = count * sizeof(*shape->words);
	size_t checks = shape->check_count * sizeof(*shape->checks);
	size_t offsets = count * sizeof(*shape->offsets);
	struct piece *piece;
	uint32_t *ways;

	if (scroll_is_over(&pieces->scroll))
		pieces_end(pieces);
	*position = scroll_take(&pieces->scroll,
				sizeof(*piece) + words + checks + offsets);
	piece = scroll_at(&pieces->scroll, *position);
	piece->hash = hash;
	piece->span = shape->span;
	piece->count = shape->count;
	piece->bp = shape->bp;
	piece->checks = shape->check_count;
	piece->is_last = shape->is_last;
	piece->site = 0;
	piece->rest = (uint16_t)(count - 1);
	piece->caller = shape->offsets[shape->count];
	memcpy((void *)checks_of(piece), shape->checks, checks);
	for (size_t i = 0; i < count; i++) {
		size_t at = i < shape->count ? i : shape->count - 1u;

		piece->words[i] = shape->words[at];
		((uint16_t *)offsets_of(piece))[i] = shape->offsets[at];
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ways = pieces->index[mix(hash) % PIECE_SETS];
	memmove(ways + 1, ways, (PIECE_WAYS - 1) * sizeof(*ways));
	ways[0] = *position;
	return piece;
}

static void
set_hint(struct pieces *pieces, uint32_t *hints, uint64_t pc, uint32_t position)
{
	uint32_t *way = way_of(pieces, hints, pc);

	if (way != hints)
		hints[1] = hints[0];
	hints[0] = position;
}

/* The piece that the stack has at state, by its rules. */
static __attribute__((noinline)) struct piece *
make(struct pieces *pieces, struct unwind_kept *kept, uint32_t before,
     const struct unwind_state *state, uint64_t high,
     const struct unwind_limits *limits, uint32_t *position)
{
	uint32_t *hint =
	    way_of(pieces, hint_of(pieces, before, state, high), state->pc);
	struct unwind_shape *shape = &pieces->shape;
	struct piece *piece;

	if (!unwind_shape(kept, state, high, limits,
			  before ? SHAPE_CUT : SHAPE_WORDS, shape))
		return NULL;
	learn(pieces, before, scroll_at(&pieces->scroll, *hint), shape);
	pieces->sought =
	    (struct piece_sought){hash_of(shape->words, shape->count),
				  shape->words,
				  shape->offsets,
				  shape->count,
				  state,
				  high,
				  shape};
	piece = find(pieces, &pieces->sought, position);
	if (!piece)
		piece = add(pieces, shape, pieces->sought.hash, position);
	set_hint(pieces, hint_of(pieces, before, state, high), state->pc,
		 *position);
	return piece;
}

/* Whether the piece that was innermost the last time seems to be so again. */
static inline bool
seems_same(const struct piece *piece, const struct unwind_state *state,
	   uint64_t high)
{
	const uint16_t *offsets;

	if (!piece || piece->words[0] != state->pc || piece->count < 3 ||
	    piece->span > high - state->sp)
		return false;
	offsets = offsets_of(piece);
	return word_at(state->sp, offsets[1]) == piece->words[1] &&
	       word_at(state->sp, offsets[2]) == piece->words[2];
}

/* The innermost piece, if it is the one of the last walk. */
static inline struct piece *
again(struct pieces *pieces, const struct unwind_state *state, uint64_t high,
      uint32_t *position)
{
	struct piece *piece = scroll_at(&pieces->scroll, pieces->walk[0]);

	if (!seems_same(piece, state, high))
		return NULL;
	*position = pieces->walk[0];
	return words_hold(piece, state) && checks_hold(piece, state) ? piece
								     : NULL;
}

uint32_t
pieces_quick(struct pieces *pieces, const struct unwind_state *state,
	     const struct unwind_bounds *bounds, uint32_t domain,
	     struct leaf **leaf)
{
	struct piece *piece;
	uint32_t position;
	uint32_t *hint;

	if (unlikely(pieces->quick !=
			 __atomic_load_n(&unwind_changes, __ATOMIC_ACQUIRE) ||
		     pieces->count != 1 ||
		     state->sp - bounds->low >= bounds->high - bounds->low))
		return 0;
	piece = again(pieces, state, bounds->high, &position);
	if (!piece) {
		piece = hinted(pieces, 0, state, bounds->high, &hint);
		if (unlikely(!piece || !holds(piece, state)))
			return 0;
		position = *hint;
	}
	if (unlikely(!piece->is_last || piece->base || piece->domain != domain))
		return 0;
	pieces->walk[0] = position;
	*leaf = piece->leaf;
	return piece->site;
}

bool
pieces_walk(struct pieces *pieces, struct unwind_kept *kept,
	    struct unwind_state state, uint64_t high,
	    const struct unwind_limits *limits, bool *stopped)
{
	const uint64_t stop_low = limits->stop_low;
	const uint64_t stop_size = limits->stop_high - stop_low;
	uint32_t position = 0;
	uint32_t count = 0;
	uint32_t differ = 0;
	const struct joint *guess = NULL;

	*stopped = false;
	for (;;) {
		uint32_t before = position;
		struct piece *piece = NULL;
		uint64_t slot;

		if (!count)
			piece = again(pieces, &state, high, &position);
		else if (count == 1)
			guess = pieces_recall(pieces, &state, high);
		if (guess) {
			piece = guessed(pieces, guess, count, &state, high,
					&position);
			if (unlikely(!piece)) {
				pieces_recall_failed(pieces, guess, count,
						     &state);
				guess = NULL;
			}
		}
		if (!piece)
			piece = meet(pieces, before, &state, high, &position);
		if (unlikely(!piece))
			piece = make(pieces, kept, before, &state, high, limits,
				     &position);
		if (unlikely(!piece || count == PIECES_MAX))
			return false;
		if (count > 1)
			differ |= pieces->walk[count] ^ position;
		pieces->walk[count++] = position;
		if (piece->is_last)
			break;
		slot = state.sp + 8 * (uint64_t)piece->caller;
		if (piece->bp != SHAPE_BP_ENTRY)
			state.bp = word_at(state.sp, piece->bp);
		state.pc = load(slot);
		state.sp = slot + 8;
		*stopped = unwind_is_stop(state.pc, stop_low, stop_size);
		if (*stopped || !state.pc)
			break;
	}
	pieces->repeats =
	    differ || pieces->count != count ? 0 : pieces->repeats + 1;
	pieces->count = count;
	pieces->whole = guess && guess->count == count ? guess : NULL;
	return true;
}
