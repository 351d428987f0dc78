/*
 * maps.h - the anonymous mappings the program made itself, by address range.
 *
 * Mappings can be freed in parts, so they are not in the live map. A mapping
 * is a system call anyway: a lock around a sorted array is cheap beside it.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_MAPS_H
#define HEAPTOP_AGENT_MAPS_H

#include <stdbool.h>
#include <stdint.h>

/* Adds a range that overlaps no other. False: no room. */
bool maps_add(uint64_t start, uint64_t size, uint32_t site);

/*
 * Takes [start, start + size) away; gone is called for each range that lost
 * bytes: how many, and whether it was its last. A range that is cut in two
 * goes on as two of the same block; only the last part ends it. Returns the
 * bytes that were taken away, and in *site (or NULL) the site of the first.
 */
struct thread;
uint64_t maps_remove(uint64_t start, uint64_t size, uint32_t *site,
		     struct thread *,
		     void (*gone)(struct thread *, uint32_t site,
				  uint64_t bytes, bool last));

/* Forgets all. Context: ticker, while no hook is called. */
void maps_clear(void);
void maps_forked(void);

#endif
