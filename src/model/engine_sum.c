/*
 * engine_sum.c - what slots come to.
 *
 * A row's numbers come in parts, each from one source: totals of sites, the
 * mark that growth counts from, that of the rates, spreads. All are sums of
 * whole numbers, so a site that changed is charged with the difference, in
 * whatever order; and only a part whose source is another is made anew
 * (engine_parts.c).
 *
 * Rows by traceback are nearly as many as sites, so they have no sums: a slot's
 * sites are asked when it is looked at.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

#define AHEAD 8 /* sites, steps */

static const size_t widths[PART_COUNT] = {
    [PART_TOTALS] = TOTAL_COUNT,
    [PART_MARK] = LIVE_WIDTH,
    [PART_RATE] = LIVE_WIDTH,
    [PART_SPREAD] = SPREAD_WIDTH,
};

/* The numbers of sites */

/* One by one: numbers that were just written one by one would be waited for
 * when they are read as a vector. */
static inline __attribute__((always_inline)) void
add(uint64_t *restrict to, const uint64_t *restrict from, size_t width)
{
#pragma GCC unroll 8
	for (size_t i = 0; i < width; i++) {
		uint64_t number = from[i];

		__asm__("" : "+r"(number));
		to[i] += number;
	}
}

static void
take_off(uint64_t *from, const uint64_t *what, size_t width)
{
	for (size_t i = 0; i < width; i++)
		from[i] -= what[i];
}

static inline void
total_numbers(const struct site *site, uint64_t *out)
{
	uint64_t domain = site->domain;

	out[TOTAL_ALLOC_BYTES] = site->alloc_bytes;
	out[TOTAL_ALLOC_COUNT] = site->alloc_count;
	out[TOTAL_FREE_BYTES] = site->free_bytes;
	out[TOTAL_FREE_COUNT] = site->free_count;
	out[TOTAL_PEAK_BYTES] = site->peak_bytes;
	out[TOTAL_SITES] = 1;
	out[TOTAL_DOMAINS] = domain | domain * domain << 32;
}

static inline void
mark_numbers(const struct mark *mark, size_t index, uint64_t *out)
{
	out[LIVE_BYTES] = mark_bytes(mark, index);
	out[LIVE_COUNT] = mark_blocks(mark, index);
}

/* What a site is, or was, to a part. */
static inline __attribute__((always_inline)) void
site_numbers(const struct engine *engine, enum part_id part, size_t index,
	     const struct site *site, const struct spread *spread,
	     uint64_t *out)
{
	switch (part) {
	case PART_TOTALS:
		total_numbers(site, out);
		break;
	case PART_MARK:
		mark_numbers(engine->query.mark, index, out);
		break;
	case PART_RATE:
		mark_numbers(engine->query.rate, index, out);
		break;
	case PART_SPREAD:
		spread_numbers(engine->query.mark, index, site, spread, out);
		break;
	case PART_COUNT:
		break;
	}
}

static inline __attribute__((always_inline)) void
now_numbers(const struct engine *engine, enum part_id part, size_t index,
	    uint64_t *out)
{
	const struct snapshot *snapshot = engine->snapshot;

	site_numbers(engine, part, index, &snapshot->sites[index],
		     snapshot->spreads ? &snapshot->spreads[index] : NULL, out);
}

/* By how much a change moves a part: of a mark, to it from what was before. */
static void
change_numbers(const struct engine *engine, enum part_id part,
	       const struct moved *change, uint64_t *out)
{
	const struct snapshot *snapshot = engine->snapshot;
	uint64_t before[PART_WIDTH_MAX];
	const struct site *site;

	now_numbers(engine, part, change->site, out);
	if (change->touch == CHANGE_BORN)
		return;
	site = &snapshot->touched[change->touch].before;
	if (part == PART_MARK || part == PART_RATE) {
		before[LIVE_BYTES] = site_live_bytes(site);
		before[LIVE_COUNT] = site_live_count(site);
	} else {
		site_numbers(engine, part, change->site, site,
			     snapshot_touched_spread(snapshot, change->touch),
			     before);
	}
	take_off(out, before, widths[part]);
}

/* Adding up */

/* What is charged to each step of a branch, with all that is further in. */
struct charges {
	const struct branch *branch;
	uint64_t *sums; /* [number] */
};

/* Inlined for each part, as sum_items: so that its width is known. */
static inline __attribute__((always_inline)) void
step_charge(const struct engine *engine, const struct charges *charges,
	    uint64_t *sums, uint32_t step, const uint64_t *numbers,
	    size_t width)
{
	if (!branch_has(charges->branch, step)) {
		uint32_t slot = engine->steps[step].slot & ~STEP_PASS;

		add(sums + (slot - 1) * width, numbers, width);
		step = engine->steps[step].parent;
	}
	add(charges->sums + branch_number(charges->branch, step) * width,
	    numbers, width);
}

