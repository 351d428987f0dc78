/*
 * pynames.c - interned strings and records of code objects.
 *
 * Two sets, of strings and of records, each an open-addressed array of
 * (hash, pointer). Ids are found through chunks that never move.
 *
 * Context: hook, under pycode's lock.
 */
#include "config.h"

#include "agent/py/pynames.h"

#include <stdbool.h>
#include <string.h>

#include "agent/py/pylines.h"
#include "agent/py/pyruntime.h"
#include "agent/py/pytext.h"
#include "agent/safe.h"
#include "heaptop/wire.h"

#define CHUNK_BITS 10
#define CHUNK_SIZE (1u << CHUNK_BITS)
#define CHUNKS	   4096
#define IDS_MAX	   (CHUNKS * CHUNK_SIZE - 1)
#define SET_FIRST  1024
#define UNITS_MAX  16384 /* of a code object whose lines are kept by unit */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

struct entry {
	uint64_t hash;
	const void *value; /* NULL: empty */
};

struct set {
	struct entry *entries;
	size_t slots; /* a power of two */
	size_t count;
};

static struct {
	struct set strings;
	struct set records;
	uint32_t ids; /* used so far */
	const struct py_record **chunks[CHUNKS];
	char text[WIRE_STRING_MAX];
	struct py_unit units[UNITS_MAX];
} names;

/* FNV-1a, 8 bytes at a time where there are 8. */
static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const char *bytes = data;

	for (; size >= 8; size -= 8, bytes += 8) {
		uint64_t word;

		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * HASH_PRIME;
		hash ^= hash >> 29;
	}
	for (; size; size--)
		hash = (hash ^ (uint8_t)*bytes++) * HASH_PRIME;
	return hash ^ hash >> 32;
}

/* The entry of the hash at or after *at, or the empty one that ends them. */
static struct entry *
set_next(const struct set *set, uint64_t hash, size_t *at)
{
	for (;; ++*at) {
		struct entry *entry = &set->entries[*at & (set->slots - 1)];

		if (!entry->value || entry->hash == hash)
			return entry;
	}
}

/* Makes room for one more. Old arrays are not given back: they are small
 * beside what they lead to, and halve each time. */
