/* engine_key.c - from locations, stacks and domains to the keys of rows. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

struct slot *
slot_at(struct engine *engine, uint32_t id)
{
	return &engine->slots[id - 1];
}

void
slots_forget(struct engine *engine)
{
	/* Rows by traceback are many: their room is not kept. */
	free(engine->slots);
	free(engine->entries);
	table_fini(&engine->slot_table);
	engine->slots = NULL;
	engine->entries = NULL;
	engine->slot_count = engine->slot_room = engine->entry_room = 0;
	for (size_t i = 0; i < engine->place_room; i++)
		engine->places[i].slot = 0;
	engine->site_known = 0;
}

static uint64_t
key_hash(const struct key *key)
{
	uint64_t hash = hash_mix(UINT64_C(0x6b65790000000000), key->kind);

	return hash_mix(hash_mix(hash, key->first), key->second);
}

static uint32_t
slot_intern(struct engine *engine, const struct key *key)
{
	uint64_t hash = key_hash(key);
	size_t at = table_start(&engine->slot_table, hash);
	struct slot *slot;
	uint32_t id;

	while ((id = table_next(&engine->slot_table, hash, &at))) {
		const struct key *other = &slot_at(engine, id)->key;

		if (other->kind == key->kind && other->first == key->first &&
		    other->second == key->second)
			return id;
	}
	if (engine->slot_count == engine->slot_room) {
		engine->slot_room = 3 * engine->slot_count / 2 + 64;
		engine->slots = mem_grow(engine->slots, engine->slot_room,
					 sizeof(*engine->slots));
	}
	id = (uint32_t)++engine->slot_count;
	slot = slot_at(engine, id);
	*slot = (struct slot){.key = *key, .pass = !engine->filter};
	slot->row.identity = hash | 1;
	table_put(&engine->slot_table, hash, id);
	return id;
}

/* "/usr/lib/python3/dist-packages/numpy" for all that numpy holds; a file
 * outside of such folders stands for itself. */
static uint32_t
python_package(struct names *names, uint32_t file)
{
	static const char *const folders[] = {"/site-packages/",
					      "/dist-packages/", "/lib/python",
					      "/lib64/python"};
	const char *path = names_text(names, file);

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *rest = strstr(path, folders[i]);

		if (!rest)
			continue;
		rest += strlen(folders[i]);
		if (i >= 2) {
			rest += strspn(rest, "0123456789.");
			if (*rest++ != '/')
				continue;
		}
		return names_string(names, path,
				    (size_t)(rest - path) + strcspn(rest, "/"));
	}
	return file;
}

static struct key
place_key(struct engine *engine, const struct location *location,
	  uint32_t frame_id)
{
	struct names *names = engine->names;
	const struct frame *frame = names_frame(names, frame_id);
	uint32_t function = location->function, file = location->file;
	uint32_t line = location->line;
	uint32_t module =
	    frame->module ? names_module(names, frame->module)->path : 0;

	if (engine->group_by == GROUP_MODULE) {
		if (frame->kind == FRAME_PYTHON)
			module = python_package(names, file);
		return (struct key){KEY_MODULE, module, 0};
	}
	if (engine->group_by == GROUP_FILENAME)
		return file ? (struct key){KEY_FILE, file, 0}
			    : (struct key){KEY_MODULE, module, 0};
	if (!file)
		return (struct key){KEY_MODULE_FUNCTION, module, function};
	if (engine->group_by == GROUP_FUNCTION)
		return (struct key){KEY_FILE_FUNCTION, file, function};
	return (struct key){KEY_FILE_LINE, file, line};
}

static void
places_room(struct engine *engine, uint32_t place)
{
	size_t room = engine->place_room;

	if (place < room)
		return;
	engine->place_room = (size_t)place + place / 2 + 1024;
	engine->places = mem_grow(engine->places, engine->place_room,
				  sizeof(*engine->places));
	memset(engine->places + room, 0,
	       (engine->place_room - room) * sizeof(*engine->places));
}

void
place_note(struct engine *engine, uint32_t place, uint32_t frame)
{
	places_room(engine, place);
	engine->places[place].frame = frame;
}

uint32_t
slot_of_place(struct engine *engine, uint32_t place, uint32_t frame)
{
	place_note(engine, place, frame);
	if (!engine->places[place].slot) {
		struct key key = place_key(
		    engine, names_location(engine->names, place), frame);

		engine->places[place].slot = slot_intern(engine, &key);
	}
	return engine->places[place].slot;
}

uint32_t
slot_of_domain(struct engine *engine, uint16_t domain)
{
	return slot_intern(engine, &(struct key){KEY_DOMAIN, domain, 0});
}

/* The first frame whose locations read the same. */
static uint32_t
canon_frame(struct engine *engine, uint32_t id)
{
	struct names *names = engine->names;
	size_t count, other_count, at;
	const struct location *locations;
	uint64_t hash = 0;
	uint32_t other;

	if (id < engine->canon_frame_room && engine->canon_frame[id])
		return engine->canon_frame[id];
	locations = names_locations(names, id, &count);
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
			break;
	}
	if (!other)
		table_put(&engine->canon_frame_table, hash, other = id);
	if (id >= engine->canon_frame_room) {
		size_t old = engine->canon_frame_room;
		size_t room = names_frames(names) + 1024;

		engine->canon_frame =
		    mem_grow(engine->canon_frame, room, sizeof(uint32_t));
		memset(engine->canon_frame + old, 0,
		       (room - old) * sizeof(uint32_t));
		engine->canon_frame_room = room;
	}
	engine->canon_frame[id] = other;
	return other;
}

void
canon_forget(struct engine *engine)
{
	free(engine->canon);
	free(engine->canon_frame);
	table_fini(&engine->canon_table);
	table_fini(&engine->canon_frame_table);
	engine->canon = engine->canon_frame = NULL;
	engine->canon_known = engine->canon_room = 0;
	engine->canon_frame_room = 0;
}

static void
canon_extend(struct engine *engine)
{
	struct names *names = engine->names;
	size_t stacks = names_stacks(names);

	if (stacks >= engine->canon_room) {
		engine->canon_room = room_for(stacks);
		engine->canon = mem_grow(engine->canon, engine->canon_room,
					 sizeof(uint32_t));
		engine->canon[0] = 0;
	}
	for (size_t id = engine->canon_known + 1; id <= stacks; id++) {
		const struct stack *stack = names_stack(names, (uint32_t)id);
		uint32_t parent = engine->canon[stack->parent], other;
		uint32_t frame = canon_frame(engine, stack->frame);
		uint64_t hash = hash_mix(hash_mix(7, parent), frame);
		size_t at = table_start(&engine->canon_table, hash);

		while ((other = table_next(&engine->canon_table, hash, &at))) {
			stack = names_stack(names, other);
			if (engine->canon[stack->parent] == parent &&
			    canon_frame(engine, stack->frame) == frame)
				break;
		}
		if (!other)
			table_put(&engine->canon_table, hash,
				  other = (uint32_t)id);
		engine->canon[id] = other;
	}
	engine->canon_known = stacks;
}

uint32_t
slot_of_stack(struct engine *engine, uint32_t stack)
{
	canon_extend(engine);
	return slot_intern(engine,
			   &(struct key){KEY_STACK, engine->canon[stack], 0});
}
