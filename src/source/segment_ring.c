/*
 * segment_ring.c - the ring: every site's totals.
 *
 * Slots are copied twice. A slot that is the same in both copies, its sequence
 * included, was whole: a sequence never comes back, and totals only grow.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/segment.h"

#define CHUNK_SLOTS 2048
#define SCAN_TRIES  5

struct copies {
	uint8_t first[CHUNK_SLOTS * WIRE_RECORD_SAMPLED];
	uint8_t second[CHUNK_SLOTS * WIRE_RECORD_SAMPLED];
};
_Static_assert(sizeof(struct segment_slot) == WIRE_RECORD_SAMPLED, "slot");

struct reader {
	struct segment *segment;
	struct segment_ring *ring;
	struct snapshot *snapshot;
	struct copies *copies;
	bool newer; /* take records that are newer than the status, too */
};

static bool
copy_slots(struct reader *reader, uint64_t slot, size_t count)
{
	size_t each = reader->ring->slot_bytes;
	uint64_t offset = reader->ring->offset + slot * each;

	return segment_read(reader->segment, offset, reader->copies->first,
			    count * each) &&
	       segment_read(reader->segment, offset, reader->copies->second,
			    count * each);
}

/* The i-th of what was copied; false when the copies differ. */
static bool
copied_slot(const struct reader *reader, size_t i, struct segment_slot *slot)
{
	size_t each = reader->ring->slot_bytes;

	memset(slot, 0, sizeof(*slot));
	memcpy(slot, reader->copies->second + i * each, each);
	return !memcmp(slot, reader->copies->first + i * each, each);
}

/* Waits for a slot that is being written; false when it stays unfinished. */
static bool
settle(struct reader *reader, uint64_t at, struct segment_slot *slot)
{
	size_t each = reader->ring->slot_bytes;
	uint64_t offset = reader->ring->offset + at * each;

	for (int tries = 0; tries < 16; tries++) {
		struct segment_slot again;

		if (!segment_read(reader->segment, offset, slot, each) ||
		    !segment_read(reader->segment, offset, &again, each))
			return false;
		if (slot->record.sequence && !memcmp(slot, &again, each))
			return true;
	}
	return false;
}

static struct site *
site_for(struct reader *reader, uint32_t id)
{
	struct segment_ring *ring = reader->ring;
	struct snapshot *snapshot = reader->snapshot;

	snapshot_room(snapshot, id);
	if (ring->tick_room < snapshot->site_count) {
		size_t old = ring->tick_room;

		ring->tick_room = snapshot->site_capacity;
		ring->ticks =
		    mem_grow(ring->ticks, ring->tick_room, sizeof(uint32_t));
		memset(ring->ticks + old, 0,
		       (ring->tick_room - old) * sizeof(uint32_t));
	}
	return &snapshot->sites[id - 1];
}

static bool
record_makes_sense(const struct reader *reader,
		   const struct wire_record *record)
{
	return record->id && record->id <= reader->segment->status.sites &&
	       record->id <= reader->ring->slots && record->stack &&
	       record->stack <= names_stacks(reader->snapshot->names) &&
	       record->domain < DOMAIN_COUNT;
}

/* Room for spreads is made when the first one is there. */
static void
take_spread(struct reader *reader, size_t index,
	    const struct wire_spread *found)
{
	struct snapshot *snapshot = reader->snapshot;
	struct spread spread =
	    spread_make(found->alloc_bytes, found->free_bytes,
			found->alloc_count, found->free_count);

	if (!spread_is_zero(&spread))
		snapshot_spread(snapshot);
	if (snapshot->spreads)
		snapshot->spreads[index] = spread;
}

