/*
 * live_scan.c - looks through the live map for the blocks of some sites.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/live_scan.h"

#include <sys/syscall.h>

#include "agent/live_chunk.h"
#include "agent/live_hash.h"
#include "agent/safe.h"

#define PIECE	     256 /* pages */
#define PAGE_ENTRIES (LIVE_PAGE / sizeof(uint32_t))

static bool
is_wanted(const struct live_scan *scan, uint32_t site)
{
	return site <= scan->sites && scan->wanted[site];
}

/* Most blocks are of more than 16 bytes and less than 64 MiB, and one load has
 * all of such a one. */
static inline void
look_at(const struct live_scan *scan, const uint32_t *entry, uint64_t address)
{
	uint64_t pair = arch_pair_load(entry);
	uint32_t value = (uint32_t)pair;
	uint64_t tail = pair >> 32;
	struct block block = {.site = value & LIVE_SITE_MASK};

	if (!value || value >= LIVE_TAIL || !is_wanted(scan, block.site))
		return;
	if (value >> LIVE_SITE_BITS != LIVE_WIDE)
		block.size = value >> LIVE_SITE_BITS;
	else if (tail < LIVE_TAIL)
		return; /* gone between two looks: that is another's entry */
	else if (tail == (LIVE_TAIL | LIVE_TAIL_MAX))
		block = live_load(entry);
	else
		block.size = tail & LIVE_TAIL_MAX;
	scan->visit(scan->context, address, block);
}

static void
look_at_page(const struct live_scan *scan, const uint32_t *entry,
	     uint64_t address)
{
	for (unsigned i = 0; i < PAGE_ENTRIES; i += 2) {
		if (!arch_pair_load(&entry[i]))
			continue;
		look_at(scan, &entry[i], address + 16 * i);
		look_at(scan, &entry[i + 1], address + 16 * (i + 1));
	}
}

/* Only pages that are in memory: to read others would make them. The last page
 * of a chunk has ends of blocks only. */
static bool
look_at_chunk(const struct live_scan *scan, const struct live_chunk *chunk)
{
	uint64_t pages = live_chunk_size() / LIVE_PAGE - 1;
	unsigned char in_memory[PIECE];

	for (uint64_t page = 0; page < pages; page += PIECE) {
		uint64_t count = pages - page < PIECE ? pages - page : PIECE;
		const uint32_t *entry = chunk->start + page * PAGE_ENTRIES;
		uint64_t address = chunk->address + page * PAGE_ENTRIES * 16;

		if (!scan->may_go_on(scan->context))
			return false;
		if (safe_syscall(SYS_mincore, (long)entry,
				 (long)(count * LIVE_PAGE), (long)in_memory, 0,
				 0, 0))
			continue;
		for (uint64_t i = 0; i < count; i++)
			if (in_memory[i] & 1)
				look_at_page(scan, entry + i * PAGE_ENTRIES,
					     address + i * PAGE_ENTRIES * 16);
	}
	return true;
}

static void
look_at_hashed(void *context, uint64_t address, struct block block)
{
	const struct live_scan *scan = context;

	if (is_wanted(scan, block.site))
		scan->visit(scan->context, address, block);
}

bool
live_scan(const struct live_scan *scan)
{
	const struct live_chunk *chunk = live_chunk_first();

	for (; chunk; chunk = chunk->next)
		if (!look_at_chunk(scan, chunk))
			return false;
	live_hash_each(look_at_hashed, (void *)scan);
	return true;
}
