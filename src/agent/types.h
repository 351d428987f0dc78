/*
 * types.h - what the live blocks of some sites are: serves the requests that
 * readers put into the control page (wire.h, struct wire_types).
 *
 * Up to 100,000 blocks of a row are looked into, of more a sample (picks.h).
 * What was found of a stratum is then made to add up to all of its blocks.
 *
 * The program's threads take no part in it: a block is believed to be what it
 * looked like if the live map has it still, unchanged, after it was read. So an
 * idle program answers too, and one that holds the GIL for a minute; what can
 * go wrong is an object being made at that instant, one a thread.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_TYPES_H
#define HEAPTOP_AGENT_TYPES_H

#include <stdint.h>

#include "agent/segment.h"

/* Serves a request if there is a new one, and says so in the status, which is
 * published next. Takes a second and a half at most; ends early once *stop is
 * not 0. sites: the last that has a name. */
void types_serve(struct segment *, struct wire_status *, uint32_t sites,
		 const uint32_t *stop);
/* In a forked child. */
void types_forget(void);

#endif
