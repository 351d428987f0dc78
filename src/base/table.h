/*
 * table.h - a hash table from a 64-bit hash to an id that is not 0.
 *
 * The keys stay with the caller, who compares:
 *
 *	size_t at = table_start(&table, hash);
 *	uint32_t id;
 *
 *	while ((id = table_next(&table, hash, &at)) && !is_mine(id))
 *		;
 *	if (!id)
 *		table_put(&table, hash, id = new_one());
 *
 * Open addressing, linear probes, 8 bytes a slot, never more than half full.
 * Zeroed storage is an empty table.
 */
#ifndef HEAPTOP_BASE_TABLE_H
#define HEAPTOP_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint32_t hash;
	uint32_t id; /* 0 empty */
};

struct table {
	struct table_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t count;
};

void table_fini(struct table *);
void table_put(struct table *, uint64_t hash, uint32_t id);
/* Room for so many entries, so that it need not grow on the way to them. */
void table_reserve(struct table *, size_t count);
/* Forgets all entries, keeps the room. */
void table_clear(struct table *);

/* Spreads the bits of a key, or of a key and a hash so far. */
static inline uint64_t
hash_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return hash ^ hash >> 29;
}

uint64_t hash_bytes(const void *data, size_t size);

static inline size_t
table_start(const struct table *table, uint64_t hash)
{
	return table->size ? (uint32_t)hash & (table->size - 1) : 0;
}

/* The next id under this hash, or 0; *at moves on. */
static inline uint32_t
table_next(const struct table *table, uint64_t hash, size_t *at)
{
	if (!table->size)
		return 0;
	for (;;) {
		struct table_slot slot = table->slots[*at];

		*at = (*at + 1) & (table->size - 1);
		if (!slot.id || slot.hash == (uint32_t)hash)
			return slot.id;
	}
}

#endif
