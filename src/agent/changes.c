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

/* A site that has changed, or whose record could not be written. */
struct change {
	struct counter totals; /* as they are now */
	uint32_t site;
	bool is_done; /* in this tick */
};

#define ROOM 1024 /* at least */

static struct {
	struct wire_totals *totals; /* of each domain */
	uint32_t named;		    /* sites 1..named have a tally */
	bool short_of_memory; /* in this tick: some changes are left out */
	struct change *list;
	uint64_t count;
	uint64_t room;
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
list_resize(uint64_t room)
{
	struct change *fresh = safe_map(room * sizeof(*fresh));

	if (!fresh)
		return false;
	if (changes.list) {
		memcpy(fresh, changes.list, changes.count * sizeof(*fresh));
		safe_unmap(changes.list, changes.room * sizeof(*fresh));
	}
	changes.list = fresh;
	changes.room = room;
	return true;
}

/* The change of a site in this tick. NULL: no memory. */
static struct change *
change_get(uint32_t site)
{
	struct tally *tally = tally_get(site);

	if (tally->change)
		return &changes.list[tally->change - 1];
	if (changes.count == changes.room &&
	    !list_resize(changes.room ? changes.room * 2 : ROOM))
		return NULL;
	changes.list[changes.count] =
	    (struct change){.totals = ring_last(site), .site = site};
	tally->change = (uint32_t)++changes.count;
	return &changes.list[changes.count - 1];
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
	struct change *changed;

	(void)context;
	/* The site may be newer than this tick's first look. */
	if (site > changes.named && !name_sites(sites_count()))
		return short_of_memory();
	if (spread && !tally_spread_make(site))
		return short_of_memory();
	changed = change_get(site);
	if (!changed)
		return short_of_memory();
	if (spread)
		add_spread(tally_spread(site), spread);
	changed->totals.alloc_bytes += change->alloc_bytes;
	changed->totals.alloc_count += change->alloc_count;
	changed->totals.free_bytes += change->free_bytes;
	changed->totals.free_count += change->free_count;
	totals = &changes.totals[tally_get(site)->domain];
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
	return changes.count;
}

/* What has no room is tried again in the next tick. */
void
changes_write(uint32_t tick)
{
	for (uint64_t i = 0; i < changes.count; i++) {
		struct change *change = &changes.list[i];

		change->is_done =
		    !tally_get(change->site)->named ||
		    ring_site(change->site, &change->totals, tick);
		if (!change->is_done)
			record_lost(WIRE_LOST_SEGMENT_FULL, 1);
	}
}

/* What was written is now part of a whole tick. */
void
changes_commit(void)
{
	const uint64_t count = changes.count;

	changes.count = 0;
	for (uint64_t i = 0; i < count; i++) {
		const struct change *change = &changes.list[i];
		struct tally *tally = tally_get(change->site);

		tally->committed = tally->newest;
		tally->change = 0;
		if (change->is_done)
			continue;
		changes.list[changes.count++] = *change;
		tally->change = (uint32_t)changes.count;
	}
	/* A tick with very many, as while a program starts, is followed by
	 * smaller ones. */
	if (changes.room > ROOM && count < changes.room / 8)
		list_resize(changes.room / 2);
}

void
changes_forget(void)
{
	changes.named = 0;
	changes.count = 0;
}
