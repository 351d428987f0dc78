/*
 * engine_filter.c - which rows the filter lets through.
 *
 * A row passes when the filter is part of "file:line" or the function of one
 * of its locations, of its file or module where that is all it is, of any
 * location of a whole stack, or of the domain's name. Letters of ASCII are the
 * same in both cases.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

static bool
text_passes(const struct engine *engine, uint32_t string)
{
	return strcasestr(names_text(engine->names, string), engine->filter);
}

static bool
location_passes(const struct engine *engine, const struct location *location)
{
	const char *file = names_text(engine->names, location->file);
	char line[32];
	size_t size = strlen(engine->filter);
	const char *tail;

	if (text_passes(engine, location->function) ||
	    text_passes(engine, location->file))
		return true;
	/* What begins in the file's name and ends in the line number. */
	snprintf(line, sizeof(line), ":%" PRIu32, location->line);
	if (strcasestr(line, engine->filter))
		return true;
	tail = strrchr(engine->filter, ':');
	if (!tail || strncmp(line, tail, strlen(tail)))
		return false;
	size = (size_t)(tail - engine->filter);
	return strlen(file) >= size &&
	       !strncasecmp(file + strlen(file) - size, engine->filter, size);
}

static bool
frame_passes(struct engine *engine, uint32_t frame)
{
	size_t count;
	const struct location *locations =
	    names_locations(engine->names, frame, &count);

	for (size_t i = 0; i < count; i++)
		if (location_passes(engine, &locations[i]))
			return true;
	return false;
}

void
filter_forget(struct engine *engine)
{
	free(engine->frame_pass);
	engine->frame_pass = NULL;
	engine->frame_room = 0;
}

static bool
stack_passes(struct engine *engine, uint32_t stack)
{
	size_t frames = names_frames(engine->names);

	if (frames >= engine->frame_room) {
		size_t room = room_for(frames);

		engine->frame_pass = mem_grow(engine->frame_pass, room, 1);
		memset(engine->frame_pass + engine->frame_room, 0,
		       room - engine->frame_room);
		engine->frame_room = room;
	}
	while (stack) {
		const struct stack *at = names_stack(engine->names, stack);
		uint8_t *pass = &engine->frame_pass[at->frame];

		if (!*pass)
			*pass = frame_passes(engine, at->frame) ? 2 : 1;
		if (*pass == 2)
			return true;
		stack = at->parent;
	}
	return false;
}

bool
filter_key(struct engine *engine, const struct key *key)
{
	if (!engine->filter)
		return true;
	switch ((enum key_kind)key->kind) {
	case KEY_FILE:
	case KEY_MODULE:
		return text_passes(engine, key->first);
	case KEY_FILE_FUNCTION:
	case KEY_MODULE_FUNCTION:
		return text_passes(engine, key->first) ||
		       text_passes(engine, key->second);
	case KEY_STACK:
		return stack_passes(engine, key->first);
	case KEY_DOMAIN:
		return strcasestr(domain_names[key->first], engine->filter);
	case KEY_FILE_LINE:
		break; /* by its locations */
	}
	return false;
}

void
filter_place(struct engine *engine, struct slot *slot, uint32_t place)
{
	if (slot->pass || slot->key.kind != KEY_FILE_LINE ||
	    !location_passes(engine, names_location(engine->names, place)))
		return;
	slot->pass = true;
	if (slot->place) /* it may have sites, which did not pass before */
		engine->filtered = false;
}

void
filter_slots(struct engine *engine)
{
	filter_forget(engine);
	for (size_t i = 0; i < engine->slot_count; i++)
		engine->slots[i].pass =
		    filter_key(engine, &engine->slots[i].key);
	if (!engine->filter || engine->group_by != GROUP_LINENO)
		return;
	for (size_t i = 0; i < engine->place_room; i++)
		if (engine->places[i].slot)
			filter_place(engine,
				     slot_at(engine, engine->places[i].slot),
				     (uint32_t)i);
}
