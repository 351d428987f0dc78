/*
 * names.c - the names log.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/names.h"

#include <string.h>

#include "agent/modules.h"
#include "agent/nodes.h"
#include "agent/py/py.h"
#include "agent/table.h"

#define EXTENT_MAX (UINT64_C(64) << 20)

static struct {
	struct segment *segment;
	char *part; /* the last extent */
	uint64_t used;
	uint64_t room;
	struct wire_extent extents[WIRE_EXTENTS_MAX];
	uint32_t extent_count;
	uint32_t string_count; /* ids given, by kind */
	uint32_t module_count;
	uint32_t frame_count;
	uint32_t stack_count;
	struct table strings; /* two hashes of the text */
	struct table modules; /* agent's id, 0 */
	struct table frames;  /* native: offset, module; Python: see below */
	struct table words;   /* Python: word, ref */
} names;

void
names_init(struct segment *segment, void *part, uint64_t offset, uint64_t size)
{
	names.segment = segment;
	names.part = part;
	names.used = 0;
	names.room = size;
	names.extents[0] = (struct wire_extent){offset, size};
	names.extent_count = 1;
}

void
names_forget(void)
{
	memset(&names, 0, sizeof(names));
}

/* In this order: a child of fork may come between. */
void
names_close(void)
{
	struct table tables[] = {names.strings, names.modules, names.frames,
				 names.words};

	names_forget();
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		table_fini(&tables[i]);
}

void
names_status(struct wire_status *status)
{
	memcpy(status->extents, names.extents, sizeof(names.extents));
	status->names_extents = names.extent_count;
	status->names_bytes = names.used;
}

static bool
extent_add(uint64_t need)
{
	uint64_t size = names.room < EXTENT_MAX ? names.room * 2 : EXTENT_MAX;
	uint64_t offset;
	void *part;

	if (names.extent_count == WIRE_EXTENTS_MAX)
		return false;
	while (size < need)
		size *= 2;
	part = segment_grow(names.segment, size, &offset);
	if (!part)
		return false;
	names.extents[names.extent_count - 1].size = names.used;
	names.extents[names.extent_count++] =
	    (struct wire_extent){offset, size};
	names.part = part;
	names.used = 0;
	names.room = size;
	return true;
}

/* Room for an entry, its head filled in; NULL: the segment is full. */
static void *
entry_add(enum wire_name_kind kind, uint64_t size)
{
	struct wire_name *entry;

	size = (size + 7) & ~UINT64_C(7);
	if (size > names.room - names.used && !extent_add(size))
		return NULL;
	entry = (void *)(names.part + names.used);
	names.used += size;
	memset(entry, 0, size);
	entry->kind = (uint16_t)kind;
	entry->size = (uint32_t)size;
	return entry;
}

/* Two that have nothing to do with each other: texts are told apart by both. */
static void
text_hash(const char *text, size_t length, uint64_t hash[2])
{
	for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
		size_t left = length - at;
		uint64_t word = 0;

		memcpy(&word, text + at,
		       left < sizeof(word) ? left : sizeof(word));
		hash[0] = (hash[0] ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash[0] ^= hash[0] >> 32;
		hash[1] = (hash[1] + word) * UINT64_C(0xd1b54a32d192ed03);
		hash[1] ^= hash[1] >> 29;
	}
}

uint32_t
names_string(const char *text)
{
	size_t length = strnlen(text, WIRE_STRING_MAX);
	uint64_t hash[2] = {UINT64_C(0xcbf29ce484222325) ^ length, length};
	struct wire_name *entry;
	uint32_t *place;

	text_hash(text, length, hash);
	place = table_place(&names.strings, hash[0], hash[1]);
	if (!place)
		return 0;
	if (*place)
		return *place;
	entry = entry_add(WIRE_NAME_STRING, sizeof(*entry) + length);
	if (!entry)
		return 0;
	entry->length = (uint16_t)length;
	memcpy(entry + 1, text, length);
	return table_set(&names.strings, place, ++names.string_count);
}

