/*
 * engine_inclusive.c - inclusive mode: every location of a stack charges its
 * slot, each slot once for each block.
 *
 * All blocks below a node have the node on their stacks. So a slot is charged
 * with the sum of the whole subtree at each node where it appears first on
 * the way in from the outermost frame, and at no other: subtrees of two such
 * nodes never overlap. One pass from children to parents makes the sums, one
 * over all nodes charges them, whatever the depth.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

#define AHEAD	  8 /* nodes, sites */
#define MENDS_MAX 8 /* slots; of more all sums are made anew */

/*
 * Nodes that have something to charge: those of the sites that changed, and
 * all further out. Ids of parents are below those of their children.
 */
struct nodes {
	uint64_t *bits;	  /* by stack id */
	uint32_t *ranks;  /* [id / 64]: how many come before */
	struct sum *sums; /* [rank] */
	size_t words;
	size_t count;
};

void
charges_forget(struct engine *engine)
{
	free(engine->charges);
	engine->charges = NULL;
	engine->charge_known = engine->charge_room = 0;
}

static void
charges_room(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);

	if (stacks >= engine->charge_room) {
		engine->charge_room = room_for(stacks);
		engine->charges = mem_grow(engine->charges, engine->charge_room,
					   sizeof(*engine->charges));
	}
	engine->charges[0] = (struct charge){0};
}

static uint64_t
slot_bits(uint32_t slot)
{
	uint64_t hash = hash_mix(3, slot);

	return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63);
}

static bool
bloom_has(const struct charge *charge, uint64_t bits)
{
	return !((uint32_t)bits & ~charge->bloom[0]) &&
	       !((uint32_t)(bits >> 32) & ~charge->bloom[1]);
}

/* Whether the slot is charged at one of these nodes, from `stack` outwards. */
static bool
path_has(struct engine *engine, uint32_t stack, uint32_t slot)
{
	struct names *names = engine->names;

	for (; stack; stack = names_stack(names, stack)->parent) {
		uint32_t mask = engine->charges[stack].mask;
		uint32_t first;

		if (!mask)
			continue;
		first =
		    names_frame(names, names_stack(names, stack)->frame)->first;
		for (; mask; mask &= mask - 1)
			if (engine->places[first + __builtin_ctz(mask)].slot ==
			    slot)
				return true;
	}
	return false;
}

static void
charge_node(struct engine *engine, uint32_t id)
{
	struct names *names = engine->names;
	struct stack stack = *names_stack(names, id);
	const struct frame *frame = names_frame(names, stack.frame);
	struct charge charge = engine->charges[stack.parent];
	uint32_t first;
	size_t count;

	charge.mask = 0;
	engine->charges[id] = charge;
	if (engine->mine && frame->kind == FRAME_NATIVE &&
	    (names_module_flags(names, frame->module) & LOCATION_FOREIGN))
		return;
	names_locations(names, stack.frame, &count);
	first = names_frame(names, stack.frame)->first;
	for (size_t i = 0; i < count; i++) {
		uint32_t place = first + (uint32_t)i, slot;
		uint64_t bits;

		if (engine->mine &&
		    (names_location(names, place)->flags & LOCATION_FOREIGN))
			continue;
		slot = slot_of_place(engine, place, stack.frame);
		bits = slot_bits(slot);
		if (!bloom_has(&charge, bits) || !path_has(engine, id, slot))
			charge.mask |= 1u << i;
		charge.bloom[0] |= (uint32_t)bits;
		charge.bloom[1] |= (uint32_t)(bits >> 32);
		engine->charges[id] = charge;
	}
}

void
charges_extend(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);

	charges_room(engine);
	for (size_t id = engine->charge_known + 1; id <= stacks; id++)
		charge_node(engine, (uint32_t)id);
	engine->charge_known = stacks;
}

/* Sites whose stacks have no location that may charge: by their own name. */
static bool
is_charged_own(const struct engine *engine, size_t site)
{
	return !charge_any(&engine->charges[engine->site_stack[site]]);
}

static bool
is_wanted(struct engine *engine, uint32_t slot, uint32_t of)
{
	return slot ? of == slot : slot_at(engine, of)->pass;
}

