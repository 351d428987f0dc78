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

void
charges_forget(struct engine *engine)
{
	engine->charge_known = 0;
}

static void
nodes_room(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);

	if (stacks >= engine->charge_room) {
		engine->charge_room = stacks + stacks / 2 + 64;
		engine->charges = mem_grow(engine->charges, engine->charge_room,
					   sizeof(*engine->charges));
	}
	if (stacks >= engine->sum_room) {
		engine->sum_room = stacks + stacks / 2 + 64;
		engine->sums = mem_grow(engine->sums, engine->sum_room,
					sizeof(*engine->sums));
	}
	engine->charges[0] = (struct charge){0};
}

static uint64_t
slot_bits(uint32_t slot)
{
	uint64_t hash = hash_mix(3, slot);

	return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63);
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
		charge.any = true;
		if ((charge.bloom & bits) != bits ||
		    !path_has(engine, id, slot))
			charge.mask |= 1u << i;
		charge.bloom |= bits;
		engine->charges[id] = charge;
	}
}

void
charges_extend(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);

	nodes_room(engine);
	for (size_t id = engine->charge_known + 1; id <= stacks; id++)
		charge_node(engine, (uint32_t)id);
	engine->charge_known = stacks;
}

/* Sites whose stacks have no location that may charge: by their own name. */
static bool
is_charged_own(const struct engine *engine, size_t site)
{
	return !engine->charges[engine->site_stack[site]].any;
}

uint8_t *
inclusive_cover(struct engine *engine, uint32_t slot)
{
	struct names *names = engine->names;
	uint8_t *cover = mem_array(engine->charge_known + 1, 1);

	for (size_t id = 1; id <= engine->charge_known; id++) {
		const struct stack *stack = names_stack(names, (uint32_t)id);
		uint32_t first = names_frame(names, stack->frame)->first;
		uint32_t mask = engine->charges[id].mask;

		cover[id] = cover[stack->parent];
		for (; mask && !cover[id]; mask &= mask - 1) {
			uint32_t other =
			    engine->places[first + __builtin_ctz(mask)].slot;

			cover[id] =
			    slot ? other == slot : slot_at(engine, other)->pass;
		}
	}
	return cover;
}

static void
sum_sites(struct engine *engine)
{
	uint8_t *cover = engine->filter ? inclusive_cover(engine, 0) : NULL;
	struct sum sum;

	for (size_t i = 0; i < engine->snapshot->site_count; i++) {
		uint32_t slot = engine->site_slot[i];
		bool own, pass;

		if (!slot)
			continue;
		sum_site(engine, i, &sum);
		own = is_charged_own(engine, i);
		if (own)
			slot_charge(engine, slot, engine->site_place[i], &sum);
		else
			sum_add(&engine->sums[engine->site_stack[i]], &sum);
		pass = !cover ? true
		       : own  ? slot_at(engine, slot)->pass
			      : cover[engine->site_stack[i]];
		if (pass)
			row_charge(&engine->rows.total, &sum);
	}
	free(cover);
}

void
sum_inclusive(struct engine *engine)
{
	struct names *names = engine->names;
	size_t stacks = engine->charge_known;
	struct sum *sums = engine->sums;

	memset(sums, 0, (stacks + 1) * sizeof(*sums));
	sum_sites(engine);
	for (size_t id = stacks; id; id--) {
		uint32_t parent = names_stack(names, (uint32_t)id)->parent;

		if (parent)
			sum_add(&sums[parent], &sums[id]);
	}
	for (size_t id = 1; id <= stacks; id++) {
		uint32_t mask = engine->charges[id].mask, first;

		if (!sums[id].site_count || !mask)
			continue;
		first =
		    names_frame(names, names_stack(names, (uint32_t)id)->frame)
			->first;
		for (; mask; mask &= mask - 1) {
			uint32_t place = first + (uint32_t)__builtin_ctz(mask);

			slot_charge(engine, engine->places[place].slot,
				    place + 1, &sums[id]);
		}
	}
}
