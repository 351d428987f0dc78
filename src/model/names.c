/* names.c - strings, modules, frames and stacks; locations on demand. */
#include "config.h"

#include "model/names.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "model/classify.h"

#define TEXT_BLOCK 65536

/* Texts never move, so pointers to them stay good: blocks, not one array. */
struct text_block {
	struct text_block *next;
	char bytes[];
};

struct names {
	uint64_t serial; /* no two names of this program have the same */

	struct text_block *blocks; /* newest first */
	size_t block_used;
	size_t block_size;
	char **strings; /* [id]; [0] is "" */
	size_t string_count;
	size_t string_room;
	struct table string_table;

	struct module *modules; /* [id - 1], as the next ones */
	uint8_t *module_flags;
	size_t module_count;
	size_t module_room;
	size_t module_flags_room;
	struct frame *frames;
	size_t frame_count;
	size_t frame_room;
	struct stack *stacks;
	size_t stack_count;
	size_t stack_room;

	struct location *locations; /* of all frames; old answers stay */
	size_t location_count;
	size_t location_room;

	struct resolver resolver;
	uint32_t *pending; /* frames */
	size_t pending_count;
	size_t pending_room;
	uint64_t generation;
};

struct names *
names_new(void)
{
	static uint64_t serial;
	struct names *names = mem_alloc(sizeof(*names));

	names->serial = ++serial;
	names->strings = mem_room(NULL, &names->string_room, 0, sizeof(char *));
	names->strings[0] = mem_string("");
	return names;
}

