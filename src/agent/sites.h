/*
 * sites.h - the sites: a stack (nodes.h) and the domain of the blocks.
 *
 * Ids are dense, from 1; a site is never removed. Look-ups take no lock.
 *
 * To tell what was allocated since some moment from what was before, without a
 * word per block, all sites are made anew from then on: one stack and domain
 * may have several sites, of which the newest is in use. Rows are grouped by
 * stack, so readers of totals see no difference.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_SITES_H
#define HEAPTOP_AGENT_SITES_H

#include <stdint.h>

#define SITES_MAX (1u << 24) /* ids fit the live map's entries */

struct site {
	uint32_t node;	 /* its id */
	uint32_t next;	 /* another site of the same node, 0 none */
	uint32_t domain; /* enum wire_domain */
};

/* The site of a node and a domain, made if it is new. 0: no room, counted as
 * a loss. */
struct node;
uint32_t sites_intern(struct node *, uint32_t domain);

/* From now on no site of before is given to a block: those that are have higher
 * ids than `first`, which is told before there is one of them. What threads
 * remember of sites holds no more, which they notice when they look up
 * (sample_rate_touch). */
void sites_begin(void (*tell)(void *context, uint32_t first), void *context);
/* What sites_begin told last, 0: it was never called. */
uint32_t sites_first(void);

/* How many there are; ids 1..count are complete. */
uint32_t sites_count(void);
const struct site *sites_get(uint32_t id);

void sites_forked(void);

#endif