/* [frame]: it has a location of the slot. */
static uint8_t *
frames_of(struct engine *engine, uint32_t slot)
{
	uint8_t *frames = mem_array(names_frames(engine->names) + 1, 1);

	for (size_t i = 0; i < engine->place_room; i++) {
		const struct place *place = &engine->places[i];

		if (place->slot && is_wanted(engine, slot, place->slot))
			frames[place->frame] = 1;
	}
	return frames;
}

static bool
node_charges(struct engine *engine, uint32_t id, uint32_t slot)
{
	uint32_t frame = names_stack(engine->names, id)->frame;
	uint32_t first = names_frame(engine->names, frame)->first;
	uint32_t mask = engine->charges[id].mask;

	for (; mask; mask &= mask - 1)
		if (is_wanted(engine, slot,
			      engine->places[first + __builtin_ctz(mask)].slot))
			return true;
	return false;
}

uint8_t *
inclusive_cover(struct engine *engine, uint32_t slot)
{
	struct names *names = engine->names;
	uint8_t *frames = frames_of(engine, slot);
	uint8_t *cover = mem_array(engine->charge_known + 1, 1);

	for (size_t id = 1; id <= engine->charge_known; id++) {
		const struct stack *stack = names_stack(names, (uint32_t)id);

		cover[id] = cover[stack->parent] ||
			    (frames[stack->frame] &&
			     node_charges(engine, (uint32_t)id, slot));
	}
	free(frames);
	return cover;
}

static bool
nodes_have(const struct nodes *nodes, uint32_t id)
{
	return nodes->bits[id / 64] >> id % 64 & 1;
}

static struct sum *
nodes_sum(const struct nodes *nodes, uint32_t id)
{
	uint64_t below = (UINT64_C(1) << id % 64) - 1;

	return &nodes->sums[nodes->ranks[id / 64] +
			    (unsigned)__builtin_popcountll(
				nodes->bits[id / 64] & below)];
}

static void
nodes_init(struct engine *engine, struct nodes *nodes)
{
	struct names *names = engine->names;
	size_t count = change_count(engine), sum = 0;

	nodes->words = engine->charge_known / 64 + 1;
	nodes->bits = mem_array(nodes->words, sizeof(*nodes->bits));
	nodes->ranks = mem_array(nodes->words, sizeof(*nodes->ranks));
	for (size_t i = 0; i < count; i++) {
		size_t site = change_site(engine, i);
		uint32_t id = engine->site_stack[site];

		if (i + AHEAD < count) {
			uint32_t next =
			    engine->site_stack[change_site(engine, i + AHEAD)];

			__builtin_prefetch(&engine->charges[next]);
			if (next)
				__builtin_prefetch(names_stack(names, next));
		}
		if (!engine->site_slot[site] || is_charged_own(engine, site))
			continue;
		for (; id && !nodes_have(nodes, id);
		     id = names_stack(names, id)->parent)
			nodes->bits[id / 64] |= UINT64_C(1) << id % 64;
	}
	for (size_t i = 0; i < nodes->words; i++) {
		nodes->ranks[i] = (uint32_t)sum;
		sum += (unsigned)__builtin_popcountll(nodes->bits[i]);
	}
	nodes->count = sum;
	nodes->sums = mem_array(sum, sizeof(*nodes->sums));
}

static void
nodes_fini(struct nodes *nodes)
{
	free(nodes->bits);
	free(nodes->ranks);
	free(nodes->sums);
}

static void
sum_sites(struct engine *engine, struct nodes *nodes)
{
	uint8_t *cover = engine->filter ? inclusive_cover(engine, 0) : NULL;
	size_t count = change_count(engine);
	struct sum sum;

	for (size_t i = 0; i < count; i++) {
		size_t site = change_site(engine, i);
		uint32_t slot = engine->site_slot[site];
		uint32_t stack = engine->site_stack[site];
		bool own, pass;

		if (!slot)
			continue;
		change_sum(engine, i, &sum);
		own = is_charged_own(engine, site);
		if (own)
			slot_charge(engine, slot, engine->site_place[site],
				    &sum);
		else
			sum_add(nodes_sum(nodes, stack), &sum);
		pass = !cover ? true
		       : own  ? slot_at(engine, slot)->pass
			      : cover[stack];
		if (pass)
			row_charge(&engine->total, &sum);
	}
	free(cover);
}