static uint32_t
module_name(uint32_t id)
{
	const struct module *module;
	struct wire_name_module *entry;
	uint32_t *place;
	uint32_t path;

	if (!id)
		return 0;
	place = table_place(&names.modules, id, 0);
	if (!place)
		return 0;
	if (*place)
		return *place;
	module = modules_get(id);
	path = names_string(module->path);
	if (!path)
		return 0;
	entry = entry_add(WIRE_NAME_MODULE, sizeof(*entry));
	if (!entry)
		return 0;
	entry->start = module->start;
	entry->end = module->end;
	entry->bias = module->bias;
	entry->path = path;
	entry->build_id_size = module->build_id_size;
	memcpy(entry->build_id, module->build_id, sizeof(entry->build_id));
	return table_set(&names.modules, place, ++names.module_count);
}

static uint32_t
native_name(uint64_t pc, uint32_t ref)
{
	uint32_t module = module_name(ref);
	uint64_t offset = pc - (module ? modules_get(ref)->bias : 0);
	struct wire_name_native *entry;
	uint32_t *place;

	if (ref && !module)
		return 0;
	place = table_place(&names.frames, offset, module);
	if (!place)
		return 0;
	if (*place)
		return *place;
	entry = entry_add(WIRE_NAME_NATIVE, sizeof(*entry));
	if (!entry)
		return 0;
	entry->module = module;
	entry->offset = offset;
	return table_set(&names.frames, place, ++names.frame_count);
}

/* By content, so that functions made again and again are the same frame. The
 * second key has its top bit set, which no module id has. */
static uint32_t
python_name(uint64_t word, uint32_t ref)
{
	struct py_name name = {"<unknown>", "<unknown>", 0, 0};
	struct wire_name_python *entry;
	uint32_t file;
	uint32_t function;
	uint32_t *place;

	if (ref)
		py_code_name(ref, word, &name);
	file = names_string(name.file);
	function = names_string(name.function);
	if (!file || !function)
		return 0;
	place = table_place(&names.frames, (uint64_t)file << 32 | function,
			    UINT64_C(1) << 63 |
				(uint64_t)(name.line & 0x7fffffff) << 32 |
				name.first_line);
	if (!place)
		return 0;
	if (*place)
		return *place;
	entry = entry_add(WIRE_NAME_PYTHON, sizeof(*entry));
	if (!entry)
		return 0;
	entry->file = file;
	entry->function = function;
	entry->line = name.line;
	entry->first_line = name.first_line;
	return table_set(&names.frames, place, ++names.frame_count);
}

/* Frames are told apart by word and ref; then by what they are called, since
 * words of the same line, or of functions made again, mean the same frame. */
static uint32_t
frame_name(uint64_t word, uint32_t ref)
{
	uint32_t *place;
	uint32_t frame;

	if (!(word & PY_WORD_TAG))
		return native_name(word, ref);
	place = table_place(&names.words, word, ref);
	if (!place)
		return 0;
	if (*place)
		return *place;
	frame = python_name(word, ref);
	/* The place did not move: only other tables grew. */
	return frame ? table_set(&names.words, place, frame) : 0;
}

uint32_t
names_stacks(uint32_t last)
{
	while (names.stack_count < last) {
		const struct node *node = nodes_get(names.stack_count + 1);
		uint32_t frame = frame_name(node->word, node->ref);
		struct wire_name_stack *entry;

		entry =
		    frame ? entry_add(WIRE_NAME_STACK, sizeof(*entry)) : NULL;
		if (!entry)
			break;
		entry->parent = node->parent;
		entry->frame = frame;
		names.stack_count++;
	}
	return names.stack_count;
}

bool
names_mark(const struct wire_name_mark *mark, const char *text)
{
	uint32_t string = names_string(text);
	struct wire_name_mark *entry;
	struct wire_name name;

	entry = string ? entry_add(WIRE_NAME_MARK, sizeof(*entry)) : NULL;
	if (!entry)
		return false;
	name = entry->name;
	*entry = *mark;
	entry->name = name;
	entry->text = string;
	return true;
}
