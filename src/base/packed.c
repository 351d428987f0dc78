/* packed.c - a long array of 64-bit numbers most of which are small. */
#include "config.h"

#include "base/packed.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
packed_room(struct packed *packed, size_t count)
{
	size_t old = packed->room;
	size_t room = (count + PACKED_RUN - 1) / PACKED_RUN * PACKED_RUN;

	if (room <= old)
		return;
	packed->low = mem_grow(packed->low, room, sizeof(*packed->low));
	packed->high =
	    mem_grow(packed->high, room / PACKED_RUN, sizeof(*packed->high));
	memset(packed->low + old, 0, (room - old) * sizeof(*packed->low));
	memset(packed->high + old / PACKED_RUN, 0,
	       (room - old) / PACKED_RUN * sizeof(*packed->high));
	packed->room = room;
}

void
packed_fini(struct packed *packed)
{
	for (size_t i = 0; i < packed->room / PACKED_RUN; i++)
		free(packed->high[i]);
	free(packed->high);
	free(packed->low);
	*packed = (struct packed){0};
}

void
packed_set(struct packed *packed, size_t index, uint64_t value)
{
	uint32_t **high = &packed->high[index / PACKED_RUN];

	packed->low[index] = (uint32_t)value;
	if (value >> 32 && !*high) {
		*high = mem_array(PACKED_RUN, sizeof(**high));
		packed->wide++;
	}
	if (*high)
		(*high)[index % PACKED_RUN] = (uint32_t)(value >> 32);
}

size_t
packed_size(const struct packed *packed)
{
	return packed->room * sizeof(*packed->low) +
	       packed->room / PACKED_RUN * sizeof(*packed->high) +
	       packed->wide * PACKED_RUN * sizeof(**packed->high);
}
