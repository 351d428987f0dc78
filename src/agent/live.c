/*
 * live.c - the map from an address to the block that lives there: its chunks,
 * and the forms of blocks that are rare.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent/live_chunk.h"
#include "agent/live_filter.h"
#include "agent/live_hash.h"
#include "agent/live_trim.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/tls.h"

/* With less address space than this the map is of the smaller kind. */
#define SHADOW_ROOM (UINT64_C(16) << 30)
#define SMALL_ROOM  (UINT64_C(64) << 20)

#define LOOK (UINT64_C(16) << 20) /* shadow that a tick looks at */

struct live live;

/* What the process may map, of all kinds and of its own data. */
static uint64_t
room_of(int what)
{
	struct rlimit limit = {0, 0};

	if (safe_syscall(SYS_prlimit64, 0, what, 0, (long)&limit, 0, 0))
		return UINT64_MAX;
	return limit.rlim_cur;
}

/* Whether the system counts what is reserved as if it were used. */
static bool
system_is_strict(void)
{
	char answer = 0;
	long file = safe_syscall(SYS_openat, AT_FDCWD,
				 (long)"/proc/sys/vm/overcommit_memory",
				 O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (safe_failed(file))
		return false;
	safe_syscall(SYS_read, file, (long)&answer, 1, 0, 0, 0);
	safe_syscall(SYS_close, file, 0, 0, 0, 0, 0);
	return answer == '2';
}

static enum wire_live_map
kind_that_fits(void)
{
	uint64_t room = room_of(RLIMIT_AS);
	uint64_t data = room_of(RLIMIT_DATA);

	if (data < room)
		room = data;
	if (room < SMALL_ROOM)
		return WIRE_LIVE_HASH;
	if (room < SHADOW_ROOM || system_is_strict())
		return WIRE_LIVE_SHADOW_SMALL;
	return WIRE_LIVE_SHADOW;
}

bool
live_init_as(enum wire_live_map kind)
{
	live.kind = kind;
	return kind == WIRE_LIVE_HASH ||
	       live_chunk_init(kind == WIRE_LIVE_SHADOW_SMALL);
}

void
live_init(void)
{
	if (!live_init_as(kind_that_fits()))
		live_init_as(WIRE_LIVE_SHADOW_SMALL);
}

void
live_clear(void)
{
	for (struct live_chunk *chunk = live_chunk_first(); chunk;
	     chunk = chunk->next)
		safe_syscall(SYS_madvise, (long)chunk->start,
			     (long)live_chunk_size(), MADV_DONTNEED, 0, 0, 0);
	live_hash_clear();
}

void
live_forked(void)
{
	live_hash_forked();
	live_trim_forked();
}

static uint32_t
load(const uint32_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static void
set(uint32_t *entry, uint32_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

static bool
is_tail(uint32_t entry)
{
	return entry >= LIVE_TAIL;
}

static bool
is_wide(uint32_t entry)
{
	return entry >> LIVE_SITE_BITS == LIVE_WIDE;
}

static bool
is_first(uint32_t entry)
{
	return entry && !is_tail(entry);
}

/* NULL: there is no shadow there, so no block of it. */
static uint32_t *
entry_known(uint64_t address)
{
	return __atomic_load_n(&live.has_chunks, __ATOMIC_RELAXED)
		   ? live_chunk_entry(address)
		   : NULL;
}

/* Entries of the block whose first one this is. */
static unsigned
entries_of(const uint32_t *entry)
{
	if (!is_wide(load(entry)))
		return 1;
	return load(&entry[1]) == (LIVE_TAIL | LIVE_TAIL_MAX) ? 4 : 2;
}

static void
store(uint32_t *entry, struct block block)
{
	uint32_t code = LIVE_WIDE;
	uint64_t size = block.size;

	if (size <= LIVE_TINY_MAX)
		code = (uint32_t)size;
	else
		set(&entry[1], LIVE_TAIL | (uint32_t)(size < LIVE_TAIL_MAX
							  ? size
							  : LIVE_TAIL_MAX));
	if (size >= LIVE_TAIL_MAX) {
		set(&entry[2], LIVE_TAIL | (uint32_t)(size & LIVE_TAIL_MAX));
		set(&entry[3], LIVE_TAIL | (uint32_t)(size >> LIVE_TAIL_BITS));
	}
	set(entry, code << LIVE_SITE_BITS | block.site);
}

struct block
live_load(const uint32_t *entry)
{
	uint32_t first = load(entry);
	struct block block = {0};

	block.site = first & LIVE_SITE_MASK;
	block.size = first >> LIVE_SITE_BITS;
	if (is_wide(first))
		block.size = load(&entry[1]) & LIVE_TAIL_MAX;
	if (entries_of(entry) == 4)
		block.size = (uint64_t)(load(&entry[3]) & LIVE_TAIL_MAX)
				 << LIVE_TAIL_BITS |
			     (load(&entry[2]) & LIVE_TAIL_MAX);
	return block;
}

static struct block
remove_at(uint32_t *entry)
{
	struct block block = live_load(entry);
	unsigned count = entries_of(entry);

	for (unsigned i = 0; i < count; i++)
		set(&entry[i], 0);
	return block;
}

bool
live_put(uint64_t address, struct block block)
{
	uint32_t *entry;

	if (block.size > LIVE_SIZE_MAX || address >> LIVE_ADDRESS_BITS)
		return false;
	if (block.level || live.kind == WIRE_LIVE_HASH)
		return live_hash_put(address, block);
	entry = live_chunk_entry_make(address);
	if (entry)
		store(entry, block);
	return entry != NULL;
}

/* The hash table has locks. So this may not come in between where one is held,
 * and a handler that comes in between here must find a hook in progress. */
static inline __attribute__((always_inline)) struct block
from_hash(uint64_t address, struct block (*get)(uint64_t))
{
	bool alone = !thread_tls.guard;
	struct block block = {0};

	if (live.kind != WIRE_LIVE_HASH && !live_filter_has(address))
		return block;
	if (safe_lock_is_held()) {
		record_lost(WIRE_LOST_REENTRANT, 1);
		return block;
	}
	if (alone)
		thread_tls.guard = (uint64_t)__builtin_frame_address(0);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block = get(address);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (alone)
		thread_tls.guard = 0;
	return block;
}

struct block
live_take_slow(uint64_t address)
{
	uint32_t *entry;

	if (!address || address >> LIVE_ADDRESS_BITS)
		return (struct block){0};
	entry = entry_known(address);
	if (entry && is_first(load(entry)))
		return remove_at(entry);
	return from_hash(address, live_hash_take);
}

struct block
live_look(uint64_t address)
{
	const uint32_t *entry;

	if (!address || address >> LIVE_ADDRESS_BITS)
		return (struct block){0};
	entry = entry_known(address);
	if (entry && is_first(load(entry)))
		return live_load(entry);
	return from_hash(address, live_hash_look);
}

/* The first entry of the block that this one belongs to; NULL: of none. */
static uint32_t *
first_of(uint32_t *entry, uint64_t unit)
{
	uint32_t value = load(entry);

	if (!is_tail(value))
		return value ? entry : NULL;
	for (unsigned back = 1; back < 4 && back <= unit; back++)
		if (!is_tail(load(entry - back)))
			return entries_of(entry - back) > back ? entry - back
							       : NULL;
	return NULL;
}

struct block
live_evict(uint64_t address, uint64_t size, uint64_t *where)
{
	unsigned count = size >= LIVE_TAIL_MAX ? 4 : 1 + (size > LIVE_TINY_MAX);
	uint64_t unit = live_chunk_unit(address);
	uint32_t *entry = entry_known(address);

	for (unsigned i = 0; entry && i < count; i++) {
		uint32_t *first = first_of(&entry[i], unit + i);

		if (!first) {
			if (load(&entry[i]))
				set(&entry[i], 0);
			continue;
		}
		*where = address - 16 * (uint64_t)(entry - first);
		return remove_at(first);
	}
	*where = address;
	return from_hash(address, live_hash_take);
}

/* Where live_measure is. */
static struct {
	struct live_chunk *newest; /* when this turn through all began */
	struct live_chunk *next;   /* NULL: a turn begins */
	uint64_t total;
	uint32_t calls;
	bool hurry; /* there are new ones, or much is given back */
} turn;

static void
look_at_next(void)
{
	uint64_t before = turn.next->resident;

	turn.hurry |= live_trim(turn.next) > 0;
	turn.total += turn.next->resident - before;
	turn.next = turn.next->next;
}

uint64_t
live_measure(void)
{
	struct live_chunk *newest = live_chunk_first();
	uint64_t looked_at = 0;

	if (turn.calls++ % 10 && !turn.hurry && turn.newest == newest)
		return turn.total;
	if (!turn.next) {
		turn.hurry = turn.newest != newest;
		turn.next = turn.newest = newest;
	}
	for (; turn.next && looked_at < LOOK; looked_at += live_chunk_size())
		look_at_next();
	return turn.total;
}