static void
take_slot(struct reader *reader, const struct segment_slot *slot)
{
	const struct wire_record *record = &slot->record;
	uint32_t now = (uint32_t)reader->segment->status.tick;
	struct site *site;

	if (record->kind != WIRE_RECORD_SITE)
		return;
	if ((int32_t)(now - record->tick) < 0 && !reader->newer)
		return;
	if (!record_makes_sense(reader, record)) {
		reader->ring->damaged++;
		return;
	}
	site = site_for(reader, record->id);
	if (site->stack &&
	    (int32_t)(record->tick - reader->ring->ticks[record->id - 1]) < 0)
		return;
	reader->ring->ticks[record->id - 1] = record->tick;
	snapshot_touch(reader->snapshot, record->id, site);
	snapshot_sum_site(reader->snapshot, site, -1);
	*site = (struct site){
	    .stack = record->stack,
	    .domain = record->domain,
	    .alloc_bytes = record->alloc_bytes,
	    .alloc_count = record->alloc_count,
	    .free_bytes = record->free_bytes,
	    .free_count = record->free_count,
	    .peak_bytes = record->peak_bytes,
	};
	if (site->free_bytes > site->alloc_bytes)
		site->free_bytes = site->alloc_bytes;
	if (site->free_count > site->alloc_count)
		site->free_count = site->alloc_count;
	if (site->peak_bytes < site_live_bytes(site))
		site->peak_bytes = site_live_bytes(site);
	snapshot_sum_site(reader->snapshot, site, 1);
	take_spread(reader, record->id - 1, &slot->spread);
}

/* All slots, in any order. */
static bool
scan(struct reader *reader)
{
	uint64_t slots = reader->ring->slots;

	for (uint64_t slot = 0; slot < slots; slot += CHUNK_SLOTS) {
		size_t count = slots - slot < CHUNK_SLOTS
				   ? (size_t)(slots - slot)
				   : CHUNK_SLOTS;

		if (!copy_slots(reader, slot, count))
			return false;
		for (size_t i = 0; i < count; i++) {
			struct segment_slot copy;
			uint64_t sequence;

			if (!copied_slot(reader, i, &copy) ||
			    (!copy.record.sequence && copy.record.kind)) {
				if (!settle(reader, slot + i, &copy))
					continue;
			}
			sequence = copy.record.sequence;
			if (sequence && (sequence - 1) % slots == slot + i)
				take_slot(reader, &copy);
		}
	}
	return true;
}

/* Positions from next to the status's head; false: fell behind. */
static bool
follow(struct reader *reader)
{
	struct segment_ring *ring = reader->ring;
	uint64_t head = reader->segment->status.head;

	while (ring->next < head) {
		uint64_t slot = ring->next % ring->slots;
		uint64_t count = head - ring->next;

		if (count > ring->slots - slot)
			count = ring->slots - slot;
		if (count > CHUNK_SLOTS)
			count = CHUNK_SLOTS;
		if (!copy_slots(reader, slot, (size_t)count))
			return false;
		for (size_t i = 0; i < count; i++) {
			struct segment_slot copy;

			if (!copied_slot(reader, i, &copy) ||
			    copy.record.sequence != ring->next + 1)
				return false;
			take_slot(reader, &copy);
			ring->next++;
		}
	}
	return true;
}

/*
 * Scans until no tick ended meanwhile: then the slots of the status's tick
 * were all kept. A process that ticks faster than it can be scanned is taken
 * as it is found.
 */
static bool
scan_whole(struct reader *reader, struct segment_names *log, struct err *err)
{
	struct segment *segment = reader->segment;

	for (int tries = 1;; tries++) {
		reader->ring->offset = segment->status.ring_offset;
		reader->ring->slots = segment->status.ring_slots;
		reader->ring->slot_bytes = segment_slot_bytes(&segment->status);
		reader->ring->next = segment->status.head;
		reader->newer = tries == SCAN_TRIES;
		if (!scan(reader))
			return source_fail(err, segment->path,
					   "its ring cannot be read; start "
					   "the program again");
		if (segment_turn(segment) == segment->turn || reader->newer)
			return true;
		if (!segment_read_status(segment, err) ||
		    !segment_read_names(segment, log, reader->snapshot, err))
			return false;
	}
}

bool
segment_read_ring(struct segment *segment, struct segment_ring *ring,
		  struct segment_names *log, struct snapshot *snapshot,
		  struct err *err)
{
	const struct wire_status *status = &segment->status;
	struct reader reader = {
	    .segment = segment,
	    .ring = ring,
	    .snapshot = snapshot,
	    .copies = mem_alloc(sizeof(struct copies)),
	};
	bool good;

	good = ring->slots == status->ring_slots &&
	       ring->offset == status->ring_offset &&
	       ring->slot_bytes == segment_slot_bytes(status) &&
	       ring->next <= status->head &&
	       status->head - ring->next <= ring->slots && follow(&reader);
	if (!good)
		good = scan_whole(&reader, log, err);
	free(reader.copies);
	return good;
}

void
segment_ring_fini(struct segment_ring *ring)
{
	free(ring->ticks);
	*ring = (struct segment_ring){0};
}
