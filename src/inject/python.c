/* python.c - a request to a CPython that runs. */
#include "config.h"

#include "inject/python.h"

#include <string.h>
#include <unistd.h>

/* "xdebugpy", the first 8 bytes of _PyRuntime. */
#define COOKIE	    UINT64_C(0x7970677562656478)
#define ADDRESS_END (UINT64_C(1) << 47)

enum {
	FIRST_MINOR = 14,
	RELEASE_CANDIDATE = 0xc0, /* the last byte of a version, or more */
	WORDS_MAX = 128,	  /* of the published table */
	STATE_MAX = 64 << 20,	  /* bytes of any structure of CPython's */
	ROOM_MIN = 64,
	ROOM_MAX = 4096,
	INTERPRETERS_MAX = 100000,
};

/* Bits of the eval breaker (pycore_ceval.h, the same in both versions). */
enum {
	GIL_DROP_REQUEST = 1u << 0,
	SIGNALS_PENDING = 1u << 1,
	CALLS_TO_DO = 1u << 2,
	ASYNC_EXCEPTION = 1u << 3,
	PLEASE_STOP = 1u << 5,
};

/* What the published table says, each an offset but for the sizes. */
enum word {
	RUNTIME_FINALIZING,
	RUNTIME_INTERPRETERS,
	INTERPRETER_SIZE,
	INTERPRETER_ID,
	INTERPRETER_NEXT,
	INTERPRETER_MAIN_THREAD,
	INTERPRETER_ENABLED,
	THREAD_SIZE,
	THREAD_INTERPRETER,
	THREAD_BREAKER,
	THREAD_SUPPORT,
	SUPPORT_PENDING,
	SUPPORT_PATH,
	SUPPORT_PATH_SIZE,
	WORD_COUNT,
};

/*
 * Where it says that: index of a u64 per minor version. The table itself
 * (Include/internal/pycore_debug_offsets.h) is laid out anew with each, so of a
 * version that is not here nothing is known.
 */
static const uint8_t indices[][WORD_COUNT] = {
    {4, 5, 6, 7, 8, 10, 91, 22, 25, 89, 90, 92, 93, 94},
    {4, 5, 6, 7, 8, 10, 107, 22, 25, 105, 106, 108, 109, 110},
};

/* Which structure a word lies in, and how much of that it takes. */
static const struct {
	enum word word;
	enum word size;
	uint64_t takes;
} fields[] = {
    {INTERPRETER_ID, INTERPRETER_SIZE, 8},
    {INTERPRETER_NEXT, INTERPRETER_SIZE, 8},
    {INTERPRETER_MAIN_THREAD, INTERPRETER_SIZE, 8},
    {INTERPRETER_ENABLED, INTERPRETER_SIZE, 4},
    {THREAD_INTERPRETER, THREAD_SIZE, 8},
    {THREAD_BREAKER, THREAD_SIZE, 8},
    {THREAD_SUPPORT, THREAD_SIZE, 8},
    {SUPPORT_PENDING, THREAD_SIZE, 4},
    {SUPPORT_PATH, THREAD_SIZE, 1},
};

struct table {
	uint64_t at; /* of _PyRuntime */
	uint64_t words[WORD_COUNT];
};

static bool
peek(int memory, uint64_t at, void *out, size_t size)
{
	return at < ADDRESS_END &&
	       pread(memory, out, size, (off_t)at) == (ssize_t)size;
}

static bool
poke(int memory, uint64_t at, const void *from, size_t size)
{
	return pwrite(memory, from, size, (off_t)at) == (ssize_t)size;
}

static bool
peek_pointer(int memory, uint64_t at, uint64_t *out)
{
	return peek(memory, at, out, sizeof(*out)) && *out &&
	       *out < ADDRESS_END && *out % sizeof(*out) == 0;
}

static bool
fields_fit(const uint64_t *words)
{
	uint64_t support = words[THREAD_SUPPORT];
	uint64_t thread = words[THREAD_SIZE];

	if (words[INTERPRETER_SIZE] > STATE_MAX || thread > STATE_MAX ||
	    words[RUNTIME_FINALIZING] > STATE_MAX ||
	    words[RUNTIME_INTERPRETERS] > STATE_MAX)
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t size = words[fields[i].size];

		if (size < fields[i].takes ||
		    words[fields[i].word] > size - fields[i].takes)
			return false;
	}
	/* What lies in the part for requests, by now all below STATE_MAX. */
	return words[SUPPORT_PATH_SIZE] >= ROOM_MIN &&
	       words[SUPPORT_PATH_SIZE] <= ROOM_MAX &&
	       support + words[SUPPORT_PENDING] + sizeof(int32_t) <= thread &&
	       support + words[SUPPORT_PATH] + words[SUPPORT_PATH_SIZE] <=
		   thread;
}

