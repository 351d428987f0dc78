/*
 * ring.c - the log of site totals.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/ring.h"

#include <stddef.h>
#include <string.h>

#include "agent/safe.h"
#include "agent/sites.h"

#define PAGE_SLOTS UINT64_C(128) /* of any size, in whole pages */
#define CHUNK_BITS 10
#define CHUNK	   (1u << CHUNK_BITS)
#define CHUNKS	   (1u << (24 - CHUNK_BITS))

struct place {
	char *records;
	uint32_t *owners; /* site of each slot, 0 none; ours alone */
	uint64_t offset;
	uint64_t slots;
	uint32_t record_bytes;
};

static struct {
	struct segment *segment;
	struct place now;
	struct place old; /* until readers have heard of the new one */
	uint64_t head;
	uint32_t record_bytes; /* as wanted; 64 until something was sampled */
	uint32_t sites;
	uint32_t kept; /* sites that have a record */
	struct tally *tallies[CHUNKS + 1];
	struct spread *spreads[CHUNKS + 1];
} ring;

struct tally *
tally_get(uint32_t site)
{
	return &ring.tallies[site >> CHUNK_BITS][site & (CHUNK - 1)];
}

bool
tally_make(uint32_t site)
{
	struct tally **chunk = &ring.tallies[site >> CHUNK_BITS];

	if (!*chunk)
		*chunk = safe_map(CHUNK * sizeof(**chunk));
	if (!*chunk)
		return false;
	ring.sites = site;
	return true;
}

struct spread *
tally_spread(uint32_t site)
{
	struct spread *chunk = ring.spreads[site >> CHUNK_BITS];

	return chunk ? &chunk[site & (CHUNK - 1)] : NULL;
}

struct spread *
tally_spread_make(uint32_t site)
{
	struct spread **chunk = &ring.spreads[site >> CHUNK_BITS];

	if (!*chunk)
		*chunk = safe_map(CHUNK * sizeof(**chunk));
	if (*chunk)
		ring.record_bytes = WIRE_RECORD_SAMPLED;
	return tally_spread(site);
}

bool
ring_init(struct segment *segment, void *part, uint64_t offset, uint64_t slots,
	  bool sampled)
{
	ring.record_bytes = sampled ? WIRE_RECORD_SAMPLED : WIRE_RECORD_EXACT;
	ring.segment = segment;
	ring.now.record_bytes = ring.record_bytes;
	ring.now.records = part;
	ring.now.offset = offset;
	ring.now.slots = slots;
	ring.now.owners = safe_map(slots * sizeof(*ring.now.owners));
	return ring.now.owners != NULL;
}

void
ring_forget(void)
{
	/* What was never touched stays so: it costs a child of fork nothing. */
	for (uint32_t i = 0; i <= ring.sites >> CHUNK_BITS; i++)
		ring.tallies[i] = NULL;
	if (ring.record_bytes == WIRE_RECORD_SAMPLED)
		memset(ring.spreads, 0, sizeof(ring.spreads));
	memset(&ring, 0, offsetof(__typeof__(ring), tallies));
}

static void
give_back(void *start, size_t size)
{
	if (start)
		safe_unmap(start, size);
}

/* First nobody finds it, then it is gone: a child of fork may come between. */
void
ring_close(void)
{
	struct place now = ring.now, old = ring.old;
	uint32_t last = ring.sites >> CHUNK_BITS;

	for (uint32_t i = 0; i <= last; i++) {
		struct tally *tallies = ring.tallies[i];
		struct spread *spreads = ring.spreads[i];

		ring.tallies[i] = NULL;
		ring.spreads[i] = NULL;
		__atomic_thread_fence(__ATOMIC_RELEASE);
		give_back(tallies, CHUNK * sizeof(*tallies));
		give_back(spreads, CHUNK * sizeof(*spreads));
	}
	ring_forget();
	__atomic_thread_fence(__ATOMIC_RELEASE);
	give_back(now.owners, now.slots * sizeof(*now.owners));
	give_back(old.owners, old.slots * sizeof(*old.owners));
}

static struct wire_record *
record_at(const struct place *place, uint64_t slot)
{
	return (void *)(place->records + slot * place->record_bytes);
}

/* Whether a slot holds a record that readers may still need. */
static bool
is_kept(uint32_t slot)
{
	uint32_t owner = ring.now.owners[slot];
	const struct tally *tally;

	if (!owner)
		return false;
	tally = tally_get(owner);
	return tally->newest == slot + 1 || tally->committed == slot + 1;
}

/* Passes over kept slots, renumbering them. NULL: all are kept. */
static struct wire_record *
next_slot(uint32_t *slot)
{
	for (uint64_t tries = 0; tries < ring.now.slots; tries++) {
		struct wire_record *record;

		*slot = (uint32_t)(ring.head % ring.now.slots);
		record = record_at(&ring.now, *slot);
		if (!is_kept(*slot)) {
			__atomic_store_n(&record->sequence, 0,
					 __ATOMIC_RELAXED);
			__atomic_thread_fence(__ATOMIC_RELEASE);
			return record;
		}
		__atomic_store_n(&record->sequence, ++ring.head,
				 __ATOMIC_RELEASE);
	}
	return NULL;
}

/* A slot as it will be. */
struct slot {
	struct wire_record record;
	struct wire_spread spread;
};
_Static_assert(sizeof(struct slot) == WIRE_RECORD_SAMPLED, "slot");

