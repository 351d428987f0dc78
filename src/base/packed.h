/*
 * packed.h - a long array of 64-bit numbers most of which are small: four bytes
 * for each, and four more in those runs of it where one needs them.
 *
 * Zeroed storage is an empty array.
 */
#ifndef HEAPTOP_BASE_PACKED_H
#define HEAPTOP_BASE_PACKED_H

#include <stddef.h>
#include <stdint.h>

#define PACKED_RUN 256

struct packed {
	uint32_t *low;
	uint32_t **high; /* of each run; NULL: all are 0 */
	size_t room;	 /* a whole number of runs */
	size_t wide;	 /* runs that have high */
};

/* Makes numbers [0, count) exist; new ones are 0. */
void packed_room(struct packed *, size_t count);
void packed_fini(struct packed *);
/* The index is below the room that was made. */
void packed_set(struct packed *, size_t index, uint64_t value);
/* Bytes that it takes. */
size_t packed_size(const struct packed *);

static inline uint64_t
packed_get(const struct packed *packed, size_t index)
{
	const uint32_t *high = packed->high[index / PACKED_RUN];
	uint64_t value = packed->low[index];

	return high ? value | (uint64_t)high[index % PACKED_RUN] << 32 : value;
}

#endif
