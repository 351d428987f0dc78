/*
 * engine_assign.c - where each site is charged, and which of them changed.
 *
 * The snapshot says which sites were touched and what they were before, so
 * sums are moved by the difference. That is given up, and all sites are looked
 * at, where the snapshot is another one or keeps no touches, when some were
 * missed, when they are many, and when a site has got another stack.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

#define AHEAD 16 /* sites */
#define CHANGES_SHARE                                           \
	4 /* more of all sites than one in so many: all of them \
	   */

void
sites_forget(struct engine *engine)
{
	free(engine->next);
	engine->next = NULL;
	engine->site_known = engine->site_room = 0;
}

/* Room for all sites of the snapshot; new ones are charged nowhere. */
static void
sites_room(struct engine *engine)
{
	size_t count = engine->snapshot->site_count;

	if (count > engine->site_room) {
		engine->site_room = room_for(count);
		engine->site_at = mem_grow(engine->site_at, engine->site_room,
					   sizeof(uint32_t));
		if (engine->group_by == GROUP_TRACEBACK)
			engine->next = mem_grow(engine->next, engine->site_room,
						sizeof(uint32_t));
	}
	if (count > engine->site_known)
		memset(engine->site_at + engine->site_known, 0,
		       (count - engine->site_known) * sizeof(uint32_t));
	engine->site_known = count;
}

/* The frame of a stack that a place belongs to; noted with the place. */
static uint32_t
place_frame(struct engine *engine, uint32_t stack, uint32_t place)
{
	struct names *names = engine->names;

	if (place < engine->place_room && engine->places[place].frame)
		return engine->places[place].frame;
	for (; stack; stack = names_stack(names, stack)->parent) {
		uint32_t id = names_stack(names, stack)->frame;
		const struct frame *frame = names_frame(names, id);

		if (place >= frame->first &&
		    place - frame->first < frame->count) {
			place_note(engine, place, id);
			return id;
		}
	}
	return 0;
}

static uint32_t
stack_slot(struct engine *engine, size_t index)
{
	uint32_t id =
	    slot_of_stack(engine, engine->snapshot->sites[index].stack);
	struct slot *slot = slot_at(engine, id);

	engine->next[index] = slot->chain;
	slot->chain = (uint32_t)index + 1;
	return id;
}

/* The place that names a stack; its frame is noted. */
static uint32_t
stack_place(struct engine *engine, uint32_t stack)
{
	uint32_t place;

	naming_extend(engine, engine->mine);
	place = naming_find(engine, engine->mine, stack);
	place_frame(engine, stack, place);
	return place;
}

void
slot_locate(struct engine *engine, struct slot *slot)
{
	slot->place = stack_place(engine, slot->key.first) + 1;
}

/* The slot of the row that a site names. */
static uint32_t
own_slot(struct engine *engine, size_t index)
{
	const struct site *site = &engine->snapshot->sites[index];
	uint32_t slot, place;

	if (engine->group_by == GROUP_TRACEBACK)
		return stack_slot(engine, index);
	place = stack_place(engine, site->stack);
	if (engine->group_by == GROUP_DOMAIN)
		return slot_of_domain(engine, site->domain, place);
	slot = slot_of_place(engine, place, engine->places[place].frame);
	place_name(engine, place);
	return slot;
}

static void
site_assign(struct engine *engine, size_t index)
{
	uint32_t stack = engine->snapshot->sites[index].stack;
	uint32_t step = 0;

	if (engine->inclusive)
		step = engine->stack_step[stack];
	engine->site_at[index] =
	    step ? AT_STEP | step : own_slot(engine, index);
}

/* What all sites that are not assigned yet need. */
static void
stacks_extend(struct engine *engine)
{
	if (engine->inclusive)
		steps_extend(engine);
	if (engine->group_by == GROUP_TRACEBACK)
		canon_extend(engine);
	sites_room(engine);
}

void
sites_assign(struct engine *engine)
{
	const struct site *sites = engine->snapshot->sites;
	bool chains = engine->group_by == GROUP_TRACEBACK;

	stacks_extend(engine);
	if (chains)
		slots_reserve(engine, engine->site_known);
	for (size_t i = 0; i < engine->site_known; i++) {
		if (chains && i + AHEAD < engine->site_known)
			slot_of_stack_prefetch(engine, sites[i + AHEAD].stack);
		if (sites[i].stack)
			site_assign(engine, i);
	}
}

static void
change_add(struct engine *engine, size_t site, uint32_t touch)
{
	engine->changes =
	    mem_room(engine->changes, &engine->change_room,
		     engine->change_count, sizeof(*engine->changes));
	engine->changes[engine->change_count++] =
	    (struct moved){(uint32_t)site, touch};
}

/* False: it does not go where it was charged. */
static bool
touch_take(struct engine *engine, size_t index)
{
	const struct touch *touch = &engine->snapshot->touched[index];
	size_t at = touch->site - 1;
	const struct site *site = &engine->snapshot->sites[at];

	if (engine->touched[at / 64] >> at % 64 & 1)
		return true;
	engine->touched[at / 64] |= UINT64_C(1) << at % 64;
	if (engine->site_at[at]) {
		change_add(engine, at, (uint32_t)index);
		return touch->before.stack == site->stack &&
		       (touch->before.domain == site->domain ||
			engine->group_by != GROUP_DOMAIN);
	}
	if (site->stack) {
		site_assign(engine, at);
		change_add(engine, at, CHANGE_BORN);
	}
	return true;
}

static void
touched_clear(struct engine *engine)
{
	size_t words = engine->snapshot->site_count / 64 + 1;

	if (words > engine->touched_room) {
		engine->touched_room = room_for(words);
		engine->touched = mem_grow(
		    engine->touched, engine->touched_room, sizeof(uint64_t));
	}
	memset(engine->touched, 0, words * sizeof(uint64_t));
	engine->change_count = 0;
}

bool
changes_take(struct engine *engine)
{
	const struct snapshot *snapshot = engine->snapshot;
	uint64_t from = engine->touches_of, to = snapshot_touches(snapshot);

	touched_clear(engine);
	engine->touches_of = to;
	if (!snapshot->touches || !snapshot->serial ||
	    snapshot->serial != engine->snapshot_of ||
	    from < snapshot->touched_first || from > to ||
	    to - from > snapshot->site_count / CHANGES_SHARE)
		return false;
	stacks_extend(engine);
	for (; from < to; from++)
		if (!touch_take(engine,
				(size_t)(from - snapshot->touched_first)))
			return false;
	return true;
}