static bool
table_read(struct table *table, int memory, uint64_t at)
{
	uint64_t published[WORDS_MAX];
	uint64_t version, row;

	table->at = at;
	if (!peek(memory, at, published, sizeof(published)) ||
	    published[0] != COOKIE)
		return false;
	version = published[1];
	row = (version >> 16 & 0xff) - FIRST_MINOR;
	/* Before the first release candidate it may have been otherwise. */
	if (version >> 24 != 3 || row >= sizeof(indices) / sizeof(*indices) ||
	    (version & 0xff) < RELEASE_CANDIDATE)
		return false;
	for (size_t i = 0; i < WORD_COUNT; i++)
		table->words[i] = published[indices[row][i]];
	return fields_fit(table->words);
}

static bool
table_find(struct table *table, const struct regions *regions, int memory)
{
	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->list[i];
		struct object object;
		uint64_t at;

		if (region->offset != 0 || !region->inode ||
		    !object_read(&object, memory, region->start))
			continue;
		at = object_find_data(&object, "_PyRuntime");
		object_fini(&object);
		if (at && table_read(table, memory, at))
			return true;
	}
	return false;
}

/* The newest comes first, and the main one, which has the number 0, last. */
static bool
main_interpreter(const struct table *table, int memory, uint64_t *interpreter)
{
	uint64_t at = table->at + table->words[RUNTIME_INTERPRETERS];
	int64_t id;

	for (size_t i = 0; i < INTERPRETERS_MAX; i++) {
		if (!peek_pointer(memory, at, interpreter) ||
		    !peek(memory, *interpreter + table->words[INTERPRETER_ID],
			  &id, sizeof(id)))
			return false;
		if (id == 0)
			return true;
		at = *interpreter + table->words[INTERPRETER_NEXT];
	}
	return false;
}

enum python_state
python_find(struct python *python, const struct regions *regions, int memory)
{
	uint64_t interpreter, thread, back, finalizing;
	const uint64_t *words;
	struct table table;
	int32_t enabled;

	if (!table_find(&table, regions, memory))
		return PYTHON_NONE;
	words = table.words;
	if (!peek(memory, table.at + words[RUNTIME_FINALIZING], &finalizing,
		  sizeof(finalizing)) ||
	    finalizing || !main_interpreter(&table, memory, &interpreter) ||
	    !peek(memory, interpreter + words[INTERPRETER_ENABLED], &enabled,
		  sizeof(enabled)))
		return PYTHON_ENDS;
	if (enabled != 1)
		return PYTHON_OFF;
	if (!peek_pointer(memory, interpreter + words[INTERPRETER_MAIN_THREAD],
			  &thread) ||
	    !peek_pointer(memory, thread + words[THREAD_INTERPRETER], &back) ||
	    back != interpreter)
		return PYTHON_ENDS;
	*python = (struct python){
	    .memory = memory,
	    .breaker = thread + words[THREAD_BREAKER],
	    .pending = thread + words[THREAD_SUPPORT] + words[SUPPORT_PENDING],
	    .path = thread + words[THREAD_SUPPORT] + words[SUPPORT_PATH],
	    .path_room = words[SUPPORT_PATH_SIZE],
	};
	return PYTHON_READY;
}

static bool
set_pending(const struct python *python, int32_t value)
{
	return poke(python->memory, python->pending, &value, sizeof(value));
}

/*
 * The thread and others change bits of that byte while we do. One that is set
 * between our reading and our writing must not be lost, and a request to drop
 * the GIL that has been met must not come back: the thread would wait for
 * somebody to take it. So what is harmless without a reason is set in any case,
 * and that request is left out: who wants the GIL asks again after 5 ms. (That
 * a collection is due is noticed again at the next allocation.)
 */
static bool
wake(const struct python *python)
{
	uint8_t bits;

	if (!peek(python->memory, python->breaker, &bits, sizeof(bits)))
		return false;
	bits &= (uint8_t)~GIL_DROP_REQUEST;
	bits |= SIGNALS_PENDING | CALLS_TO_DO | ASYNC_EXCEPTION | PLEASE_STOP;
	return poke(python->memory, python->breaker, &bits, sizeof(bits));
}

bool
python_ask(const struct python *python, const char *script)
{
	size_t size = strlen(script) + 1;

	if (size > python->path_room ||
	    !poke(python->memory, python->path, script, size))
		return false;
	if (set_pending(python, 1) && wake(python))
		return true;
	python_forget(python);
	return false;
}

int
python_waits(const struct python *python)
{
	int32_t pending;

	if (!peek(python->memory, python->pending, &pending, sizeof(pending)))
		return -1;
	return pending != 0;
}

/* The path goes first: one that is taken meanwhile is empty, and not run. */
void
python_forget(const struct python *python)
{
	char nothing[ROOM_MAX] = {0};

	poke(python->memory, python->path, nothing, python->path_room);
	set_pending(python, 0);
}
