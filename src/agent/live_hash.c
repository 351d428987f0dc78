/*
 * live_hash.c - the map of live blocks as a hash table.
 *
 * Open addressing. A cell whose block was taken is GONE until a cell after it
 * is free; the table is made anew, larger or smaller, when too few are free or
 * too few are taken. Each step leaves the table right, since a signal handler
 * may leave it at any place for ever.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/live_hash.h"

#include <stddef.h>

#include "agent/live.h"
#include "agent/live_filter.h"
#include "agent/safe.h"

#define FIRST_ROOM  8	       /* in the shard itself */
#define MAPPED_ROOM 128	       /* at least, of one that is mapped */
#define GONE	    UINT64_MAX /* as a key: of no address */

#define LEVEL_BIT   12 /* in the key, above it the address, below the size */
#define ADDRESS_BIT 16
#define LOW_BITS    40 /* of the size that stand in the value */

/* key 0: free. */
struct cell {
	uint64_t key;
	uint64_t value; /* size, site */
};

struct cells {
	uint64_t room; /* a power of 2 */
	uint64_t bytes;
	struct cell cell[];
};

static struct shard {
	struct safe_lock lock;
	struct cells *cells; /* NULL: none yet */
	uint64_t used;	     /* cells that are not free, at most */
	uint64_t live;	     /* those with a block */
	/* The first cells: few blocks are in few lines of few pages. */
	uint64_t
	    first[(sizeof(struct cells) + FIRST_ROOM * sizeof(struct cell)) /
		  sizeof(uint64_t)];
} __attribute__((aligned(64))) shards[1u << LIVE_SHARD_BITS];

static struct shard *
shard_of(uint64_t address)
{
	return &shards[live_filter_shard(address)];
}

/* The cell of an address, or the free one where the search for it ends. */
static struct cell *
probe(struct cells *cells, uint64_t address)
{
	/* Other bits than those that chose the shard. */
	uint64_t at = live_filter_hash(address) >> 32;
	struct cell *cell;

	do {
		cell = &cells->cell[at++ & (cells->room - 1)];
	} while (cell->key && cell->key >> ADDRESS_BIT != address);
	return cell;
}

static void
cell_set(struct cell *cell, uint64_t key, uint64_t value)
{
	cell->value = value;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	cell->key = key;
}

static struct cells *
first_of(struct shard *shard)
{
	return (struct cells *)shard->first;
}

