/*
 * changes.c - which sites have changed since the last tick.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/changes.h"

#include <stdbool.h>
#include <string.h>

#include "agent/counts.h"
#include "agent/names.h"
#include "agent/record.h"
#include "agent/ring.h"
#include "agent/safe.h"
#include "agent/sites.h"

#define CHUNK_BITS 10
#define CHUNK	   (1u << CHUNK_BITS)
#define CHUNKS	   (SITES_MAX / CHUNK)
#define STAY	   4 /* chunks are not given back, for most ticks */

static struct {
	struct wire_totals *domains;
	uint32_t named;	      /* sites 1..named have a tally */
	bool short_of_memory; /* in this tick: some changes are left out */
	uint64_t count;
	/* Of sites that have changed, or whose record could not be written.
	 * When very many change, as while a program starts, totals go as soon
	 * as they stand in the records. */
	uint32_t *sites[CHUNKS];
	struct counter *totals[CHUNKS]; /* as they are now */
} changes;

static uint32_t *
site_at(uint64_t i)
{
	return &changes.sites[i >> CHUNK_BITS][i & (CHUNK - 1)];
}

static struct counter *
totals_at(uint64_t i)
{
	return &changes.totals[i >> CHUNK_BITS][i & (CHUNK - 1)];
}

/* A site whose stack cannot be named is counted in the process totals only. */
static bool
name_site(uint32_t id)
{
	const struct site *site = sites_get(id);
	struct tally *tally;

	if (!tally_make(id))
		return false;
	tally = tally_get(id);
	tally->named = names_stacks(site->node) >= site->node;
	if (!tally->named)
		record_lost(WIRE_LOST_SEGMENT_FULL, 1);
	return true;
}

static bool
name_sites(uint32_t count)
{
	while (changes.named < count) {
		if (!name_site(changes.named + 1))
			return false;
		changes.named++;
	}
	return true;
}

static bool
chunk_room(uint64_t i)
{
	uint32_t **sites = &changes.sites[i >> CHUNK_BITS];
	struct counter **totals = &changes.totals[i >> CHUNK_BITS];

	if (!*sites)
		*sites = safe_map(CHUNK * sizeof(**sites));
	if (!*totals)
		*totals = safe_map(CHUNK * sizeof(**totals));
	return *sites && *totals;
}

/* In this order: a child of fork finds what stands there at any moment. */
static void
totals_drop(uint64_t i)
{
	struct counter **place = &changes.totals[i >> CHUNK_BITS];
	struct counter *totals = *place;

	__atomic_store_n(place, NULL, __ATOMIC_RELEASE);
	safe_unmap(totals, CHUNK * sizeof(*totals));
}

/* The totals of a site that changes in this tick. NULL: no memory. */
static struct counter *
totals_get(uint32_t site)
{
	struct tally *tally = tally_get(site);

	if (tally->change)
		return totals_at(tally->change - 1);
	if (!chunk_room(changes.count))
		return NULL;
	*site_at(changes.count) = site;
	*totals_at(changes.count) = ring_last(site);
	tally->change = (uint32_t)++changes.count;
	return totals_at(changes.count - 1);
}

static bool
short_of_memory(void)
{
	changes.short_of_memory = true;
	return false;
}

static void
add_spread(struct spread *sum, const struct spread *change)
{
	sum->alloc_bytes += change->alloc_bytes;
	sum->free_bytes += change->free_bytes;
	sum->alloc_count += change->alloc_count;
	sum->free_count += change->free_count;
}

static bool
add_change(void *context, uint32_t site, const struct counter *change,
	   const struct spread *spread)
{
	struct wire_totals *totals;
	struct counter *now;

	(void)context;
	/* The site may be newer than this tick's first look. */
	if (site > changes.named && !name_sites(sites_count()))
		return short_of_memory();
	if (spread && !tally_spread_make(site))
		return short_of_memory();
	now = totals_get(site);
	if (!now)
		return short_of_memory();
	if (spread)
		add_spread(tally_spread(site), spread);
	now->alloc_bytes += change->alloc_bytes;
	now->alloc_count += change->alloc_count;
	now->free_bytes += change->free_bytes;
	now->free_count += change->free_count;
	totals = &changes.domains[sites_get(site)->domain];
	totals->alloc_bytes += change->alloc_bytes;
	totals->alloc_count += change->alloc_count;
	totals->free_bytes += change->free_bytes;
	totals->free_count += change->free_count;
	return true;
}

void
changes_collect(struct wire_totals *totals)
{
	changes.domains = totals;
	/* What is left out is told again in the next tick; but say so. */
	changes.short_of_memory = !name_sites(sites_count());
	counts_collect(add_change, NULL);
	if (changes.short_of_memory)
		record_lost(WIRE_LOST_NO_MEMORY, 1);
}

uint32_t
changes_named(void)
{
	return changes.named;
}

uint64_t
changes_count(void)
{
	return changes.count;
}

/* What has no room is tried again in the next tick. */
static bool
write_site(uint64_t i, uint32_t tick)
{
	struct tally *tally = tally_get(*site_at(i));

	tally->is_late =
	    tally->named && !ring_site(*site_at(i), totals_at(i), tick);
	if (tally->is_late)
		record_lost(WIRE_LOST_SEGMENT_FULL, 1);
	return !tally->is_late;
}

void
changes_write(uint32_t tick)
{
	bool all = ring_fit(changes.count);

	for (uint64_t i = 0; i < changes.count; i++) {
		all &= write_site(i, tick);
		if (all && i % CHUNK == CHUNK - 1 && i >= STAY * CHUNK)
			totals_drop(i);
	}
}

/* What was written is now part of a whole tick. */
void
changes_commit(void)
{
	const uint64_t count = changes.count;

	changes.count = 0;
	for (uint64_t i = 0; i < count; i++) {
		const uint32_t site = *site_at(i);
		struct tally *tally = tally_get(site);

		tally->committed = tally->newest;
		tally->change = 0;
		if (!tally->is_late || !chunk_room(changes.count))
			continue;
		*site_at(changes.count) = site;
		*totals_at(changes.count) = *totals_at(i);
		tally->change = (uint32_t)++changes.count;
	}
}

void
changes_forget(void)
{
	changes.named = 0;
	changes.count = 0;
}
