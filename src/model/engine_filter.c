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

/* [frame]: 0 not asked, 1 no, 2 yes */
static bool
stack_passes(struct engine *engine, uint32_t stack, uint8_t *frames)
{
	while (stack) {
		const struct stack *at = names_stack(engine->names, stack);

		if (!frames[at->frame])
			frames[at->frame] =
			    frame_passes(engine, at->frame) ? 2 : 1;
		if (frames[at->frame] == 2)
			return true;
		stack = at->parent;
	}
	return false;
}

static bool
key_passes(struct engine *engine, const struct key *key, uint8_t *frames)
{
	switch ((enum key_kind)key->kind) {
	case KEY_FILE:
	case KEY_MODULE:
		return text_passes(engine, key->first);
	case KEY_FILE_FUNCTION:
	case KEY_MODULE_FUNCTION:
		return text_passes(engine, key->first) ||
		       text_passes(engine, key->second);
	case KEY_STACK:
		return stack_passes(engine, key->first, frames);
	case KEY_DOMAIN:
		return strcasestr(domain_names[key->first], engine->filter);
	case KEY_FILE_LINE:
		break; /* by its locations */
	}
	return false;
}

void
filter_slots(struct engine *engine)
{
	uint8_t *frames;

	if (!engine->filter) {
		for (size_t i = 0; i < engine->slot_count; i++)
			engine->slots[i].pass = true;
		return;
	}
	frames = mem_array(names_frames(engine->names) + 1, 1);
	for (size_t i = 0; i < engine->slot_count; i++) {
		struct slot *slot = &engine->slots[i];

		slot->pass = key_passes(engine, &slot->key, frames);
	}
	for (size_t i = 0; i < engine->place_room; i++) {
		struct slot *slot;

		if (!engine->places[i].slot)
			continue;
		slot = slot_at(engine, engine->places[i].slot);
		if (slot->key.kind == KEY_FILE_LINE && !slot->pass)
			slot->pass = location_passes(
			    engine, names_location(engine->names, i));
	}
	free(frames);
}