/* The sequence last: only then the slot is whole. */
static void
write_slot(struct wire_record *record, const struct slot *slot)
{
	const size_t first = sizeof(record->sequence);

	safe_store((char *)record + first, (const char *)slot + first,
		   ring.now.record_bytes - first);
	__atomic_store_n(&record->sequence, ++ring.head, __ATOMIC_RELEASE);
}

static void
write_site(struct wire_record *record, uint32_t site,
	   const struct counter *totals, uint64_t peak, uint32_t tick)
{
	const struct spread *spread = tally_spread(site);
	struct slot slot = {
	    .record.kind = WIRE_RECORD_SITE,
	    .record.domain = sites_get(site)->domain,
	    .record.id = site,
	    .record.stack = sites_get(site)->node,
	    .record.tick = tick,
	    .record.alloc_bytes = totals->alloc_bytes,
	    .record.alloc_count = totals->alloc_count,
	    .record.free_bytes = totals->free_bytes,
	    .record.free_count = totals->free_count,
	    .record.peak_bytes = peak,
	};

	if (spread)
		slot.spread = (struct wire_spread){
		    spread->alloc_bytes, spread->free_bytes,
		    spread->alloc_count, spread->free_count};
	write_slot(record, &slot);
}

static struct counter
totals_of(const struct wire_record *record)
{
	return (struct counter){record->alloc_bytes, record->alloc_count,
				record->free_bytes, record->free_count};
}

/* A site's newest record; NULL: it has none. */
static const struct wire_record *
newest_of(const struct place *place, uint32_t site)
{
	uint32_t newest = tally_get(site)->newest;

	return newest ? record_at(place, newest - 1) : NULL;
}

/* Whether its newest record stands in the old place until it is written. */
static bool
is_left_behind(uint32_t site)
{
	return ring.old.records && tally_get(site)->change;
}

struct counter
ring_last(uint32_t site)
{
	const struct wire_record *last = newest_of(&ring.now, site);

	return last ? totals_of(last) : (struct counter){0};
}

bool
ring_site(uint32_t site, const struct counter *totals, uint32_t tick)
{
	const struct wire_record *last =
	    newest_of(is_left_behind(site) ? &ring.old : &ring.now, site);
	uint64_t peak = totals->alloc_bytes - totals->free_bytes;
	uint32_t slot;
	struct wire_record *record = next_slot(&slot);

	if (!record)
		return false;
	if (last && last->peak_bytes > peak)
		peak = last->peak_bytes;
	ring.kept += !last;
	write_site(record, site, totals, peak, tick);
	ring.now.owners[slot] = site;
	tally_get(site)->newest = (slot + 1) & (RING_SLOTS_MAX - 1);
	return true;
}

void
ring_tick(uint32_t tick, uint64_t time_ns)
{
	uint32_t slot;
	struct wire_record *record = next_slot(&slot);
	const struct slot end = {.record.kind = WIRE_RECORD_TICK,
				 .record.tick = tick,
				 .record.alloc_bytes = time_ns};

	if (!record)
		return;
	ring.now.owners[slot] = 0;
	write_slot(record, &end);
}

void
ring_status(struct wire_status *status)
{
	status->ring_offset = ring.now.offset;
	status->ring_slots = ring.now.slots;
	status->record_bytes = ring.now.record_bytes;
	status->head = ring.head;
}

static void
place_drop(struct place *place)
{
	if (!place->records)
		return;
	segment_discard(ring.segment, place->records, place->offset,
			place->slots * place->record_bytes);
	safe_unmap(place->owners, place->slots * sizeof(*place->owners));
	memset(place, 0, sizeof(*place));
}

void
ring_settle(void)
{
	place_drop(&ring.old);
}

static bool
place_make(struct place *place, uint64_t slots)
{
	place->slots = slots;
	place->record_bytes = ring.record_bytes;
	place->owners = safe_map(slots * sizeof(*place->owners));
	if (!place->owners)
		return false;
	place->records = segment_grow(ring.segment, slots * place->record_bytes,
				      &place->offset);
	if (place->records)
		return true;
	safe_unmap(place->owners, slots * sizeof(*place->owners));
	return false;
}

/* A site's newest record, from the old place to the new one. */
static void
move_site(uint32_t site)
{
	const struct wire_record *last = newest_of(&ring.old, site);
	struct tally *tally = tally_get(site);
	uint32_t slot = (uint32_t)(ring.head % ring.now.slots);
	struct counter totals;

	if (!last || is_left_behind(site))
		return;
	totals = totals_of(last);
	write_site(record_at(&ring.now, slot), site, &totals, last->peak_bytes,
		   last->tick);
	ring.now.owners[slot] = site;
	tally->newest = (slot + 1) & (RING_SLOTS_MAX - 1);
	tally->committed = tally->newest;
}

/* A site that changes needs a second slot until the tick is whole, a new one
 * does not. Every record of a site goes to the new place, but for those that
 * are written in this tick anyway: there is room for them. Positions go on
 * counting. */
bool
ring_fit(uint64_t changing)
{
	uint64_t slots = (ring.kept + changing) * 5 / 4;
	struct place bigger = {0};

	if (slots <= ring.now.slots &&
	    ring.record_bytes == ring.now.record_bytes)
		return true;
	/* A quarter more, so that growing stays rare; whole pages. */
	slots = (slots * 5 / 4 + PAGE_SLOTS) & ~(PAGE_SLOTS - 1);
	if (slots < ring.now.slots)
		slots = ring.now.slots;
	if (!place_make(&bigger, slots))
		return false;
	place_drop(&ring.old);
	ring.old = ring.now;
	ring.now = bigger;
	for (uint32_t site = 1; site <= ring.sites; site++)
		move_site(site);
	return true;
}