static inline __attribute__((always_inline)) void
charges_sweep(const struct charges *charges, uint64_t *sums, size_t width)
{
	const struct step *steps = charges->branch->steps;

	for (size_t i = charges->branch->count; i; i--) {
		const uint64_t *from = charges->sums + i * width;
		uint32_t slot = steps[i].slot & ~STEP_PASS;

		if (i > AHEAD) {
			uint32_t next = steps[i - AHEAD].slot & ~STEP_PASS;

			__builtin_prefetch(sums + (next - 1) * width, 1);
		}
		add(sums + (slot - 1) * width, from, width);
		add(charges->sums + steps[i].parent * width, from, width);
	}
}

/* The site of item i: of all sites without moves. */
static inline size_t
item_site(const struct moves *moves, size_t i)
{
	return moves ? moves->list[i].site : i;
}

static inline void
item_prefetch(const struct engine *engine, const uint64_t *sums, size_t width,
	      size_t site, bool apart)
{
	uint32_t at = engine->site_at[site];

	if (apart)
		__builtin_prefetch(&engine->snapshot->sites[site]);
	if (at & AT_STEP)
		at = engine->steps[at & ~AT_STEP].slot & ~STEP_PASS;
	if (sums && at) {
		__builtin_prefetch(sums + (at - 1) * width, 1);
		__builtin_prefetch(sums + at * width - 1, 1);
	}
}

/* Inlined for each part, so that its width and numbers are known. */
static inline __attribute__((always_inline)) void
sum_items(struct engine *engine, enum part_id id, const struct charges *charges,
	  const struct moves *moves)
{
	struct part *part = &engine->parts[id];
	size_t width = widths[id];
	size_t count = moves ? moves->count : engine->site_known;
	uint64_t *sums = part->sums;
	uint64_t total[PART_WIDTH_MAX] = {0};
	bool pass = !engine->filter;

	for (size_t i = 0; i < count; i++) {
		size_t site = item_site(moves, i);
		uint32_t at = engine->site_at[site];
		uint64_t numbers[PART_WIDTH_MAX];

		if (i + AHEAD < count)
			item_prefetch(engine, sums, width,
				      item_site(moves, i + AHEAD), moves);
		if (!at)
			continue;
		if (moves)
			change_numbers(engine, id, &moves->list[i], numbers);
		else
			now_numbers(engine, id, site, numbers);
		if (pass || at_passes(engine, at))
			add(total, numbers, width);
		if (at & AT_STEP)
			step_charge(engine, charges, sums, at & ~AT_STEP,
				    numbers, width);
		else if (sums)
			add(sums + (at - 1) * width, numbers, width);
	}
	add(part->total, total, width);
}

static inline __attribute__((always_inline)) void
sum_one(struct engine *engine, enum part_id id, const struct moves *moves)
{
	const struct branch *branch =
	    moves ? &moves->branch : branch_all(engine);
	struct charges charges = {branch, NULL};
	size_t width = widths[id];

	if (engine->inclusive)
		charges.sums =
		    mem_array(branch->count + 1, width * sizeof(uint64_t));
	sum_items(engine, id, &charges, moves);
	if (engine->inclusive)
		charges_sweep(&charges, engine->parts[id].sums, width);
	free(charges.sums);
}

static void
sum_part(struct engine *engine, enum part_id id, const struct moves *moves)
{
	switch (id) {
	case PART_TOTALS:
		sum_one(engine, PART_TOTALS, moves);
		break;
	case PART_MARK:
		sum_one(engine, PART_MARK, moves);
		break;
	case PART_RATE:
		sum_one(engine, PART_RATE, moves);
		break;
	case PART_SPREAD:
		sum_one(engine, PART_SPREAD, moves);
		break;
	case PART_COUNT:
		break;
	}
}

static void
part_total(struct engine *engine, enum part_id id)
{
	struct part *part = &engine->parts[id];
	uint64_t numbers[PART_WIDTH_MAX];

	memset(part->total, 0, sizeof(part->total));
	for (size_t i = 0; i < engine->site_known; i++) {
		uint32_t at = engine->site_at[i];

		if (!at || !at_passes(engine, at))
			continue;
		now_numbers(engine, id, i, numbers);
		add(part->total, numbers, widths[id]);
	}
}

/* New slots have nothing yet. */
static void
part_room(const struct engine *engine, struct part *part, size_t width)
{
	if (engine->group_by == GROUP_TRACEBACK)
		return;
	if (engine->slot_count > part->room) {
		part->room = engine->slot_room;
		part->sums =
		    mem_grow(part->sums, part->room, width * sizeof(uint64_t));
	}
	if (engine->slot_count > part->count)
		memset(part->sums + part->count * width, 0,
		       (engine->slot_count - part->count) * width *
			   sizeof(uint64_t));
	part->count = engine->slot_count;
}

