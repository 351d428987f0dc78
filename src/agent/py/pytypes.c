/*
 * pytypes.c - what the blocks of Python's object allocator are.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/py/pytypes.h"

#include <string.h>
#include <sys/uio.h>

#include "agent/py/pyruntime.h"
#include "agent/safe.h"

/* Of PyTypeObject, from tp_name on the same in every version. */
#define TYPE_BASICSIZE 8
#define TYPE_FLAGS     144
#define TYPE_DICT      240
#define TYPE_BYTES     (TYPE_DICT + 8)

#define FLAG_MANAGED  (3u << 3) /* weak references, dict; from 3.11 */
#define FLAG_HEAP     (1u << 9)
#define FLAG_READY    (1u << 12)
#define FLAG_GC	      (1u << 14)
#define FLAG_IS_TYPES (1u << 31) /* its objects are types */
#define MANAGED_BYTES 16
/* An object may be shorter than its type says: a datetime without a time zone
 * has no room for one. */
#define SHORT_MAX 8

#define DICT_KEYS 16 /* ma_keys, from ob_size on */

#define HEAD_MAX  64 /* bytes of a block that are read */
#define NAME_ROOM 128
#define KEYS_MAX  1024 /* bytes of a type's dict that are searched */
#define METAS_MAX 8
#define SLOTS	  4096 /* of the table; a power of 2, more than types */
#define STARTS	  4    /* places where an object may begin */

struct type {
	uint64_t address;
	uint64_t basicsize;
	uint32_t start; /* of an object in its block */
	char name[NAME_ROOM];
};

/* A word that was taken for a type. */
struct guess {
	uint64_t address;
	uint32_t what; /* PY_IS_BUFFER: it is none */
};

struct py_types {
	const struct py_layout *layout;
	uint64_t type_type;  /* &PyType_Type */
	uint64_t module_key; /* the str "__module__", once it was met */
	uint32_t count;
	struct guess known[SLOTS]; /* types; open addressing */
	struct guess last[SLOTS];  /* of the others, the last with each hash */
	struct type types[PY_TYPES_MAX - PY_IS_OBJECT + 1];
	char heads[PEEK_MAX * HEAD_MAX];
};

#define TYPES_MAX (PY_TYPES_MAX - PY_IS_OBJECT + 1)

static uint64_t
word_at(const char *bytes, int64_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static bool
may_be_object(uint64_t address)
{
	return address >= 4096 && !(address & 7) && address >> 47 == 0;
}

struct py_types *
py_types_new(void)
{
	const struct py_layout *layout =
	    __atomic_load_n(&py_runtime.layout, __ATOMIC_ACQUIRE);
	struct py_types *types = layout ? safe_map(sizeof(*types)) : NULL;

	if (!types)
		return NULL;
	types->layout = layout;
	types->type_type = word_at(py_runtime.code_type, layout->ob_type);
	return types;
}

void
py_types_free(struct py_types *types)
{
	safe_unmap(types, sizeof(*types));
}

const char *
py_types_name(const struct py_types *types, uint32_t what)
{
	return types->types[what - PY_IS_OBJECT].name;
}

/* What a free list leaves of the counts: none, or its link in their place. */
static bool
is_kept(const struct py_types *types, const char *object)
{
	uint64_t count = word_at(object, 0);

	if (types->layout->free_threaded)
		return !(word_at(object, 8) >> 32) &&
		       !(word_at(object, 16) >> 2);
	return !(uint32_t)count || (count >> 32 & 0xffff);
}

/* Whether the object there is alive, and a word of it as it was: what was read
 * from it and by it in between was not another's. */
static bool
is_still(const struct py_types *types, uint64_t address, int64_t offset,
	 uint64_t word)
{
	char head[24];
	uint64_t now;

	return peek(address, head, sizeof(head)) && !is_kept(types, head) &&
	       peek(address + (uint64_t)offset, &now, sizeof(now)) &&
	       now == word;
}

static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ')
			return false;
	return true;
}

/* Names */