void
names_free(struct names *names)
{
	struct text_block *next;

	if (!names)
		return;
	for (struct text_block *block = names->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	free(names->strings[0]);
	free(names->strings);
	table_fini(&names->string_table);
	free(names->modules);
	free(names->module_flags);
	free(names->frames);
	free(names->stacks);
	free(names->locations);
	free(names->pending);
	free(names);
}

void
names_set_resolver(struct names *names, const struct resolver *resolver)
{
	names->resolver = resolver ? *resolver : (struct resolver){0};
}

uint64_t
names_serial(const struct names *names)
{
	return names->serial;
}

/* Strings */

static char *
store_text(struct names *names, const char *text, size_t size)
{
	char *copy;

	if (names->block_size - names->block_used <= size) {
		struct text_block *block;

		names->block_size = size < TEXT_BLOCK ? TEXT_BLOCK : size + 1;
		block = mem_grow(NULL, sizeof(*block) + names->block_size, 1);
		block->next = names->blocks;
		names->blocks = block;
		names->block_used = 0;
	}
	copy = names->blocks->bytes + names->block_used;
	memcpy(copy, text, size);
	copy[size] = '\0';
	names->block_used += size + 1;
	return copy;
}

uint32_t
names_string(struct names *names, const char *text, size_t size)
{
	uint64_t hash;
	uint32_t id;
	size_t at;

	size = strnlen(text, size);
	if (!size)
		return 0;
	hash = hash_bytes(text, size);
	at = table_start(&names->string_table, hash);
	while ((id = table_next(&names->string_table, hash, &at)))
		if (!strncmp(names->strings[id], text, size) &&
		    !names->strings[id][size])
			return id;
	id = (uint32_t)++names->string_count;
	names->strings =
	    mem_room(names->strings, &names->string_room, id, sizeof(char *));
	names->strings[id] = store_text(names, text, size);
	table_put(&names->string_table, hash, id);
	return id;
}

const char *
names_text(const struct names *names, uint32_t string)
{
	assert(string <= names->string_count);
	return names->strings[string];
}

/* Adding */

uint32_t
names_add_module(struct names *names, const struct module *module)
{
	assert(module->path <= names->string_count);
	names->modules = mem_room(names->modules, &names->module_room,
				  names->module_count, sizeof(*module));
	names->module_flags =
	    mem_room(names->module_flags, &names->module_flags_room,
		     names->module_count, 1);
	names->modules[names->module_count] = *module;
	names->module_flags[names->module_count] =
	    (uint8_t)classify_module(names_text(names, module->path));
	return (uint32_t)++names->module_count;
}

static struct frame *
add_frame(struct names *names, const struct frame *frame)
{
	names->frames = mem_room(names->frames, &names->frame_room,
				 names->frame_count, sizeof(*frame));
	names->frames[names->frame_count] = *frame;
	return &names->frames[names->frame_count++];
}

static void
add_location(struct names *names, const struct location *location)
{
	names->locations = mem_room(names->locations, &names->location_room,
				    names->location_count, sizeof(*location));
	names->locations[names->location_count++] = *location;
}

static uint32_t
native_flags(const struct names *names, uint32_t module, uint32_t function,
	     uint32_t file)
{
	const char *path = names_text(names, file);

	return classify_own(
	    path, names_module_flags(names, module) |
		      classify_native(names_text(names, function), path));
}

static uint32_t
location_flags(const struct names *names, enum frame_kind kind, uint32_t module,
	       const struct location *location)
{
	return kind == FRAME_PYTHON
		   ? classify_python(names_text(names, location->file))
		   : native_flags(names, module, location->function,
				  location->file);
}

void
names_reclassify(struct names *names)
{
	for (size_t i = 0; i < names->module_count; i++)
		names->module_flags[i] = (uint8_t)classify_module(
		    names_text(names, names->modules[i].path));
	for (size_t i = 0; i < names->frame_count; i++) {
		const struct frame *frame = &names->frames[i];

		for (uint32_t j = 0; j < frame->count; j++) {
			struct location *location =
			    &names->locations[frame->first + j];

			location->flags =
			    (location->flags & LOCATION_INLINED) |
			    location_flags(names, frame->kind, frame->module,
					   location);
		}
	}
	names->generation++;
}

uint32_t
names_add_native(struct names *names, uint32_t module, uint64_t offset)
{
	assert(module <= names->module_count);
	add_frame(names, &(struct frame){.kind = FRAME_NATIVE,
					 .module = module,
					 .offset = offset});
	return (uint32_t)names->frame_count;
}

uint32_t
names_add_python(struct names *names, uint32_t file, uint32_t function,
		 uint32_t line)
{
	struct location location = {
	    .function = function, .file = file, .line = line};

	return names_add_frame(names, FRAME_PYTHON, 0, 0, &location, 1);
}

uint32_t
names_add_frame(struct names *names, enum frame_kind kind, uint32_t module,
		uint64_t offset, const struct location *location, size_t count)
{
	struct frame *frame;

	assert(module <= names->module_count);
	if (count > NAMES_LOCATIONS_MAX)
		count = NAMES_LOCATIONS_MAX;
	frame = add_frame(
	    names,
	    &(struct frame){.kind = kind, .module = module, .offset = offset});
	frame->first = (uint32_t)names->location_count;
	frame->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		struct location copy = location[i];

		copy.flags = (copy.flags & LOCATION_INLINED) |
			     location_flags(names, kind, module, &copy);
		add_location(names, &copy);
	}
	return (uint32_t)names->frame_count;
}

uint32_t
names_add_stack(struct names *names, uint32_t parent, uint32_t frame)
{
	struct stack *stack;

	assert(parent <= names->stack_count);
	assert(frame && frame <= names->frame_count);
	names->stacks = mem_room(names->stacks, &names->stack_room,
				 names->stack_count, sizeof(*stack));
	stack = &names->stacks[names->stack_count++];
	stack->parent = parent;
	stack->frame = frame;
	stack->depth = parent ? names->stacks[parent - 1].depth + 1 : 1;
	return (uint32_t)names->stack_count;
}

/* Asking */

size_t
names_strings(const struct names *names)
{
	return names->string_count;
}

size_t
names_modules(const struct names *names)
{
	return names->module_count;
}

size_t
names_frames(const struct names *names)
{
	return names->frame_count;
}

size_t
names_stacks(const struct names *names)
{
	return names->stack_count;
}

const struct module *
names_module(const struct names *names, uint32_t id)
{
	assert(id && id <= names->module_count);
	return &names->modules[id - 1];
}

