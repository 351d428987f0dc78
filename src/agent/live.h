/*
 * live.h - the map from an address to the block that lives there.
 *
 * Blocks that are recorded exactly are in a shadow of the heap: one 32-bit
 *entry for each unit of 16 bytes, in chunks that are reserved when some address
 *of theirs is first used and touched only where there are blocks. Its upper 8
 * bits say what it is:
 *
 *	0                   nothing
 *	size, 0 to 16       a small block; below it the site, 24 bits
 *	17                  a larger one, likewise; its size comes next
 *	63 in 6 bits        second entry of a larger block: size, 26 bits
 *
 * (Sizes of 64 MiB and more are all ones there, and take two entries more.) A
 * block of more than 16 bytes begins no second one in the unit that follows, so
 * all its entries are its own: whoever owns the block owns them, and there is
 * no lock and no hashing.
 *
 * That holds for blocks at addresses that are multiples of 16. Those at 8 more
 * than that are at multiples of 16 too in a second shadow, of the heap moved by
 * 8 bytes; it is made only where there are such blocks.
 *
 * Blocks that were sampled are few and far between: they are in a hash table
 * (live_hash.h), and a filter says where none can be (live_filter.h). Where
 * address space is very short the hash table has all blocks.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_LIVE_H
#define HEAPTOP_AGENT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/arch/arch.h"

#include "agent/hidden.h"
#include "agent/live_filter.h"
#include "heaptop/wire.h"

#define LIVE_LEVELS    14
#define LIVE_SITE_BITS 24
#define LIVE_SITE_MASK ((UINT32_C(1) << LIVE_SITE_BITS) - 1)
#define LIVE_SIZE_MAX  ((UINT64_C(1) << 52) - 1)

/* A block: site 0 is none. level says at which interval it was sampled; it is
 * an index that only the caller understands, below LIVE_LEVELS; 0: exactly. */
struct block {
	uint64_t size;
	uint32_t site;
	uint32_t level;
};

#define LIVE_TINY_MAX  16 /* bytes of a block that has one entry */
#define LIVE_WIDE      (LIVE_TINY_MAX + 1)
#define LIVE_TAIL_BITS 26
#define LIVE_TAIL      (UINT32_C(63) << LIVE_TAIL_BITS)
#define LIVE_TAIL_MAX  ((UINT32_C(1) << LIVE_TAIL_BITS) - 1)

#define LIVE_ADDRESS_BITS 47
#define LIVE_CHUNK_BITS	  26 /* 64 MiB of addresses, 16 MiB of shadow */
#define LIVE_CHUNKS	  (UINT64_C(1) << (LIVE_ADDRESS_BITS - LIVE_CHUNK_BITS))
#define LIVE_CHUNK_UNITS  (UINT64_C(1) << (LIVE_CHUNK_BITS - 4))
#define LIVE_SPARE_UNITS  3 /* for a block that begins in a chunk's last */

struct live {
	/* Of addresses that are multiples of 16, then of the others. NULL where
	 * there is none, and while pages of one are given back (live_trim.h).
	 */
	uint32_t **chunks;
	uint64_t limit;	 /* addresses have a chunk below this number; 0: it is
			    not for inline code to know */
	bool has_chunks; /* never in a process that is only sampled */
	enum wire_live_map kind;
};
extern HIDDEN struct live live;

/* Chooses the kind of map that the address space has room for, now: the shadow
 * in chunks of 16 MiB; in chunks of 260 KiB, where address space is limited
 * (RLIMIT_AS, RLIMIT_DATA) or counted as memory (overcommit_memory is 2); a
 * hash table, where very little is left. */
void live_init(void);
/* A certain kind. False: no memory. */
bool live_init_as(enum wire_live_map);
/* Forgets all. Context: ticker, while no hook is called. */
void live_clear(void);
/* In the child of a fork. */
void live_forked(void);
/* Bytes of shadow that are in memory (not the hash table: safe_held has it).
 * Looks at 16 MiB of it at most, so that a tick's cost does not follow the
 * heap, and gives back empty pages. Context: ticker. */
uint64_t live_measure(void);

/*
 * A block of this size is about to be put at the address: so whatever the map
 * says of its first bytes vanished unseen. Takes one such block out; call it
 * until there is none (site 0). *where: its address.
 */
struct block live_evict(uint64_t address, uint64_t size, uint64_t *where);

/* Stores a block, where nothing is known to live (live_evict). False: no room;
 * nothing is stored. */
