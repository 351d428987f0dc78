/*
 * engine_name.c - which location names a stack: see query.h.
 *
 * Python names are spread from parents to children without asking the
 * resolver. Native ones are asked for when wanted, from the innermost frame
 * outwards, and the answer is kept for every node on the way.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

void
naming_free(struct naming *naming)
{
	free(naming->places);
	free(naming->candidates);
	*naming = (struct naming){0};
}

void
naming_forget(struct engine *engine)
{
	for (int i = 0; i < 2; i++)
		naming_free(&engine->naming[i]);
}

/* Place + 1 of the first location of a frame that may name a row. */
static uint32_t
find_candidate(struct names *names, uint32_t id, bool mine)
{
	uint32_t barred = LOCATION_GLUE | (mine ? LOCATION_FOREIGN : 0);
	const struct frame *frame = names_frame(names, id);
	const struct location *locations;
	size_t count;

	if (frame->kind == FRAME_NATIVE &&
	    (names_module_flags(names, frame->module) & barred))
		return NAMING_NONE;
	locations = names_locations(names, id, &count);
	for (size_t i = 0; i < count; i++)
		if (!(locations[i].flags & barred))
			return names_frame(names, id)->first + (uint32_t)i + 1;
	return NAMING_NONE;
}

/* Python frames are asked at once, native ones when they are wanted. */
static uint32_t
frame_look(struct engine *engine, uint32_t frame, bool mine)
{
	uint32_t *candidate = &engine->naming[mine].candidates[frame];

	if (*candidate)
		return *candidate;
	*candidate = NAMING_LATER;
	if (names_frame(engine->names, frame)->kind == FRAME_PYTHON) {
		*candidate = find_candidate(engine->names, frame, mine);
		if (*candidate != NAMING_NONE)
			*candidate |= NAMING_PYTHON;
	}
	return *candidate;
}

static uint32_t
frame_candidate(struct engine *engine, uint32_t frame, bool mine)
{
	uint32_t candidate = frame_look(engine, frame, mine);

	if (candidate == NAMING_LATER)
		candidate = engine->naming[mine].candidates[frame] =
		    find_candidate(engine->names, frame, mine);
	return candidate;
}

static void
naming_room(struct engine *engine, struct naming *naming)
{
	size_t stacks = names_stacks(engine->names);
	size_t frames = names_frames(engine->names);
	size_t old = naming->candidate_room;

	if (stacks >= naming->room) {
		naming->room = room_for(stacks);
		naming->places =
		    mem_grow(naming->places, naming->room, sizeof(uint32_t));
	}
	if (frames < old)
		return;
	naming->candidate_room = frames + frames / 2 + 64;
	naming->candidates = mem_grow(naming->candidates,
				      naming->candidate_room, sizeof(uint32_t));
	memset(naming->candidates + old, 0,
	       (naming->candidate_room - old) * sizeof(uint32_t));
}

void
naming_extend(struct engine *engine, bool mine)
{
	struct naming *naming = &engine->naming[mine];
	struct names *names = engine->names;
	size_t stacks = names_stacks(names);

	naming_room(engine, naming);
	for (size_t id = naming->known + 1; id <= stacks; id++) {
		const struct stack *stack = names_stack(names, (uint32_t)id);
		uint32_t place = frame_look(engine, stack->frame, mine);

		if (!(place & NAMING_PYTHON) && stack->parent)
			place = naming->places[stack->parent];
		naming->places[id] = place & NAMING_PYTHON ? place : 0;
	}
	naming->known = stacks;
}

/* Of a stack without Python locations that may name it. */
static uint32_t
find_native(struct engine *engine, bool mine, uint32_t stack)
{
	uint32_t *places = engine->naming[mine].places;
	struct names *names = engine->names;
	uint32_t answer = NAMING_NONE, at = stack, parent;

	for (; at; at = names_stack(names, at)->parent) {
		uint32_t frame = names_stack(names, at)->frame;

		answer = places[at] ? places[at]
				    : frame_candidate(engine, frame, mine);
		if (places[at] || answer != NAMING_NONE)
			break;
	}
	for (; stack && !places[stack]; stack = parent) {
		parent = names_stack(names, stack)->parent;
		places[stack] = answer;
		if (stack == at)
			break;
	}
	return answer;
}

uint32_t
naming_find(struct engine *engine, bool mine, uint32_t stack)
{
	uint32_t answer = engine->naming[mine].places[stack];
	uint32_t frame;
	size_t count;

	if (!answer)
		answer = find_native(engine, mine, stack);
	if (answer != NAMING_NONE)
		return (answer & ~NAMING_PYTHON) - 1;
	if (mine) {
		naming_extend(engine, false);
		return naming_find(engine, false, stack);
	}
	frame = names_stack(engine->names, stack)->frame;
	names_locations(engine->names, frame, &count);
	return names_frame(engine->names, frame)->first;
}
