/*
 * sites.h - the sites: a stack (nodes.h) and the domain of the blocks.
 *
 * Ids are dense, from 1; a site is never removed. Look-ups take no lock.
 *
 * To tell what was allocated since some moment from what was before, without a
 * word per block, a new era begins then, and in it blocks go to sites of that
 * era only. So one stack and domain may have several sites: that of this era,
 * and those of former ones that still had live blocks when the stack was met
 * again; one that had none is taken over. Rows are grouped by stack, so readers
 * of totals see no difference.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_SITES_H
#define HEAPTOP_AGENT_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"
#include "agent/nodes.h"

#define SITE_BITS 24 /* ids fit the live map's entries */
#define SITES_MAX (1u << SITE_BITS)

struct site {
	uint32_t node : NODES_BITS; /* its id */
	uint32_t domain : 8;	    /* enum wire_domain */
	uint32_t next;		    /* another site of the node, 0 none */
	uint32_t era;		    /* in which it gets blocks */
};
_Static_assert(sizeof(struct site) == 12, "a program may have a million");

/* The site of a node and a domain, made if it is new. 0: no room, or no
 * memory. */
uint32_t sites_intern_slow(const struct node *, uint32_t domain);
extern HIDDEN uint32_t sites_now; /* the era that there is; the first is 0 */
static inline uint32_t
sites_intern(const struct node *node, uint32_t domain)
{
	uint32_t entry = __atomic_load_n(&node->site, __ATOMIC_ACQUIRE);

	/* All sites are of the first era then. */
	if (__builtin_expect(entry && entry >> SITE_BITS == domain &&
				 !__atomic_load_n(&sites_now, __ATOMIC_ACQUIRE),
			     1))
		return entry & (SITES_MAX - 1);
	return sites_intern_slow(node, domain);
}

/* Begins an era, which is told before there is a site of it. What threads
 * remember of sites holds no more, which they notice when they look up
 * (sample_rate_touch). */
void sites_begin(void (*tell)(void *context, uint32_t era), void *context);
static inline uint32_t
sites_era(void)
{
	return __atomic_load_n(&sites_now, __ATOMIC_ACQUIRE);
}
/* Whether a site is one of this era; 0 is none. */
bool sites_is_new(uint32_t id);

/* How many there are; ids 1..count are complete. */
uint32_t sites_count(void);
/* Whether there can be no more of them, or of stacks. */
bool sites_are_full(void);
const struct site *sites_get(uint32_t id);

void sites_forked(void);

#endif
