/*
 * engine_canon.c - stacks that read the same are one row by traceback, which
 * stands under the first of them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

#define AHEAD 16 /* stacks */

/* The first frame whose locations read the same. */
static uint32_t
frame_find(struct engine *engine, uint32_t id)
{
	struct names *names = engine->names;
	size_t count, other_count, at;
	const struct location *locations = names_locations(names, id, &count);
	uint64_t hash = 0;
	uint32_t other;

	for (size_t i = 0; i < count; i++) {
		hash = hash_mix(hash, locations[i].function);
		hash = hash_mix(hash, (uint64_t)locations[i].file << 32 |
					  locations[i].line);
	}
	at = table_start(&engine->canon_frame_table, hash);
	while ((other = table_next(&engine->canon_frame_table, hash, &at))) {
		const struct location *there =
		    names_locations(names, other, &other_count);

		if (count == other_count &&
		    names_frame(names, id)->module ==
			names_frame(names, other)->module &&
		    !memcmp(locations, there, count * sizeof(*there)))
			return other;
	}
	table_put(&engine->canon_frame_table, hash, id);
	return id;
}

static void
frames_extend(struct engine *engine)
{
	size_t frames = names_frames(engine->names);

	if (frames >= engine->canon_frame_room) {
		engine->canon_frame_room = room_for(frames);
		engine->canon_frame =
		    mem_grow(engine->canon_frame, engine->canon_frame_room,
			     sizeof(uint32_t));
	}
	for (size_t id = engine->canon_frames + 1; id <= frames; id++)
		engine->canon_frame[id] = frame_find(engine, (uint32_t)id);
	engine->canon_frames = frames;
}

void
canon_forget(struct engine *engine)
{
	free(engine->canon);
	free(engine->canon_slot);
	free(engine->canon_frame);
	table_fini(&engine->canon_table);
	table_fini(&engine->canon_frame_table);
	engine->canon = engine->canon_slot = engine->canon_frame = NULL;
	engine->canon_known = engine->canon_room = 0;
	engine->canon_frames = engine->canon_frame_room = 0;
}

static void
canon_room(struct engine *engine, size_t stacks)
{
	size_t old = engine->canon_room;

	if (stacks < old)
		return;
	engine->canon_room = room_for(stacks);
	engine->canon =
	    mem_grow(engine->canon, engine->canon_room, sizeof(uint32_t));
	engine->canon_slot =
	    mem_grow(engine->canon_slot, engine->canon_room, sizeof(uint32_t));
	memset(engine->canon_slot + old, 0,
	       (engine->canon_room - old) * sizeof(uint32_t));
	engine->canon[0] = 0;
	table_reserve(&engine->canon_table, stacks);
}

static uint64_t
canon_hash(const struct engine *engine, uint32_t parent, uint32_t frame)
{
	return hash_mix(hash_mix(7, parent), engine->canon_frame[frame]);
}

/* A guess, while its parent is not known. */
static void
canon_prefetch(const struct engine *engine, uint32_t id, uint32_t known)
{
	const struct stack *stack = names_stack(engine->names, id);
	uint32_t parent = stack->parent;
	uint64_t hash =
	    canon_hash(engine, parent < known ? engine->canon[parent] : parent,
		       stack->frame);

	__builtin_prefetch(engine->canon_table.slots +
			   table_start(&engine->canon_table, hash));
}

static uint32_t
canon_find(struct engine *engine, uint32_t id)
{
	const struct stack *stack = names_stack(engine->names, id);
	uint32_t parent = engine->canon[stack->parent], other;
	uint64_t hash = canon_hash(engine, parent, stack->frame);
	size_t at = table_start(&engine->canon_table, hash);

	while ((other = table_next(&engine->canon_table, hash, &at))) {
		const struct stack *there = names_stack(engine->names, other);

		if (engine->canon[there->parent] == parent &&
		    engine->canon_frame[there->frame] ==
			engine->canon_frame[stack->frame])
			return other;
	}
	table_put(&engine->canon_table, hash, id);
	return id;
}

void
canon_extend(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);

	if (stacks == engine->canon_known)
		return;
	frames_extend(engine);
	canon_room(engine, stacks);
	for (uint32_t id = (uint32_t)engine->canon_known + 1; id <= stacks;
	     id++) {
		if (id + AHEAD <= stacks)
			canon_prefetch(engine, id + AHEAD, id);
		engine->canon[id] = canon_find(engine, id);
	}
	engine->canon_known = stacks;
}
