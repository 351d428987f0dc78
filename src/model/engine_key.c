/* engine_key.c - from locations, stacks and domains to the keys of rows. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

void
slots_free(struct engine *engine)
{
	free(engine->slots);
	table_fini(&engine->slot_table);
	engine->slots = NULL;
	engine->slot_count = engine->slot_room = 0;
}

void
slots_forget(struct engine *engine)
{
	/* Rows by traceback are many: their room is not kept. */
	if (engine->slot_count > engine->site_known / 4)
		slots_free(engine);
	table_clear(&engine->slot_table);
	free(engine->process_bits);
	engine->process_bits = NULL;
	engine->slot_count = engine->process_count = 0;
	for (size_t i = 0; i < PART_COUNT; i++) {
		free(engine->parts[i].sums);
		engine->parts[i] = (struct part){0};
	}
	for (size_t i = 0; i < engine->place_room; i++)
		engine->places[i].slot = engine->places[i].named = 0;
}

static uint64_t
key_hash(const struct key *key)
{
	uint64_t hash = hash_mix(UINT64_C(0x6b65790000000000), key->kind);

	return hash_mix(hash_mix(hash, key->first), key->second);
}

uint64_t
slot_identity(const struct slot *slot)
{
	return key_hash(&slot->key) | 1;
}

uint32_t
slot_find(const struct engine *engine, uint64_t identity)
{
	for (size_t i = 0; i < engine->slot_count; i++)
		if (slot_identity(&engine->slots[i]) == identity)
			return (uint32_t)i + 1;
	return 0;
}

static void
slots_room(struct engine *engine, size_t room)
{
	engine->slot_room = room;
	engine->slots = mem_grow(engine->slots, room, sizeof(*engine->slots));
}

void
slots_reserve(struct engine *engine, size_t count)
{
	if (count > engine->slot_room)
		slots_room(engine, room_for(count));
	table_reserve(&engine->slot_table, count);
}

static uint32_t
slot_new(struct engine *engine, const struct key *key)
{
	if (engine->slot_count == engine->slot_room)
		slots_room(engine, 3 * engine->slot_count / 2 + 64);
	engine->slots[engine->slot_count++] = (struct slot){
	    .key = *key,
	    .kind = UINT8_MAX,
	    .pass = !engine->filter || filter_key(engine, key),
	};
	return (uint32_t)engine->slot_count;
}

static uint32_t
slot_intern(struct engine *engine, const struct key *key)
{
	uint64_t hash = key_hash(key);
	size_t at = table_start(&engine->slot_table, hash);
	uint32_t id;

	while ((id = table_next(&engine->slot_table, hash, &at))) {
		const struct key *other = &slot_at(engine, id)->key;

		if (other->kind == key->kind && other->first == key->first &&
		    other->second == key->second)
			return id;
	}
	id = slot_new(engine, key);
	table_put(&engine->slot_table, hash, id);
	return id;
}

/* What a place says about a row. */
static void
place_texts(const struct engine *engine, uint32_t place, struct row *row)
{
	const struct location *location = names_location(engine->names, place);
	const struct frame *frame =
	    names_frame(engine->names, engine->places[place].frame);

	row->file = location->file;
	row->function = location->function;
	row->line = location->line;
	row->kind = (uint8_t)frame->kind;
	row->module = frame->module
			  ? names_module(engine->names, frame->module)->path
			  : 0;
}

void
slot_name(struct engine *engine, uint32_t id, uint32_t place)
{
	struct slot *slot = slot_at(engine, id);
	struct row first, row;

	if (slot->place == place + 1 ||
	    (slot->differ == DIFFER_ALL && slot->kind == 0))
		return;
	if (!slot->place) {
		slot->place = place + 1;
		return;
	}
	place_texts(engine, place, &row);
	place_texts(engine, slot->place - 1, &first);
	if (row.file != first.file)
		slot->differ |= DIFFER_FILE | DIFFER_LINE;
	if (row.function != first.function)
		slot->differ |= DIFFER_FUNCTION;
	if (row.line != first.line)
		slot->differ |= DIFFER_LINE;
	if (row.module != first.module)
		slot->differ |= DIFFER_MODULE;
	if (slot->kind > row.kind)
		slot->kind = row.kind;
}

void
place_name(struct engine *engine, uint32_t place)
{
	struct place *at = &engine->places[place];

	if (!at->named)
		slot_name(engine, at->slot, place);
	at->named = 1;
}

void
slot_texts(struct engine *engine, struct slot *slot, struct row *row)
{
	if (!slot->place && slot->key.kind == KEY_STACK)
		slot_locate(engine, slot);
	if (!slot->place)
		return;
	place_texts(engine, slot->place - 1, row);
	if (row->kind > slot->kind)
		row->kind = slot->kind;
	if (slot->differ & DIFFER_FILE)
		row->file = 0;
	if (slot->differ & DIFFER_FUNCTION)
		row->function = 0;
	if (slot->differ & DIFFER_LINE)
		row->line = 0;
	if (slot->key.kind == KEY_MODULE)
		row->module = slot->key.first;
	else if (slot->differ & DIFFER_MODULE)
		row->module = 0;
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
	struct key key;
	uint32_t slot;

	if (place < engine->place_room && engine->places[place].slot)
		return engine->places[place].slot;
	place_note(engine, place, frame);
	key = place_key(engine, names_location(engine->names, place), frame);
	slot = slot_intern(engine, &key);
	engine->places[place].slot = slot;
	filter_place(engine, slot_at(engine, slot), place);
	return slot;
}

uint32_t
slot_of_domain(struct engine *engine, uint16_t domain, uint32_t place)
{
	uint32_t slot =
	    slot_intern(engine, &(struct key){KEY_DOMAIN, domain, 0});
	uint32_t *named = &engine->places[place].slot;

	if (!(*named >> domain & 1))
		slot_name(engine, slot, place);
	*named |= UINT32_C(1) << domain;
	return slot;
}

uint32_t
slot_of_stack(struct engine *engine, uint32_t stack)
{
	uint64_t hash = engine->canon[stack];
	size_t at = table_start(&engine->slot_table, hash);
	uint32_t id;

	while ((id = table_next(&engine->slot_table, hash, &at))) {
		struct key *key = &slot_at(engine, id)->key;

		if (key->first != stack &&
		    !canon_same(engine, key->first, stack))
			continue;
		if (key->first > stack)
			key->first = stack;
		return id;
	}
	id = slot_new(engine, &(struct key){KEY_STACK, stack, 0});
	table_put(&engine->slot_table, hash, id);
	return id;
}

void
slot_of_stack_prefetch(const struct engine *engine, uint32_t stack)
{
	__builtin_prefetch(
	    engine->slot_table.slots +
	    table_start(&engine->slot_table, engine->canon[stack]));
}
