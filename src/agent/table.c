/*
 * table.c - the ticker's dictionary.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/table.h"

#include <stddef.h>
#include <string.h>

#include "agent/safe.h"

#define FIRST_SLOTS 1024

struct key {
	uint64_t words[2];
};

static struct key
key_of(const struct table_entry *entry)
{
	struct key key;

	memcpy(&key, entry->key, sizeof(key));
	return key;
}

static struct table_entry *
probe(const struct table *table, struct key key)
{
	const uint64_t *words = key.words;
	uint64_t hash = (words[0] ^ (words[1] << 32 | words[1] >> 32)) *
			UINT64_C(0x9e3779b97f4a7c15);
	uint64_t at = (hash ^ hash >> 32) & (table->slots - 1);

	for (;; at = (at + 1) & (table->slots - 1)) {
		struct table_entry *entry = &table->entries[at];

		if (!entry->value || memcmp(entry->key, &key, sizeof(key)) == 0)
			return entry;
	}
}

static bool
grow(struct table *table)
{
	struct table bigger = {.count = table->count};

	bigger.slots = table->slots ? table->slots * 2 : FIRST_SLOTS;
	bigger.entries = safe_map_whole(bigger.slots * sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (uint64_t i = 0; i < table->slots; i++) {
		const struct table_entry *entry = &table->entries[i];

		if (entry->value)
			*probe(&bigger, key_of(entry)) = *entry;
	}
	table_fini(table);
	*table = bigger;
	return true;
}

uint32_t *
table_place(struct table *table, uint64_t key0, uint64_t key1)
{
	const struct key key = {{key0, key1}};
	struct table_entry *entry;

	if (table->count * 4 >= table->slots * 3 && !grow(table))
		return NULL;
	entry = probe(table, key);
	if (!entry->value)
		memcpy(entry->key, &key, sizeof(key));
	return &entry->value;
}

uint32_t
table_set(struct table *table, uint32_t *place, uint32_t value)
{
	*place = value;
	table->count++;
	return value;
}

void
table_fini(struct table *table)
{
	if (table->entries)
		safe_unmap(table->entries,
			   table->slots * sizeof(*table->entries));
	*table = (struct table){0};
}
