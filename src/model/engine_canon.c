/*
 * engine_canon.c - which stacks read the same: they are one row by traceback.
 *
 * A stack has a hash of what its frames read, made from its parent's. Only
 * those of equal hash are walked side by side, until they meet.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

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
	free(engine->canon_frame);
	table_fini(&engine->canon_frame_table);
	engine->canon = NULL;
	engine->canon_frame = NULL;
	engine->canon_known = engine->canon_room = 0;
	engine->canon_frames = engine->canon_frame_room = 0;
}

void
canon_extend(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);

	if (stacks == engine->canon_known)
		return;
	frames_extend(engine);
	if (stacks >= engine->canon_room) {
		engine->canon_room = room_for(stacks);
		engine->canon = mem_grow(engine->canon, engine->canon_room,
					 sizeof(*engine->canon));
		engine->canon[0] = 0;
	}
	for (size_t id = engine->canon_known + 1; id <= stacks; id++) {
		const struct stack *stack =
		    names_stack(engine->names, (uint32_t)id);

		engine->canon[id] = hash_mix(engine->canon[stack->parent],
					     engine->canon_frame[stack->frame]);
	}
	engine->canon_known = stacks;
}

bool
canon_same(const struct engine *engine, uint32_t a, uint32_t b)
{
	while (a != b) {
		const struct stack *first, *second;

		if (!a || !b || engine->canon[a] != engine->canon[b])
			return false;
		first = names_stack(engine->names, a);
		second = names_stack(engine->names, b);
		if (engine->canon_frame[first->frame] !=
		    engine->canon_frame[second->frame])
			return false;
		a = first->parent;
		b = second->parent;
	}
	return true;
}