bool live_put(uint64_t address, struct block);

/* Takes the block at an address out; also in a signal handler that interrupted
 * a hook. The inline part is live_take. */
struct block live_take_slow(uint64_t address);

/* The block at an address, which stays. For who owns it; for others, which is
 * the ticker, it may be gone meanwhile. */
struct block live_look(uint64_t address);
/* The block whose first entry in a shadow this is. */
struct block live_load(const uint32_t *entry);

/* NULL: no chunk yet, or no multiple of 16; it takes a call then. */
static inline uint32_t *
live_entry(uint64_t address)
{
	/* The low four bits go to the top, where they are out of range. */
	uint64_t unit = address >> 4 | address << 60;
	uint64_t index = unit >> (LIVE_CHUNK_BITS - 4);
	uint32_t *chunk;

	if (__builtin_expect(index >= live.limit, 0))
		return NULL;
	chunk = __atomic_load_n(&live.chunks[index], __ATOMIC_RELAXED);
	if (__builtin_expect(!chunk, 0))
		return NULL;
	return &chunk[unit & (LIVE_CHUNK_UNITS - 1)];
}

/* live_put of a block with level 0, for the common case: entry is that of its
 * address. False: nothing was done; use live_evict and live_put. */
static inline bool
live_put_at(uint32_t *entry, uint32_t site, uint64_t size)
{
	uint64_t tail = LIVE_TAIL | size;
	uint32_t code = (uint32_t)LIVE_WIDE << LIVE_SITE_BITS;

	if (__builtin_expect(!entry || size >= LIVE_TAIL_MAX, 0))
		return false;
	if (size <= LIVE_TINY_MAX) {
		if (__builtin_expect(arch_load_to_write_32(entry) != 0, 0))
			return false;
		__atomic_store_n(entry, (uint32_t)size << LIVE_SITE_BITS | site,
				 __ATOMIC_RELAXED);
		return true;
	}
	if (__builtin_expect(arch_load_to_write_64(entry) != 0, 0))
		return false;
	arch_pair_store(entry, tail << 32 | code | site);
	return true;
}

static inline bool
live_put_quick(uint64_t address, uint32_t site, uint64_t size)
{
	return live_put_at(live_entry(address), site, size);
}

/* The block at an address, for the common case, whose level is 0: its entry.
 * NULL: use live_take_slow. */
static inline uint32_t *
live_find(uint64_t address, uint32_t *site, uint64_t *size)
{
	uint32_t *entry = live_entry(address);
	uint64_t pair;
	uint32_t code;

	if (__builtin_expect(!entry, 0))
		return NULL;
	/* The second one is of this block only if it is a larger one. */
	pair = arch_pair_load(entry);
	code = (uint32_t)pair >> LIVE_SITE_BITS;
	*site = (uint32_t)pair & LIVE_SITE_MASK;
	*size = pair >> 32 & LIVE_TAIL_MAX;
	if (__builtin_expect(code == LIVE_WIDE && *size != LIVE_TAIL_MAX, 1))
		return entry;
	*size = code;
	return code > LIVE_TINY_MAX || !*site ? NULL : entry;
}

/* Whether there is surely no block at an address, for the common case. */
static inline bool
live_is_vacant(uint64_t address)
{
	const uint32_t *entry = live_entry(address);

	return entry && !__atomic_load_n(entry, __ATOMIC_RELAXED) &&
	       !live_filter_has(address);
}

/* Takes out the block of this size that live_find has found. */
static inline void
live_take_at(uint32_t *entry, uint64_t size)
{
	if (__builtin_expect(size > LIVE_TINY_MAX, 1))
		arch_pair_store(entry, 0);
	else
		__atomic_store_n(entry, 0, __ATOMIC_RELAXED);
}

/* live_take for the common case. False: nothing was done; use live_take_slow.
 */
static inline bool
live_take_quick(uint64_t address, uint32_t *site, uint64_t *size)
{
	uint32_t *entry = live_find(address, site, size);

	if (__builtin_expect(!entry, 0))
		return false;
	live_take_at(entry, *size);
	return true;
}

static inline struct block
live_take(uint64_t address)
{
	struct block block = {0};

	return live_take_quick(address, &block.site, &block.size)
		   ? block
		   : live_take_slow(address);
}

/* Whether there may be a block at an address that was put with a level other
 * than 0; false is certain. Reads one word that stays in cache. */
static inline bool
live_maybe(uint64_t address)
{
	return live_filter_has(address);
}

#endif
