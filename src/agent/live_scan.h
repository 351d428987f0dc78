/*
 * live_scan.h - looks through the live map for the blocks of some sites.
 *
 * Owners go on putting blocks in and taking them out: a block that lives all
 * the time is met once, one that comes or goes meanwhile perhaps, and the size
 * of that one may be wrong. Whoever acts on a block asks live_look again.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_LIVE_SCAN_H
#define HEAPTOP_AGENT_LIVE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/live.h"

struct live_scan {
	const uint8_t *wanted; /* [site]: not 0 for those that are looked for */
	uint32_t sites;	       /* the last one in wanted */
	/* May only touch memory. */
	void (*visit)(void *context, uint64_t address, struct block);
	/* Asked between pieces of a few ms; false ends it. */
	bool (*may_go_on)(void *context);
	void *context;
};

/* False: it did not come to the end. */
bool live_scan(const struct live_scan *);

#endif
