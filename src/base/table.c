/* table.c - a hash table from a 64-bit hash to an id. */
#include "config.h"

#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
table_fini(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}

void
table_clear(struct table *table)
{
	if (table->size)
		memset(table->slots, 0, table->size * sizeof(*table->slots));
	table->count = 0;
}

static void
put(struct table *table, struct table_slot slot)
{
	size_t at = slot.hash & (table->size - 1);

	while (table->slots[at].id)
		at = (at + 1) & (table->size - 1);
	table->slots[at] = slot;
}

static void
resize(struct table *table, size_t size)
{
	struct table old = *table;

	table->size = size;
	table->slots = mem_array(size, sizeof(*table->slots));
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].id)
			put(table, old.slots[i]);
	free(old.slots);
}

void
table_reserve(struct table *table, size_t count)
{
	size_t size = table->size ? table->size : 64;

	while (size / 2 < count)
		size *= 2;
	if (size > table->size)
		resize(table, size);
}

void
table_put(struct table *table, uint64_t hash, uint32_t id)
{
	if (table->count >= table->size / 2)
		resize(table, table->size ? table->size * 2 : 64);
	put(table, (struct table_slot){(uint32_t)hash, id});
	table->count++;
}

uint64_t
hash_bytes(const void *data, size_t size)
{
	const char *byte = data;
	uint64_t hash = hash_mix(size, 0x68656170), word;

	for (; size >= 8; byte += 8, size -= 8) {
		memcpy(&word, byte, 8);
		hash = hash_mix(hash, word);
	}
	word = 0;
	memcpy(&word, byte, size);
	return hash_mix(hash, word);
}