/* A str of ASCII only; others come back as "". */
static void
text_read(const struct py_types *types, uint64_t address, char *out,
	  size_t size)
{
	const struct py_layout *layout = types->layout;
	char head[64];
	uint64_t length;
	uint32_t state;

	out[0] = '\0';
	if (!may_be_object(address) ||
	    !peek(address, head, (size_t)layout->str_ascii) ||
	    word_at(head, layout->ob_type) != (uint64_t)py_runtime.str_type)
		return;
	memcpy(&state, head + layout->str_state, sizeof(state));
	length = word_at(head, layout->str_length);
	if (!(state & layout->str_ascii_bit) || length >= size ||
	    !peek(address + (uint64_t)layout->str_ascii, out, length) ||
	    !is_ascii(out, length) ||
	    !is_still(types, address, layout->str_length, length))
		length = 0;
	out[length] = '\0';
}

static bool
is_module_key(struct py_types *types, uint64_t address)
{
	char text[16];

	if (types->module_key)
		return address == types->module_key;
	text_read(types, address, text, sizeof(text));
	if (strcmp(text, "__module__") != 0)
		return false;
	types->module_key = address;
	return true;
}

/* The module of a class: what follows the key "__module__" in its dict, in the
 * entries of every version. */
static void
module_read(struct py_types *types, uint64_t dict, char *out, size_t size)
{
	uint64_t at = dict + (uint64_t)types->layout->ob_size + DICT_KEYS;
	uint64_t keys;
	char bytes[KEYS_MAX];
	size_t got;

	out[0] = '\0';
	if (!may_be_object(dict) || !peek(at, &keys, sizeof(keys)) ||
	    !may_be_object(keys))
		return;
	got = peek_some(keys, bytes, sizeof(bytes));
	for (size_t i = 0; i + 16 <= got; i += 8) {
		uint64_t word = word_at(bytes, (int64_t)i);

		if (!may_be_object(word) || !is_module_key(types, word))
			continue;
		text_read(types, word_at(bytes, (int64_t)i + 8), out, size);
		return;
	}
}

/* tp_name. False: it is no name. */
static bool
name_read(uint64_t address, char *out, size_t size)
{
	size_t got = peek_some(address, out, size - 1);

	out[got] = '\0';
	for (size_t i = 0; out[i]; i++)
		if ((unsigned char)out[i] < ' ')
			return false;
	return out[0] != '\0';
}

/* A class that a program made has its bare name there: it becomes what the
 * class calls itself, __module__ and __qualname__. */
static void
name_qualify(struct py_types *types, uint64_t address, const char *head,
	     char *name)
{
	const struct py_layout *layout = types->layout;
	char module[NAME_ROOM];
	char own[NAME_ROOM] = "";
	uint64_t qualname;

	if (strchr(name, '.'))
		return;
	if (peek(address + (uint64_t)layout->type_qualname, &qualname,
		 sizeof(qualname)))
		text_read(types, qualname, own, sizeof(own));
	if (!own[0])
		memcpy(own, name, NAME_ROOM);
	module_read(types, word_at(head, layout->type_name + TYPE_DICT), module,
		    sizeof(module));
	name[0] = '\0';
	if (module[0] && strcmp(module, "builtins") != 0) {
		safe_append(name, NAME_ROOM, module);
		safe_append(name, NAME_ROOM, ".");
	}
	safe_append(name, NAME_ROOM, own);
}

/* Types */

static uint32_t
flags_of(const struct py_types *types, const char *head)
{
	return (uint32_t)word_at(head, types->layout->type_name + TYPE_FLAGS);
}

/* Whether the types of its type, and so on, end in `type`. */
static bool
is_type(const struct py_types *types, const char *head)
{
	size_t size = (size_t)types->layout->type_name + TYPE_BYTES;
	uint64_t meta = word_at(head, types->layout->ob_type);
	char bytes[512];

	for (int i = 0; i < METAS_MAX; i++) {
		if (meta == types->type_type)
			return true;
		if (!may_be_object(meta) || !peek(meta, bytes, size) ||
		    !(flags_of(types, bytes) & FLAG_IS_TYPES))
			return false;
		meta = word_at(bytes, types->layout->ob_type);
	}
	return false;
}

static bool
type_read(struct py_types *types, uint64_t address, struct type *type)
{
	const struct py_layout *layout = types->layout;
	char head[512];
	uint32_t flags;

	if (!peek(address, head, (size_t)layout->type_name + TYPE_BYTES) ||
	    !is_type(types, head))
		return false;
	flags = flags_of(types, head);
	type->address = address;
	type->basicsize = word_at(head, layout->type_name + TYPE_BASICSIZE);
	type->start = (flags & FLAG_GC ? (uint32_t)layout->gc_head : 0) +
		      (flags & FLAG_MANAGED ? MANAGED_BYTES : 0);
	/* A short str has less than its type says. */
	if (address == (uint64_t)py_runtime.str_type)
		type->basicsize = (uint64_t)layout->str_ascii;
	if (!(flags & FLAG_READY) ||
	    type->basicsize < (uint64_t)layout->ob_size ||
	    !name_read(word_at(head, layout->type_name), type->name,
		       sizeof(type->name)))
		return false;
	if (flags & FLAG_HEAP)
		name_qualify(types, address, head, type->name);
	return is_still(types, address, layout->type_name,
			word_at(head, layout->type_name));
}

