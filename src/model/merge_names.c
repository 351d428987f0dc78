/* merge_names.c - the names of several sources as one. */
#include "config.h"

#include "model/merge_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Names of one source on their way into the common ones. */
struct way {
	struct merge_names *merge;
	struct names_map *map;
	const struct names *from;
};

static void
map_add(struct id_map *map, uint32_t id)
{
	map->ids =
	    mem_room(map->ids, &map->room, map->count, sizeof(*map->ids));
	map->ids[map->count++] = id;
}

static uint32_t
string_map(const struct way *way, uint32_t string)
{
	struct id_map *map = &way->map->strings;
	const char *text;

	while (map->count <= string)
		map_add(map, 0);
	if (string && !map->ids[string]) {
		text = names_text(way->from, string);
		map->ids[string] =
		    names_string(way->merge->to, text, strlen(text));
	}
	return map->ids[string];
}

/* The build id, or the path where there is none. */
static uint64_t
module_hash(const struct module *module)
{
	return module->build_id_size
		   ? hash_bytes(module->build_id, module->build_id_size)
		   : hash_mix(1, module->path);
}

static bool
module_is_same(const struct module *a, const struct module *b)
{
	return a->build_id_size == b->build_id_size &&
	       (a->build_id_size
		    ? !memcmp(a->build_id, b->build_id, a->build_id_size)
		    : a->path == b->path);
}

static uint32_t
module_take(const struct way *way, uint32_t id)
{
	struct names *to = way->merge->to;
	struct table *table = &way->merge->modules;
	struct module module = *names_module(way->from, id);
	uint64_t hash;
	size_t at;
	uint32_t same;

	module.path = string_map(way, module.path);
	hash = module_hash(&module);
	at = table_start(table, hash);
	while ((same = table_next(table, hash, &at)) &&
	       !module_is_same(names_module(to, same), &module))
		;
	if (!same)
		table_put(table, hash, same = names_add_module(to, &module));
	return same;
}

/* A frame and what it says of itself, in common ids. */
struct told {
	struct frame frame;
	struct location locations[NAMES_LOCATIONS_MAX];
	size_t count;
};

static void
frame_tell(const struct way *way, uint32_t id, struct told *told)
{
	const struct frame *frame = names_frame(way->from, id);

	told->frame = *frame;
	told->frame.module = way->map->modules.ids[frame->module];
	told->count = frame->count;
	for (size_t i = 0; i < told->count; i++) {
		struct location *location = &told->locations[i];

		*location = *names_location(way->from, frame->first + i);
		location->function = string_map(way, location->function);
		location->file = string_map(way, location->file);
	}
}

static uint64_t
frame_hash(const struct told *told)
{
	const struct location *first = told->locations;

	if (told->frame.kind == FRAME_NATIVE)
		return hash_mix(told->frame.module, told->frame.offset);
	return hash_mix(hash_mix(first->file, first->line), first->function);
}

static bool
frame_is_same(const struct names *to, uint32_t id, const struct told *told)
{
	const struct frame *frame = names_frame(to, id);
	const struct location *first = told->locations, *own;

	if (frame->kind != told->frame.kind)
		return false;
	if (frame->kind == FRAME_NATIVE)
		return frame->module == told->frame.module &&
		       frame->offset == told->frame.offset;
	own = names_location(to, frame->first);
	return own->file == first->file && own->line == first->line &&
	       own->function == first->function;
}

/* Of a native frame that nobody has asked for yet, nobody asks here either. */
static uint32_t
frame_take(const struct way *way, uint32_t id)
{
	struct names *to = way->merge->to;
	struct table *table = &way->merge->frames;
	struct told told;
	uint64_t hash;
	size_t at;
	uint32_t same;

	frame_tell(way, id, &told);
	hash = frame_hash(&told);
	at = table_start(table, hash);
	while ((same = table_next(table, hash, &at)) &&
	       !frame_is_same(to, same, &told))
		;
	if (same)
		return same;
	same =
	    told.count
		? names_add_frame(to, told.frame.kind, told.frame.module,
				  told.frame.offset, told.locations, told.count)
		: names_add_native(to, told.frame.module, told.frame.offset);
	table_put(table, hash, same);
	return same;
}

static uint32_t
stack_take(const struct way *way, uint32_t id)
{
	struct names *to = way->merge->to;
	struct table *table = &way->merge->stacks;
	const struct stack *stack = names_stack(way->from, id);
	uint32_t parent = way->map->stacks.ids[stack->parent];
	uint32_t frame = way->map->frames.ids[stack->frame];
	uint64_t hash = hash_mix(parent, frame);
	size_t at = table_start(table, hash);
	uint32_t same;

	while ((same = table_next(table, hash, &at))) {
		const struct stack *found = names_stack(to, same);

		if (found->parent == parent && found->frame == frame)
			return same;
	}
	same = names_add_stack(to, parent, frame);
	table_put(table, hash, same);
	return same;
}

static void
map_extend(const struct way *way, struct id_map *map, size_t count,
	   uint32_t (*take)(const struct way *, uint32_t id))
{
	if (!map->count)
		map_add(map, 0);
	while (map->count <= count)
		map_add(map, take(way, (uint32_t)map->count));
}

void
merge_names_take(struct merge_names *merge, struct names_map *map,
		 const struct names *from)
{
	const struct way way = {merge, map, from};

	map_extend(&way, &map->modules, names_modules(from), module_take);
	map_extend(&way, &map->frames, names_frames(from), frame_take);
	map_extend(&way, &map->stacks, names_stacks(from), stack_take);
}

void
merge_names_fini(struct merge_names *merge)
{
	table_fini(&merge->modules);
	table_fini(&merge->frames);
	table_fini(&merge->stacks);
}

void
names_map_fini(struct names_map *map)
{
	free(map->strings.ids);
	free(map->modules.ids);
	free(map->frames.ids);
	free(map->stacks.ids);
	*map = (struct names_map){0};
}
