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
naming_forget(struct engine *engine)
{
	for (int i = 0; i < 2; i++)
		engine->naming[i].known = 0;
}

/* The first location of a frame that may name a row, or -1. */
static int64_t
frame_candidate(struct names *names, uint32_t id, bool mine)
{
	uint32_t barred = LOCATION_GLUE | (mine ? LOCATION_FOREIGN : 0);
	const struct frame *frame = names_frame(names, id);
	const struct location *locations;
	size_t count;

	if (frame->kind == FRAME_NATIVE &&
	    (names_module_flags(names, frame->module) & barred))
		return -1;
	locations = names_locations(names, id, &count);
	for (size_t i = 0; i < count; i++)
		if (!(locations[i].flags & barred))
			return (int64_t)names_frame(names, id)->first +
			       (int64_t)i;
	return -1;
}

void
naming_extend(struct engine *engine, bool mine)
{
	struct naming *naming = &engine->naming[mine];
	struct names *names = engine->names;
	size_t stacks = names_stacks(names);

	if (stacks >= naming->room) {
		naming->room = stacks + stacks / 2 + 64;
		naming->python =
		    mem_grow(naming->python, naming->room, sizeof(uint32_t));
		naming->native =
		    mem_grow(naming->native, naming->room, sizeof(uint32_t));
	}
	for (size_t id = naming->known + 1; id <= stacks; id++) {
		const struct stack *stack = names_stack(names, (uint32_t)id);
		int64_t place = -1;

		naming->native[id] = 0;
		if (names_frame(names, stack->frame)->kind == FRAME_PYTHON)
			place = frame_candidate(names, stack->frame, mine);
		naming->python[id] = place >= 0 ? (uint32_t)place + 1
				     : stack->parent
					 ? naming->python[stack->parent]
					 : 0;
	}
	naming->known = stacks;
}

static uint32_t
find_native(struct engine *engine, bool mine, uint32_t stack)
{
	uint32_t *native = engine->naming[mine].native;
	struct names *names = engine->names;
	uint32_t answer = NAMING_NONE, at = stack, parent;

	for (; at; at = names_stack(names, at)->parent) {
		uint32_t frame = names_stack(names, at)->frame;
		int64_t place;

		if (native[at]) {
			answer = native[at];
			break;
		}
		if (names_frame(names, frame)->kind == FRAME_PYTHON)
			continue;
		place = frame_candidate(names, frame, mine);
		if (place >= 0) {
			answer = (uint32_t)place + 1;
			break;
		}
	}
	for (; stack && !native[stack]; stack = parent) {
		parent = names_stack(names, stack)->parent;
		native[stack] = answer;
		if (stack == at)
			break;
	}
	return answer;
}

uint32_t
naming_find(struct engine *engine, bool mine, uint32_t stack)
{
	uint32_t answer = engine->naming[mine].python[stack];
	uint32_t frame;
	size_t count;

	if (!answer)
		answer = find_native(engine, mine, stack);
	if (answer != NAMING_NONE)
		return answer - 1;
	if (mine) {
		naming_extend(engine, false);
		return naming_find(engine, false, stack);
	}
	frame = names_stack(engine->names, stack)->frame;
	names_locations(engine->names, frame, &count);
	return names_frame(engine->names, frame)->first;
}