static uint32_t
hash_of(uint64_t address)
{
	return (uint32_t)((address >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 52);
}
_Static_assert(SLOTS == 1u << 12, "hash_of");

/* The type at an address that was met before, or where it would be. */
static struct guess *
known_place(struct py_types *types, uint64_t address)
{
	uint32_t at = hash_of(address);

	while (types->known[at].address && types->known[at].address != address)
		at = (at + 1) & (SLOTS - 1);
	return &types->known[at];
}

static uint32_t
guess_type(struct py_types *types, uint64_t address)
{
	struct guess *last = &types->last[hash_of(address)];
	struct guess *place = known_place(types, address);
	struct type *type;
	struct type spare;

	if (place->address)
		return place->what;
	if (last->address == address)
		return last->what;
	type = types->count < TYPES_MAX ? &types->types[types->count] : &spare;
	if (!type_read(types, address, type)) {
		*last = (struct guess){address, PY_IS_BUFFER};
		return PY_IS_BUFFER;
	}
	if (type == &spare) {
		*last = (struct guess){address, PY_IS_CROWD};
		return PY_IS_CROWD;
	}
	*place = (struct guess){address, PY_IS_OBJECT + types->count++};
	return place->what;
}

/* Blocks */

/* The type that the object at `start` would have, if it may have any; 0. */
static uint64_t
candidate(const struct py_types *types, const char *head, size_t size,
	  uint32_t start)
{
	uint64_t word;

	if (start + (uint64_t)types->layout->ob_size > size)
		return 0;
	word = word_at(head, start + types->layout->ob_type);
	return may_be_object(word) ? word : 0;
}

static bool
agrees(const struct py_types *types, uint32_t what, uint32_t start,
       uint64_t size)
{
	const struct type *type = &types->types[what - PY_IS_OBJECT];

	return type->start == start &&
	       start + type->basicsize <= size + SHORT_MAX;
}

/* Where an object may begin, by version. */
static void
starts_fill(const struct py_types *types, uint32_t starts[STARTS])
{
	uint32_t gc_head = (uint32_t)types->layout->gc_head;

	starts[0] = 0;
	starts[1] = MANAGED_BYTES;
	starts[2] = gc_head;
	starts[3] = gc_head + MANAGED_BYTES;
}

static uint32_t
block_is(struct py_types *types, const char *head, const struct py_block *block)
{
	size_t read = block->size < HEAD_MAX ? block->size : HEAD_MAX;
	uint32_t starts[STARTS];
	bool crowd = false;

	starts_fill(types, starts);
	/* First by types that were met before, which costs no call. */
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < STARTS; i++) {
			uint64_t type = candidate(types, head, read, starts[i]);
			uint32_t what;

			if (!type)
				continue;
			what = turn ? guess_type(types, type)
				    : known_place(types, type)->what;
			crowd |= what == PY_IS_CROWD;
			if (what >= PY_IS_OBJECT &&
			    agrees(types, what, starts[i], block->size))
				return is_kept(types, head + starts[i])
					   ? PY_IS_KEPT
					   : what;
		}
	return crowd ? PY_IS_CROWD : PY_IS_BUFFER;
}

void
py_types_read(struct py_types *types, struct py_block *blocks, size_t count)
{
	struct iovec pieces[PEEK_MAX];
	size_t at[PEEK_MAX];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t size =
		    blocks[i].size < HEAD_MAX ? blocks[i].size : HEAD_MAX;

		pieces[i] = (struct iovec){(void *)blocks[i].address, size};
		at[i] = used;
		used += size;
		blocks[i].what = PY_IS_GONE;
	}
	for (size_t i = 0; i < count; i++) {
		size_t whole =
		    i + peek_many(&pieces[i], count - i, types->heads + at[i]);

		for (; i < whole; i++)
			blocks[i].what =
			    block_is(types, types->heads + at[i], &blocks[i]);
	}
}