uint32_t
names_module_flags(const struct names *names, uint32_t id)
{
	assert(id <= names->module_count);
	return id ? names->module_flags[id - 1] : LOCATION_FOREIGN;
}

const struct frame *
names_frame(const struct names *names, uint32_t id)
{
	assert(id && id <= names->frame_count);
	return &names->frames[id - 1];
}

const struct stack *
names_stack(const struct names *names, uint32_t id)
{
	assert(id && id <= names->stack_count);
	return &names->stacks[id - 1];
}

uint64_t
names_generation(const struct names *names)
{
	return names->generation;
}

/* Locations of native frames */

static uint32_t
intern(struct names *names, const char *text)
{
	return text ? names_string(names, text, strlen(text)) : 0;
}

/* The one location of a frame nothing is known about. */
static void
locate_unknown(struct names *names, struct frame *frame)
{
	struct location location = {0};
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, frame->offset);
	location.function = intern(names, text);
	location.flags = native_flags(names, frame->module, 0, 0);
	frame->first = (uint32_t)names->location_count;
	frame->count = 1;
	add_location(names, &location);
}

static void
locate_known(struct names *names, struct frame *frame,
	     const struct resolved *found, size_t count)
{
	frame->first = (uint32_t)names->location_count;
	frame->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		struct location location = {
		    .function = intern(names, found[i].function),
		    .file = intern(names, found[i].file),
		    .line = found[i].line,
		};

		location.flags = native_flags(names, frame->module,
					      location.function, location.file);
		if (found[i].inlined && i + 1 < count)
			location.flags |= LOCATION_INLINED;
		if (!location.function) {
			char text[32];

			snprintf(text, sizeof(text), "0x%" PRIx64,
				 frame->offset);
			location.function = intern(names, text);
		}
		add_location(names, &location);
	}
}

static enum resolve_result
ask(struct names *names, const struct frame *frame, struct resolved *found,
    size_t *count)
{
	const struct module *module;
	enum resolve_result result;

	*count = 0;
	if (!names->resolver.find || !frame->module)
		return RESOLVE_DONE;
	module = names_module(names, frame->module);
	result = names->resolver.find(names->resolver.context,
				      names_text(names, module->path),
				      module->build_id, module->build_id_size,
				      frame->offset ? frame->offset - 1 : 0,
				      found, NAMES_LOCATIONS_MAX, count);
	assert(*count <= NAMES_LOCATIONS_MAX);
	return result;
}

const struct location *
names_locations(struct names *names, uint32_t id, size_t *count)
{
	struct frame *frame;

	assert(id && id <= names->frame_count);
	frame = &names->frames[id - 1];
	if (!frame->count) {
		struct resolved found[NAMES_LOCATIONS_MAX];
		size_t known;
		enum resolve_result result = ask(names, frame, found, &known);

		if (result == RESOLVE_DONE && known) {
			locate_known(names, frame, found, known);
		} else {
			locate_unknown(names, frame);
			frame->pending = result == RESOLVE_LATER;
		}
		if (frame->pending) {
			names->pending =
			    mem_room(names->pending, &names->pending_room,
				     names->pending_count, sizeof(uint32_t));
			names->pending[names->pending_count++] = id;
		}
	}
	*count = frame->count;
	return names->locations + frame->first;
}

const struct location *
names_location(const struct names *names, size_t place)
{
	assert(place < names->location_count);
	return &names->locations[place];
}

size_t
names_pending(const struct names *names)
{
	return names->pending_count;
}

bool
names_retry(struct names *names)
{
	size_t kept = 0;
	bool changed = false;

	for (size_t i = 0; i < names->pending_count; i++) {
		uint32_t id = names->pending[i];
		struct frame *frame = &names->frames[id - 1];
		struct resolved found[NAMES_LOCATIONS_MAX];
		size_t known;

		if (ask(names, frame, found, &known) == RESOLVE_LATER) {
			names->pending[kept++] = id;
			continue;
		}
		frame->pending = false;
		if (known) {
			locate_known(names, frame, found, known);
			changed = true;
		}
	}
	names->pending_count = kept;
	names->generation += changed;
	return changed;
}
