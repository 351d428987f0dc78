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
	struct wire_record first[CHUNK_SLOTS];
	struct wire_record second[CHUNK_SLOTS];
};

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
	uint64_t offset = reader->ring->offset + slot * 64;

	return segment_read(reader->segment, offset, reader->copies->first,
			    count * 64) &&
	       segment_read(reader->segment, offset, reader->copies->second,
			    count * 64);
}

/* Waits for a slot that is being written; false when it stays unfinished. */
static bool
settle(struct reader *reader, uint64_t slot, struct wire_record *record)
{
	for (int tries = 0; tries < 16; tries++) {
		uint64_t offset = reader->ring->offset + slot * 64;
		struct wire_record again;

		if (!segment_read(reader->segment, offset, record, 64) ||
		    !segment_read(reader->segment, offset, &again, 64))
			return false;
		if (record->sequence && !memcmp(record, &again, 64))
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

static void
sums_add(struct snapshot *snapshot, const struct site *site, int sign)
{
	uint64_t by = (uint64_t)(int64_t)sign;

	snapshot->live_bytes += by * site_live_bytes(site);
	snapshot->live_count += by * site_live_count(site);
	snapshot->alloc_bytes += by * site->alloc_bytes;
	snapshot->alloc_count += by * site->alloc_count;
}

static void
take_record(struct reader *reader, const struct wire_record *record)
{
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
	sums_add(reader->snapshot, site, -1);
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
	sums_add(reader->snapshot, site, 1);
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
			struct wire_record record = reader->copies->second[i];

			if (memcmp(&record, &reader->copies->first[i], 64) ||
			    (!record.sequence && record.kind)) {
				if (!settle(reader, slot + i, &record))
					continue;
			}
			if (record.sequence &&
			    (record.sequence - 1) % slots == slot + i)
				take_record(reader, &record);
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
			const struct wire_record *record =
			    &reader->copies->first[i];

			if (record->sequence != ring->next + 1 ||
			    memcmp(record, &reader->copies->second[i], 64) != 0)
				return false;
			take_record(reader, record);
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
		reader->ring->next = segment->status.head;
		reader->newer = tries == SCAN_TRIES;
		if (!scan(reader))
			return source_fail(err, segment->path,
					   "its ring cannot be read; start "
					   "the program again");
		if (segment_turn(segment) == segment->turn || reader->newer)
			return true;
		if (!segment_read_status(segment, err) ||
		    !segment_read_names(segment, log, reader->snapshot->names,
					err))
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
