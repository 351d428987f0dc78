/*
 * table.h - the ticker's dictionary: two words to a number.
 *
 * Open addressing, grown by doubling, never shrunk. One thread.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_TABLE_H
#define HEAPTOP_AGENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct table_entry {
	uint32_t key[4]; /* halves: so there is no gap behind the value */
	uint32_t value;	 /* 0: empty */
};

struct table {
	struct table_entry *entries;
	uint64_t slots; /* a power of two, or 0 */
	uint64_t count;
};

/* The place of a key, good until the next call. Its value is 0 when the key is
 * new; then table_set may give it one. NULL: no memory. */
uint32_t *table_place(struct table *, uint64_t key0, uint64_t key1);
/* Returns value, which is not 0. */
uint32_t table_set(struct table *, uint32_t *place, uint32_t value);
/* Gives the memory back; the table is empty again. */
void table_fini(struct table *);

#endif
