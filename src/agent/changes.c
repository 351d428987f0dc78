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

static struct {
	struct wire_totals *totals; /* of each domain */
	uint32_t named;		    /* sites 1..named have a tally */
	bool short_of_memory; /* in this tick: some changes are left out */
	uint32_t *dirty;
	uint64_t dirty_count;
	uint64_t dirty_room;
} changes;

/* A site whose stack cannot be named is counted in the process totals only. */
static bool
name_site(uint32_t id)
{
	const struct site *site = sites_get(id);
	struct tally *tally;

	if (!tally_make(id))
		return false;
	tally = tally_get(id);
	tally->domain = (uint8_t)site->domain;
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
dirty_add(uint32_t site)
{
	uint64_t room = changes.dirty_room ? changes.dirty_room * 2 : 1024;
	uint32_t *fresh;

	if (changes.dirty_count == changes.dirty_room) {
		fresh = safe_map(room * sizeof(*fresh));
		if (!fresh)
			return false;
		if (changes.dirty) {
			memcpy(fresh, changes.dirty,
			       changes.dirty_count * sizeof(*fresh));
			safe_unmap(changes.dirty,
				   changes.dirty_room * sizeof(*fresh));
		}
		changes.dirty = fresh;
		changes.dirty_room = room;
	}
	changes.dirty[changes.dirty_count++] = site;
	return true;
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
	struct tally *tally;

	(void)context;
	/* The site may be newer than this tick's first look. */
	if (site > changes.named && !name_sites(sites_count()))
		return short_of_memory();
	tally = tally_get(site);
	if (spread && !tally_spread_make(site))
		return short_of_memory();
	if (!tally->dirty && !dirty_add(site))
		return short_of_memory();
	tally->dirty = true;
	if (spread)
		add_spread(tally_spread(site), spread);
	tally->sum.alloc_bytes += change->alloc_bytes;
	tally->sum.alloc_count += change->alloc_count;
	tally->sum.free_bytes += change->free_bytes;
	tally->sum.free_count += change->free_count;
	totals = &changes.totals[tally->domain];
	totals->alloc_bytes += change->alloc_bytes;
	totals->alloc_count += change->alloc_count;
	totals->free_bytes += change->free_bytes;
	totals->free_count += change->free_count;
	return true;
}

void
changes_collect(struct wire_totals *totals)
{
	changes.totals = totals;
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
	return changes.dirty_count;
}

/* Those for which there is no room stay dirty, and are tried again. */
void
changes_write(uint32_t tick)
{
	for (uint64_t i = 0; i < changes.dirty_count; i++) {
		struct tally *tally = tally_get(changes.dirty[i]);
		uint64_t bytes = tally->sum.alloc_bytes - tally->sum.free_bytes;

		if (bytes > tally->peak)
			tally->peak = bytes;
		tally->dirty =
		    tally->named && !ring_site(changes.dirty[i], tick);
		if (tally->dirty)
			record_lost(WIRE_LOST_SEGMENT_FULL, 1);
	}
}

/* What was written is now part of a whole tick. */
void
changes_commit(void)
{
	uint64_t left = 0;

	for (uint64_t i = 0; i < changes.dirty_count; i++) {
		struct tally *tally = tally_get(changes.dirty[i]);

		tally->committed = tally->newest;
		if (tally->dirty)
			changes.dirty[left++] = changes.dirty[i];
	}
	changes.dirty_count = left;
}

void
changes_forget(void)
{
	changes.named = 0;
	changes.dirty_count = 0;
}
