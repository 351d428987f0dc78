/*
 * piece_joint.c - what pieces are together: their joint, and guesses at it.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/piece.h"

#include <string.h>

#include "agent/piece_words.h"

static uint32_t *
joint_ways(struct pieces *pieces, const struct node *base, uint32_t domain)
{
	uint64_t sum = (uint64_t)base * PIECE_FACTOR + domain;
	uint64_t factor = PIECE_FACTOR + PIECE_STEP;

	for (uint32_t i = 0; i < pieces->count; i++, factor += PIECE_STEP)
		sum += pieces->walk[i] * factor;
	return pieces->joints[mix(sum) % JOINT_SETS];
}

static uint64_t
recall_hash(uint32_t parent, uint64_t word)
{
	return mix((word + parent * PIECE_STEP) * PIECE_FACTOR);
}

/* A node has its place in one set, and if that is full in its neighbour. */
static struct recall *
recall_set(struct pieces *pieces, uint64_t hash, size_t neighbour)
{
	return pieces->recalls[(hash >> 16 & (RECALL_SETS - 1)) ^ neighbour];
}

/* The child of a node, by the word at its mark. NULL: none is known. */
static struct recall *
recall_find(struct pieces *pieces, uint32_t parent, uint64_t word)
{
	uint64_t hash = recall_hash(parent, word);

	for (size_t neighbour = 0; neighbour < 2; neighbour++) {
		struct recall *ways = recall_set(pieces, hash, neighbour);

		for (int way = 0; way < RECALL_WAYS; way++)
			if (ways[way].tag == (uint32_t)(hash >> 32) &&
			    ways[way].id) {
				ways[way].is_used = true;
				return &ways[way];
			}
	}
	return NULL;
}

/* The dearer a node, the more is lost with it: one that has children that are
 * found takes them along, and those of one that was lost are never used. */
static unsigned
recall_worth(const struct recall *at)
{
	return at->id ? 1u + 2u * at->is_used + (at->mark != 0) : 0;
}

static void
recall_put(struct pieces *pieces, uint32_t parent, uint64_t word,
	   struct recall recall)
{
	uint64_t hash = recall_hash(parent, word);
	struct recall *victim = NULL;

	for (size_t neighbour = 0; neighbour < 2; neighbour++) {
		struct recall *ways = recall_set(pieces, hash, neighbour);

		for (int way = 0; way < RECALL_WAYS; way++) {
			if (!victim ||
			    recall_worth(&ways[way]) < recall_worth(victim))
				victim = &ways[way];
		}
	}
	if (victim->is_used)
		for (size_t neighbour = 0; neighbour < 2; neighbour++)
			for (int way = 0; way < RECALL_WAYS; way++)
				recall_set(pieces, hash, neighbour)[way]
				    .is_used = false;
	recall.tag = (uint32_t)(hash >> 32);
	*victim = recall;
}

/* Above all nodes that walks like this one can have. */
static uint64_t
root_word(const struct pieces *pieces)
{
	return pieces->outer_sp ^ (uint64_t)pieces->walk[0] << 32;
}

/* What is at a mark that a walk before had there. */
static uint64_t
outer_word(const struct pieces *pieces, uint16_t mark)
{
	uint64_t slot = pieces->outer_sp - 16 + 8 * (uint64_t)mark;

	return slot < pieces->outer_high ? load(slot) : 0;
}

const struct joint *
pieces_recall(struct pieces *pieces, const struct unwind_state *state,
	      uint64_t high)
{
	const struct recall *next;
	const struct recall *at;

	pieces->outer_sp = state->sp;
	pieces->outer_high = high;
	pieces->differ_mark = 0;
	at = next = recall_find(pieces, 0, root_word(pieces));
	while (next && next->mark) {
		at = next;
		next =
		    recall_find(pieces, at->id, outer_word(pieces, at->mark));
	}
	at = next ? next : at;
	return at ? scroll_at(&pieces->joint_scroll, at->joint) : NULL;
}

/* Words of which the first that differs tells walks apart: beyond it, the two
 * have their return addresses in different places. */
