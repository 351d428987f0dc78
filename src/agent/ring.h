/*
 * ring.h - the log of site totals (wire.h, "ring").
 *
 * A slot is kept while it is some site's newest record, or was at the last
 * whole tick: one for each site, and one more for a site that changes in this
 * tick. A quarter more than that, so that about four kept slots are passed over
 * for one that is written:
 *
 *	slots >= 5/4 * (sites + sites that change)
 *
 * A slot is a record, and once something was sampled its spread behind it: then
 * the ring is built anew, as it is when it grows.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_RING_H
#define HEAPTOP_AGENT_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/counts.h"
#include "agent/segment.h"

/* More slots than there can be. */
#define RING_SLOTS_MAX (1u << 31)

/* What the ticker knows of a site, besides what sites.h and its newest record
 * say. named: its stack is in the names log, it can be published; is_late:
 * there was no room for its record in this tick. */
struct tally {
	uint32_t newest : 31; /* slot + 1 of its newest record; 0: none yet */
	uint32_t named : 1;
	uint32_t committed : 31; /* the same at the last whole tick */
	uint32_t is_late : 1;
	uint32_t change; /* index + 1 in the list of this tick; 0: not in */
};
_Static_assert(sizeof(struct tally) == 12, "a program may have a million");

/* The tally of a site that exists. */
struct tally *tally_get(uint32_t site);
/* Makes it exist. False: no memory. */
bool tally_make(uint32_t site);

/* The spread of a site that exists; NULL: it has none, all was exact. */
struct spread *tally_spread(uint32_t site);
/* The same, made if there is none; from now on the ring has larger slots. NULL:
 * no memory. */
struct spread *tally_spread_make(uint32_t site);

/* Begins in a part of the segment that is already mapped. False: no memory. */
bool ring_init(struct segment *, void *part, uint64_t offset, uint64_t slots,
	       bool sampled);
/* Makes it fit for the sites that it has and so many that change in this tick,
 * new ones too, and for spreads if there are any; before the first record of a
 * tick. False: no room. */
bool ring_fit(uint64_t changing);
/* The totals in a site's newest record; zeros when it has none. */
struct counter ring_last(uint32_t site);
/* Writes a site's record; what is live is its peak if it never was more at the
 * end of a tick. False: no slot is free. */
bool ring_site(uint32_t site, const struct counter *totals, uint32_t tick);
/* Writes the record that ends a tick. */
void ring_tick(uint32_t tick, uint64_t time_ns);
void ring_status(struct wire_status *);
/* After a status with the new place was published: gives the old one back. */
void ring_settle(void);
/* In a child of fork, which need not pay for what it leaves untouched. */
void ring_forget(void);
/* The same, and its memory is given back; the segment's is not. */
void ring_close(void);

#endif
