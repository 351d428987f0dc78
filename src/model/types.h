/*
 * types.h - what the blocks of a row are: how many of each Python type.
 *
 * Blocks of the object allocator are looked into by the agent, when it is asked
 * (source_ask_types); the others are told by their sites alone.
 */
#ifndef HEAPTOP_MODEL_TYPES_H
#define HEAPTOP_MODEL_TYPES_H

#include "model/snapshot.h"

enum type_kind {
	TYPE_OBJECT,
	TYPE_BUFFER, /* no object, but what one keeps elsewhere */
	TYPE_KEPT,   /* a dead object, which Python keeps for the next one */
	TYPE_OTHERS, /* of types that are not told apart */
	TYPE_DOMAIN, /* of an allocator that knows no objects */
};

struct type_total {
	enum type_kind kind;
	uint32_t name; /* OBJECT: string, 0 unknown; DOMAIN: enum domain */
	uint64_t count;
	uint64_t size;
};

/* All zero is none. */
struct types {
	struct type_total *totals;
	size_t count;
	size_t room;
	uint64_t every;	 /* one block in so many was looked into; 1 all */
	size_t left_out; /* sites, the smallest, that could not be asked for */
	bool part;	 /* not all of the heap could be searched in time */
};

void types_fini(struct types *);
void types_add(struct types *, enum type_kind, uint32_t name, uint64_t count,
	       uint64_t size);
/* Biggest first. */
void types_sort(struct types *);
/* "int", "(buffer)"; good as long as names. */
const char *types_label(const struct names *, const struct type_total *);

#define TYPES_SITES_MAX 640
#define TYPES_ROWS_MAX	16

/* What is asked at once: sites, each of a row from 0 on. */
struct types_ask {
	uint32_t sites[TYPES_SITES_MAX];
	uint8_t rows[TYPES_SITES_MAX];
	size_t count;
	size_t row_count;
	uint32_t number; /* set by who asks */
};

/*
 * Adds a row with its sites (ids, biggest first) to what is asked; those that
 * need not be asked for, and those beyond the maximum, go to the types of that
 * row at once. False: there is no room left for this row, ask first; nothing
 * was done. An empty ask has room for any row.
 */
bool types_ask_row(struct types_ask *, struct types *, const struct snapshot *,
		   const uint32_t *sites, size_t count);

#endif