void
pieces_recall_failed(struct pieces *pieces, const struct joint *guess,
		     uint32_t at, const struct unwind_state *state)
{
	uint64_t from = (state->sp - pieces->outer_sp) / 8;
	const struct piece *piece = NULL;
	const uint16_t *offsets;

	if (at < guess->count)
		piece = scroll_at(&pieces->scroll, guess->pieces[at]);
	if (!piece || piece->span > pieces->outer_high - state->sp ||
	    from + piece->span / 8 > UINT16_MAX - 2)
		return;
	offsets = offsets_of(piece);
	for (size_t i = 0; i < piece->count; i++) {
		uint64_t word = i ? word_at(state->sp, offsets[i]) : state->pc;

		if (word == piece->words[i])
			continue;
		pieces->differ_mark =
		    (uint16_t)(from + (i ? offsets[i] + 2u : 1u));
		pieces->differ_word = piece->words[i];
		return;
	}
}

/* Makes a node of walks that are alike up to a mark: of those that `at` had
 * until now, and of a new one. */
static void
recall_split(struct pieces *pieces, struct recall *at, uint16_t mark,
	     uint32_t joint)
{
	struct recall old = *at;
	uint32_t id = ++pieces->recall_ids;

	at->id = id;
	at->mark = mark;
	recall_put(pieces, id, pieces->differ_word, old);
	recall_put(pieces, id, outer_word(pieces, mark),
		   (struct recall){.id = ++pieces->recall_ids, .joint = joint});
}

/* The next time this is to be guessed. */
static void
recall_learn(struct pieces *pieces, const struct joint *joint)
{
	uint16_t mark = pieces->differ_mark;
	uint64_t word = root_word(pieces);
	uint32_t parent = 0;
	uint16_t last = 0;
	struct recall *at;

	if (pieces->count < 2 || pieces->whole)
		return;
	while ((at = recall_find(pieces, parent, word)) && at->mark &&
	       at->mark <= mark) {
		parent = at->id;
		last = at->mark;
		word = outer_word(pieces, last);
	}
	if (!at)
		recall_put(pieces, parent, word,
			   (struct recall){.id = ++pieces->recall_ids,
					   .joint = joint->self});
	else if (mark > last)
		recall_split(pieces, at, mark, joint->self);
	else
		at->joint = joint->self;
}

const struct joint *
pieces_joint(struct pieces *pieces, const struct node *base, uint32_t domain)
{
	const uint32_t *ways;

	if (pieces->whole && pieces->whole->base == base &&
	    pieces->whole->domain == domain)
		return pieces->whole;
	ways = joint_ways(pieces, base, domain);
	for (int way = 0; way < JOINT_WAYS; way++) {
		const struct joint *joint =
		    scroll_at(&pieces->joint_scroll, ways[way]);
		uint32_t differ = 0;

		if (!joint || joint->base != base || joint->domain != domain ||
		    joint->count != pieces->count)
			continue;
		for (uint32_t i = 0; i < pieces->count; i++)
			differ |= joint->pieces[i] ^ pieces->walk[i];
		if (differ)
			continue;
		recall_learn(pieces, joint);
		return joint;
	}
	return NULL;
}

static void
remember(struct pieces *pieces, const struct joint *joint)
{
	struct piece *piece = scroll_at(&pieces->scroll, pieces->walk[0]);

	if (pieces->count != 1 || !piece)
		return;
	piece->site = 0; /* while it is neither the old nor the new */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	piece->base = joint->base;
	piece->leaf = joint->leaf;
	piece->domain = joint->domain;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	piece->site = joint->site;
}

const struct joint *
pieces_join(struct pieces *pieces, const struct joint *made)
{
	uint32_t *ways = joint_ways(pieces, made->base, made->domain);
	size_t size = pieces->count * sizeof(*pieces->walk);
	uint32_t position =
	    scroll_take(&pieces->joint_scroll, sizeof(*made) + size);
	struct joint *joint = scroll_at(&pieces->joint_scroll, position);

	*joint = *made;
	joint->self = position;
	if (scroll_is_over(&pieces->joint_scroll))
		pieces_end(pieces);
	joint->count = (uint16_t)pieces->count;
	remember(pieces, made);
	memcpy(joint->pieces, pieces->walk, size);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memmove(ways + 1, ways, (JOINT_WAYS - 1) * sizeof(*ways));
	ways[0] = position;
	recall_learn(pieces, joint);
	return joint;
}