static bool
set_grow(struct set *set)
{
	struct set bigger = {NULL, set->slots ? set->slots * 2 : SET_FIRST,
			     set->count};

	if (set->slots && set->count < set->slots / 2)
		return true;
	bigger.entries = safe_alloc(bigger.slots * sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (size_t i = 0; i < set->slots; i++) {
		struct entry *entry = &set->entries[i];
		size_t at = entry->hash;

		if (!entry->value)
			continue;
		while (bigger.entries[at & (bigger.slots - 1)].value)
			at++;
		bigger.entries[at & (bigger.slots - 1)] = *entry;
	}
	/* In this order: a child of fork may find it half done. */
	__atomic_store_n(&set->entries, bigger.entries, __ATOMIC_RELEASE);
	__atomic_store_n(&set->slots, bigger.slots, __ATOMIC_RELEASE);
	return true;
}

static void
set_add(struct set *set, struct entry *empty, uint64_t hash, const void *value)
{
	empty->hash = hash;
	empty->value = value;
	set->count++;
}

static const char *
intern_string(const char *object)
{
	size_t size = py_text_utf8(object, names.text, sizeof(names.text)) + 1;
	uint64_t hash = hash_bytes(HASH_START, names.text, size);
	size_t at = hash;
	struct entry *entry;
	char *copy;

	if (!set_grow(&names.strings))
		return NULL;
	for (;; at++) {
		entry = set_next(&names.strings, hash, &at);
		if (!entry->value)
			break;
		if (!strcmp(entry->value, names.text))
			return entry->value;
	}
	copy = safe_alloc(size);
	if (!copy)
		return NULL;
	memcpy(copy, names.text, size);
	set_add(&names.strings, entry, hash, copy);
	return copy;
}

static bool
is_same(const struct py_record *a, const struct py_record *b)
{
	return a->file == b->file && a->function == b->function &&
	       a->first_line == b->first_line &&
	       a->lines_size == b->lines_size &&
	       !memcmp(a->lines, b->lines, a->lines_size);
}

/* Gives the record its id. Published last, for readers without the lock. */
static bool
number(struct py_record *record)
{
	uint32_t id = names.ids + 1;
	const struct py_record **chunk;

	if (id > IDS_MAX)
		return false;
	chunk = names.chunks[id >> CHUNK_BITS];
	if (!chunk) {
		chunk = safe_alloc(CHUNK_SIZE * sizeof(*chunk));
		if (!chunk)
			return false;
		__atomic_store_n(&names.chunks[id >> CHUNK_BITS], chunk,
				 __ATOMIC_RELEASE);
	}
	record->id = id;
	names.ids = id;
	__atomic_store_n(&chunk[id & (CHUNK_SIZE - 1)], record,
			 __ATOMIC_RELEASE);
	return true;
}

static void
keep_units(struct py_record *record)
{
	const struct py_lines lines = {record->lines, record->lines_size,
				       record->first_line,
				       py_runtime.layout->lines};
	size_t count = py_lines_units(&lines, names.units, UNITS_MAX);
	struct py_unit *units =
	    count ? safe_alloc(count * sizeof(*units)) : NULL;

	if (!units)
		return;
	memcpy(units, names.units, count * sizeof(*units));
	record->units = units;
	record->units_count = count;
}

/* A copy of the record and its line table in memory of our own. */
static struct py_record *
keep(const struct py_record *record)
{
	struct py_record *copy =
	    safe_alloc(sizeof(*record) + record->lines_size);

	if (!copy)
		return NULL;
	*copy = *record;
	memcpy(copy + 1, record->lines, record->lines_size);
	copy->lines = (const uint8_t *)(copy + 1);
	keep_units(copy);
	return number(copy) ? copy : NULL;
}

static const struct py_record *
intern_record(const struct py_record *record)
{
	uint64_t key[3] = {(uint64_t)record->file, (uint64_t)record->function,
			   (uint64_t)record->first_line};
	uint64_t hash = hash_bytes(HASH_START, key, sizeof(key));
	struct py_record *copy;
	struct entry *entry;
	size_t at;

	hash = hash_bytes(hash, record->lines, record->lines_size);
	if (!set_grow(&names.records))
		return NULL;
	for (at = hash;; at++) {
		entry = set_next(&names.records, hash, &at);
		if (!entry->value)
			break;
		if (is_same(entry->value, record))
			return entry->value;
	}
	copy = keep(record);
	if (copy)
		set_add(&names.records, entry, hash, copy);
	return copy;
}

static const char *
field(const char *code, int16_t offset)
{
	return *(const char *const *)(code + offset);
}

/* What of a record stands in the object itself. */
static void
read_lines(struct py_record *record, const char *code)
{
	const struct py_layout *layout = py_runtime.layout;

	record->first_line =
	    *(const int32_t *)(code + layout->code_firstlineno);
	if (!py_text_bytes(field(code, layout->code_lines), &record->lines,
			   &record->lines_size))
		record->lines = (const uint8_t *)"";
}

static const char *
function_name(const char *code)
{
	const struct py_layout *layout = py_runtime.layout;

	return field(code, layout->code_qualname == PY_ABSENT
			       ? layout->code_name
			       : layout->code_qualname);
}

const struct py_record *
py_names_intern(const char *code)
{
	struct py_record record = {0};

	record.file =
	    intern_string(field(code, py_runtime.layout->code_filename));
	record.function = intern_string(function_name(code));
	if (!record.file || !record.function)
		return NULL;
	read_lines(&record, code);
	return intern_record(&record);
}

bool
py_names_agree(const struct py_record *record, const char *code)
{
	struct py_record found = {.file = record->file,
				  .function = record->function};

	read_lines(&found, code);
	return is_same(&found, record) &&
	       py_text_is(function_name(code), record->function) &&
	       py_text_is(field(code, py_runtime.layout->code_filename),
			  record->file);
}

const struct py_record *
py_names_get(uint32_t id)
{
	const struct py_record **chunk;

	if (!id || id > IDS_MAX)
		return NULL;
	chunk =
	    __atomic_load_n(&names.chunks[id >> CHUNK_BITS], __ATOMIC_ACQUIRE);
	return chunk ? __atomic_load_n(&chunk[id & (CHUNK_SIZE - 1)],
				       __ATOMIC_ACQUIRE)
		     : NULL;
}