/* The first place that a node charges. */
static uint32_t
node_place(struct engine *engine, uint32_t id)
{
	uint32_t mask = engine->charges[id].mask;
	uint32_t frame = names_stack(engine->names, id)->frame;

	return names_frame(engine->names, frame)->first +
	       (mask ? (uint32_t)__builtin_ctz(mask) : 0);
}

/* What lies below it has been added up. */
static void
node_charge(struct engine *engine, const struct nodes *nodes, uint32_t id)
{
	struct stack stack = *names_stack(engine->names, id);
	uint32_t mask = engine->charges[id].mask;
	const struct sum *sum = nodes_sum(nodes, id);
	uint32_t first = names_frame(engine->names, stack.frame)->first;

	for (; mask; mask &= mask - 1) {
		uint32_t place = first + (uint32_t)__builtin_ctz(mask);

		slot_charge(engine, engine->places[place].slot, place + 1, sum);
	}
	if (stack.parent)
		sum_add(nodes_sum(nodes, stack.parent), sum);
}

/* Ids of all nodes, those of children first; owned by the caller. */
static uint32_t *
nodes_list(const struct nodes *nodes)
{
	uint32_t *list = mem_array(nodes->count, sizeof(*list));
	size_t used = 0;

	for (size_t i = nodes->words; i--;)
		for (uint64_t bits = nodes->bits[i]; bits;) {
			unsigned bit = 63 - (unsigned)__builtin_clzll(bits);

			bits ^= UINT64_C(1) << bit;
			list[used++] = (uint32_t)(64 * i + bit);
		}
	return list;
}

/*
 * What a node needs lies in five places, each found by way of the one before:
 * they are asked for in turn, while nodes before it are charged.
 */
static void
nodes_prefetch(struct engine *engine, const struct nodes *nodes,
	       const uint32_t *list, size_t at)
{
	struct names *names = engine->names;

	if (at + 4 * AHEAD < nodes->count) {
		__builtin_prefetch(names_stack(names, list[at + 4 * AHEAD]));
		__builtin_prefetch(&engine->charges[list[at + 4 * AHEAD]]);
	}
	if (at + 3 * AHEAD < nodes->count) {
		const struct stack *stack =
		    names_stack(names, list[at + 3 * AHEAD]);

		__builtin_prefetch(names_frame(names, stack->frame));
		if (stack->parent)
			__builtin_prefetch(nodes_sum(nodes, stack->parent), 1);
	}
	if (at + 2 * AHEAD < nodes->count)
		__builtin_prefetch(
		    &engine->places[node_place(engine, list[at + 2 * AHEAD])]);
	if (at + AHEAD < nodes->count)
		slot_prefetch(
		    engine,
		    engine->places[node_place(engine, list[at + AHEAD])].slot);
}

void
sum_inclusive(struct engine *engine)
{
	struct nodes nodes;
	uint32_t *list;

	nodes_init(engine, &nodes);
	sum_sites(engine, &nodes);
	list = nodes_list(&nodes);
	for (size_t i = 0; i < nodes.count; i++) {
		nodes_prefetch(engine, &nodes, list, i);
		node_charge(engine, &nodes, list[i]);
	}
	free(list);
	nodes_fini(&nodes);
}

/* The best site of one slot, among all that charge it. */
static void
mend(struct engine *engine, uint32_t id)
{
	struct slot *slot = slot_at(engine, id);
	uint8_t *cover = inclusive_cover(engine, id);

	slot->stale = false;
	slot->best_site = 0;
	for (size_t i = 0; i < engine->site_known; i++) {
		uint64_t value;

		if (!cover[engine->site_stack[i]] &&
		    !(engine->site_slot[i] == id && is_charged_own(engine, i)))
			continue;
		value = best_of(engine, i);
		if (!is_better(value, (uint32_t)i + 1, slot->best_value,
			       slot->best_site))
			continue;
		slot->best_value = value;
		slot->best_site = (uint32_t)i + 1;
		slot->row.stack = engine->site_stack[i];
	}
	free(cover);
}

void
inclusive_mend(struct engine *engine, const struct sort_entry *entries,
	       size_t count)
{
	size_t stale = 0;

	for (size_t i = 0; i < count; i++)
		stale += engine->slots[entries[i].slot].stale;
	if (stale > MENDS_MAX) {
		sums_make(engine);
		return;
	}
	for (size_t i = 0; stale && i < count; i++)
		if (engine->slots[entries[i].slot].stale)
			mend(engine, entries[i].slot + 1);
}