void
part_make(struct engine *engine, enum part_id id)
{
	struct part *part = &engine->parts[id];

	part->count = 0;
	memset(part->total, 0, sizeof(part->total));
	part_room(engine, part, widths[id]);
	sum_part(engine, id, NULL);
}

void
part_move(struct engine *engine, enum part_id id, const struct moves *moves)
{
	part_room(engine, &engine->parts[id], widths[id]);
	if (moves->count)
		sum_part(engine, id, moves);
	if (!engine->filtered)
		part_total(engine, id);
}

/* Rows */

void
slot_sum(const struct engine *engine, uint32_t id, enum part_id part,
	 uint64_t *out)
{
	size_t width = widths[part];
	const struct part *from = &engine->parts[part];
	uint64_t numbers[PART_WIDTH_MAX];
	uint32_t site;

	if (!from->of) {
		memset(out, 0, width * sizeof(*out));
		return;
	}
	if (engine->group_by != GROUP_TRACEBACK) {
		memcpy(out, from->sums + (id - 1) * width,
		       width * sizeof(*out));
		return;
	}
	site = slot_at(engine, id)->chain;
	now_numbers(engine, part, site - 1, out);
	while ((site = engine->next[site - 1])) {
		now_numbers(engine, part, site - 1, numbers);
		add(out, numbers, width);
	}
}

static uint16_t
domain_of(const uint64_t *totals)
{
	uint64_t sum = (uint32_t)totals[TOTAL_DOMAINS];
	uint64_t squares = totals[TOTAL_DOMAINS] >> 32;
	uint64_t sites = totals[TOTAL_SITES];

	return sites && sites * squares == sum * sum ? (uint16_t)(sum / sites)
						     : DOMAIN_COUNT;
}

/* Fills the numbers of a row from all of its parts. */
static void
row_numbers(const struct engine *engine, struct row *row,
	    uint64_t of[PART_COUNT][PART_WIDTH_MAX])
{
	const uint64_t *totals = of[PART_TOTALS], *mark = of[PART_MARK];
	const uint64_t *rate = of[PART_RATE], *spread = of[PART_SPREAD];
	double seconds = engine->rate_seconds;

	row->size = totals[TOTAL_ALLOC_BYTES] - totals[TOTAL_FREE_BYTES];
	row->count = totals[TOTAL_ALLOC_COUNT] - totals[TOTAL_FREE_COUNT];
	row->size_diff = (int64_t)(row->size - mark[LIVE_BYTES]);
	row->count_diff = (int64_t)(row->count - mark[LIVE_COUNT]);
	row->total_size = totals[TOTAL_ALLOC_BYTES];
	row->total_count = totals[TOTAL_ALLOC_COUNT];
	row->peak_size = totals[TOTAL_PEAK_BYTES];
	row->site_count = (uint32_t)totals[TOTAL_SITES];
	row->domain = domain_of(totals);
	if (seconds > 0) {
		row->rate_size =
		    (double)(int64_t)(row->size - rate[LIVE_BYTES]) / seconds;
		row->rate_count =
		    (double)(int64_t)(row->count - rate[LIVE_COUNT]) / seconds;
	}
	row->size_error = sqrt(spread_variance(spread + SPREAD_BYTES));
	row->count_error = sqrt(spread_variance(spread + SPREAD_BLOCKS));
	row->size_diff_error =
	    sqrt(spread_variance(spread + SPREAD_BYTES_DIFF));
	row->count_diff_error =
	    sqrt(spread_variance(spread + SPREAD_BLOCKS_DIFF));
}

void
row_fill(struct engine *engine, uint32_t id, struct row *row)
{
	struct slot *slot = slot_at(engine, id);
	uint64_t numbers[PART_COUNT][PART_WIDTH_MAX];

	*row = (struct row){.identity = slot_identity(slot)};
	for (enum part_id part = 0; part < PART_COUNT; part++)
		slot_sum(engine, id, part, numbers[part]);
	row_numbers(engine, row, numbers);
	slot_texts(engine, slot, row);
	if (engine->snapshot->merge)
		row->process_bits = engine->process_bits[id - 1];
	if (slot->best)
		row->stack = engine->snapshot
				 ->sites[engine->bests[slot->best - 1].site - 1]
				 .stack;
}

void
row_total(const struct engine *engine, struct row *row)
{
	uint64_t numbers[PART_COUNT][PART_WIDTH_MAX] = {{0}};

	*row = (struct row){.process_bits = engine->process_total};
	for (enum part_id part = 0; part < PART_COUNT; part++)
		if (engine->parts[part].of)
			memcpy(numbers[part], engine->parts[part].total,
			       sizeof(numbers[part]));
	row_numbers(engine, row, numbers);
}