/* With the lock. */
static bool
remake(struct shard *shard, uint64_t room)
{
	uint64_t bytes = sizeof(struct cells) + room * sizeof(struct cell);
	struct cells *old = shard->cells;
	struct cells *fresh = safe_map(bytes);
	uint64_t count = 0;

	if (!fresh)
		return false;
	fresh->room = room;
	fresh->bytes = bytes;
	for (uint64_t i = 0; i < old->room; i++) {
		const struct cell *cell = &old->cell[i];

		if (!cell->key || cell->key == GONE)
			continue;
		*probe(fresh, cell->key >> ADDRESS_BIT) = *cell;
		count++;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	shard->cells = fresh;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	shard->used = shard->live = count;
	if (old != first_of(shard))
		safe_unmap(old, old->bytes);
	return true;
}

/* With the lock. Room for one more, with at least one cell left free. */
static bool
make_room(struct shard *shard)
{
	uint64_t room;

	if (!shard->cells) {
		first_of(shard)->room = FIRST_ROOM;
		shard->cells = first_of(shard);
	}
	room = shard->cells->room;
	if ((shard->used + 1) * 4 <= room * 3)
		return true;
	if (shard->live * 2 >= room)
		room *= 2;
	if (room < MAPPED_ROOM)
		room = MAPPED_ROOM;
	return remake(shard, room) || shard->used + 2 <= shard->cells->room;
}

static struct block
unpack(const struct cell *cell)
{
	const uint64_t high = (UINT64_C(1) << LEVEL_BIT) - 1;

	return (struct block){
	    .site = cell->value & LIVE_SITE_MASK,
	    .size = cell->value >> LIVE_SITE_BITS | (cell->key & high)
							<< LOW_BITS,
	    .level = cell->key >> LEVEL_BIT & 15,
	};
}

/* With the lock. The filter's part of a block's coming or going. */
static void
filter_change(uint64_t address, uint32_t from_level, uint32_t to_level)
{
	if (to_level && !from_level)
		live_filter_add(address);
	if (from_level && !to_level)
		live_filter_remove(address);
}

bool
live_hash_put(uint64_t address, struct block block)
{
	struct shard *shard = shard_of(address);
	uint64_t key = address << ADDRESS_BIT |
		       (uint64_t)block.level << LEVEL_BIT |
		       block.size >> LOW_BITS;
	uint64_t value = block.size << LIVE_SITE_BITS | block.site;
	struct cell *cell;
	bool done;

	safe_lock(&shard->lock);
	done = make_room(shard);
	if (done) {
		cell = probe(shard->cells, address);
		if (!cell->key) {
			shard->used++;
			shard->live++;
		}
		filter_change(address, unpack(cell).level, block.level);
		cell_set(cell, key, value);
	}
	safe_unlock(&shard->lock);
	return done;
}

/* With the lock. Frees those at the end of a run of cells that are gone. */
static void
sweep(struct shard *shard, struct cell *cell)
{
	struct cells *cells = shard->cells;
	uint64_t at = (uint64_t)(cell - cells->cell);

	if (cells->cell[(at + 1) & (cells->room - 1)].key)
		return;
	for (; cells->cell[at & (cells->room - 1)].key == GONE; at--) {
		cells->cell[at & (cells->room - 1)].key = 0;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		shard->used--;
	}
}

struct block
live_hash_take(uint64_t address)
{
	struct shard *shard = shard_of(address);
	struct block block = {0};
	struct cell *cell;

	safe_lock(&shard->lock);
	cell = shard->cells ? probe(shard->cells, address) : NULL;
	if (cell && cell->key) {
		block = unpack(cell);
		cell->key = GONE;
		shard->live--;
		filter_change(address, block.level, 0);
		sweep(shard, cell);
		if (shard->cells->room > MAPPED_ROOM &&
		    shard->live * 8 < shard->cells->room)
			remake(shard, shard->cells->room / 2);
	}
	safe_unlock(&shard->lock);
	return block;
}

struct block
live_hash_look(uint64_t address)
{
	struct shard *shard = shard_of(address);
	struct block block = {0};
	struct cell *cell;

	safe_lock(&shard->lock);
	cell = shard->cells ? probe(shard->cells, address) : NULL;
	if (cell && cell->key)
		block = unpack(cell);
	safe_unlock(&shard->lock);
	return block;
}

static void
shard_each(const struct cells *cells,
	   void (*visit)(void *, uint64_t, struct block), void *context)
{
	for (uint64_t i = 0; cells && i < cells->room; i++) {
		const struct cell *cell = &cells->cell[i];

		if (cell->key && cell->key != GONE)
			visit(context, cell->key >> ADDRESS_BIT, unpack(cell));
	}
}

void
live_hash_each(void (*visit)(void *, uint64_t, struct block), void *context)
{
	for (uint32_t i = 0; i < 1u << LIVE_SHARD_BITS; i++) {
		safe_lock(&shards[i].lock);
		shard_each(shards[i].cells, visit, context);
		safe_unlock(&shards[i].lock);
	}
}

/* Another thread may have held a lock; the tables are right at any instant. */
static void
shard_clear(struct shard *shard)
{
	struct cells *cells = shard->cells;

	for (uint64_t i = 0; cells && i < cells->room; i++) {
		uint64_t key = cells->cell[i].key;

		if (key && key != GONE)
			live_filter_remove(key >> ADDRESS_BIT);
		cells->cell[i].key = 0;
	}
	shard->used = shard->live = 0;
}

void
live_hash_clear(void)
{
	for (size_t i = 0; i < sizeof(shards) / sizeof(*shards); i++) {
		safe_lock(&shards[i].lock);
		shard_clear(&shards[i]);
		safe_unlock(&shards[i].lock);
	}
}

void
live_hash_forked(void)
{
	for (uint32_t i = 0; i < 1u << LIVE_SHARD_BITS; i++)
		shards[i].lock = (struct safe_lock){0};
}
