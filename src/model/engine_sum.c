/* engine_sum.c - what sites come to, and own mode: one slot for each site. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"
#include "model/merge.h"

#define AHEAD 8 /* sites */

static uint64_t
magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

/* Sums of a hostile source may wrap; they must not be undefined. */
static void
add(int64_t *to, int64_t value)
{
	*to = (int64_t)((uint64_t)*to + (uint64_t)value);
}

/* Live bytes and blocks now, less those of a mark. */
static void
since(const struct mark *mark, size_t index, const struct site *site,
      int64_t *size, int64_t *count)
{
	*size = (int64_t)site_live_bytes(site);
	*count = (int64_t)site_live_count(site);
	if (mark && index < mark->count) {
		add(size, (int64_t)-mark->live[2 * index]);
		add(count, (int64_t)-mark->live[2 * index + 1]);
	}
}

void
sum_site(const struct engine *engine, size_t index, struct sum *sum)
{
	const struct site *site = &engine->snapshot->sites[index];
	const struct query *query = engine->query;

	sum->size = site_live_bytes(site);
	sum->count = site_live_count(site);
	since(query->mark, index, site, &sum->size_diff, &sum->count_diff);
	sum->total_size = site->alloc_bytes;
	sum->total_count = site->alloc_count;
	sum->peak_size = site->peak_bytes;
	sum->rate_size = sum->rate_count = 0;
	if (engine->rate_seconds > 0)
		since(query->rate, index, site, &sum->rate_size,
		      &sum->rate_count);
	sum->best_value =
	    engine->basis.by_growth ? magnitude(sum->size_diff) : sum->size;
	sum->best_site = (uint32_t)index + 1;
	sum->site_count = 1;
	sum->process_bits = engine->snapshot->merge
				? merge_bits(engine->snapshot->merge, index)
				: 0;
	sum->domain = site->domain;
	if (engine->basis.sampled) {
		sum_spread(engine, index, sum);
		return;
	}
	sum->size_variance = sum->count_variance = 0;
	sum->size_diff_variance = sum->count_diff_variance = 0;
}

uint64_t
best_of(const struct engine *engine, size_t index)
{
	const struct site *site = &engine->snapshot->sites[index];
	int64_t size, count;

	if (!engine->basis.by_growth)
		return site_live_bytes(site);
	since(engine->query->mark, index, site, &size, &count);
	return magnitude(size);
}

bool
is_better(uint64_t value, uint32_t site, uint64_t than_value,
	  uint32_t than_site)
{
	if (!site || !than_site)
		return site;
	return value > than_value || (value == than_value && site < than_site);
}

void
sum_add(struct sum *to, const struct sum *from)
{
	if (from->site_count)
		to->domain = !to->site_count		  ? from->domain
			     : to->domain != from->domain ? DOMAIN_COUNT
							  : to->domain;
	to->size += from->size;
	to->count += from->count;
	add(&to->size_diff, from->size_diff);
	add(&to->count_diff, from->count_diff);
	to->total_size += from->total_size;
	to->total_count += from->total_count;
	to->peak_size += from->peak_size;
	add(&to->rate_size, from->rate_size);
	add(&to->rate_count, from->rate_count);
	to->size_variance += from->size_variance;
	to->count_variance += from->count_variance;
	to->size_diff_variance += from->size_diff_variance;
	to->count_diff_variance += from->count_diff_variance;
	if (is_better(from->best_value, from->best_site, to->best_value,
		      to->best_site)) {
		to->best_value = from->best_value;
		to->best_site = from->best_site;
	}
	to->site_count += from->site_count;
	to->process_bits |= from->process_bits;
}

void
row_charge(struct row *row, const struct sum *sum)
{
	if (sum->site_count)
		row->domain = !row->site_count		   ? sum->domain
			      : row->domain != sum->domain ? DOMAIN_COUNT
							   : row->domain;
	row->site_count += sum->site_count;
	row->process_bits |= sum->process_bits;
	row->size += sum->size;
	row->count += sum->count;
	add(&row->size_diff, sum->size_diff);
	add(&row->count_diff, sum->count_diff);
	row->total_size += sum->total_size;
	row->total_count += sum->total_count;
	row->peak_size += sum->peak_size;
	row->rate_size += (double)sum->rate_size;
	row->rate_count += (double)sum->rate_count;
	row->size_error += sum->size_variance;
	row->count_error += sum->count_variance;
	row->size_diff_error += sum->size_diff_variance;
	row->count_diff_error += sum->count_diff_variance;
}

void
row_add(struct row *to, const struct row *row)
{
	row_charge(to, &(struct sum){
			   .size = row->size,
			   .count = row->count,
			   .size_diff = row->size_diff,
			   .count_diff = row->count_diff,
			   .total_size = row->total_size,
			   .total_count = row->total_count,
			   .peak_size = row->peak_size,
			   .rate_size = (int64_t)row->rate_size,
			   .rate_count = (int64_t)row->rate_count,
			   .size_variance = row->size_error,
			   .count_variance = row->count_error,
			   .size_diff_variance = row->size_diff_error,
			   .count_diff_variance = row->count_diff_error,
			   .process_bits = row->process_bits,
			   .site_count = row->site_count,
			   .domain = row->domain,
		       });
}

/* Takes the texts of one more place into a row: what differs is dropped. */
static void
row_texts(struct engine *engine, struct slot *slot, uint32_t place)
{
	struct names *names = engine->names;
	const struct location *location = names_location(names, place);
	const struct frame *frame =
	    names_frame(names, engine->places[place].frame);
	struct row *row = &slot->row;
	uint32_t module =
	    frame->module ? names_module(names, frame->module)->path : 0;

	if (slot->key.kind == KEY_MODULE && !module)
		module = slot->key.first;
	if (!row->site_count) {
		row->file = location->file;
		row->function = location->function;
		row->line = location->line;
		row->module = module;
		row->kind = (uint8_t)frame->kind;
		return;
	}
	if (row->file != location->file)
		row->file = 0;
	if (row->function != location->function)
		row->function = 0;
	if (row->line != location->line || !row->file)
		row->line = 0;
	if (row->module != module)
		row->module = 0;
	if (row->kind > frame->kind)
		row->kind = (uint8_t)frame->kind;
}

/* The frame of a stack that a place belongs to; noted with the place. */
static uint32_t
place_frame(struct engine *engine, uint32_t stack, uint32_t place)
{
	struct names *names = engine->names;

	if (place < engine->place_room && engine->places[place].frame)
		return engine->places[place].frame;
	for (; stack; stack = names_stack(names, stack)->parent) {
		uint32_t id = names_stack(names, stack)->frame;
		const struct frame *frame = names_frame(names, id);

		if (place >= frame->first &&
		    place - frame->first < frame->count) {
			place_note(engine, place, id);
			return id;
		}
	}
	return 0;
}

void
slot_clear(struct slot *slot)
{
	slot->row = (struct row){.identity = slot->row.identity,
				 .domain = DOMAIN_COUNT};
	slot->place = 0;
	slot->best_value = 0;
	slot->best_site = 0;
	slot->stale = false;
}

/* Whether the best site of a slot is less than it was. */
static bool
best_shrank(const struct engine *engine, const struct slot *slot)
{
	size_t site = slot->best_site - 1;

	return engine->changes && slot->best_site &&
	       engine->touched[site / 64] >> site % 64 & 1 &&
	       best_of(engine, site) < slot->best_value;
}

/* best_value stays above all sites of a slot that is stale. */
static void
slot_best(struct engine *engine, struct slot *slot, const struct sum *sum)
{
	bool better;

	if (!slot->stale && best_shrank(engine, slot))
		slot->stale = true;
	better = slot->stale
		     ? sum->best_site && sum->best_value > slot->best_value
		     : is_better(sum->best_value, sum->best_site,
				 slot->best_value, slot->best_site);
	if (!better)
		return;
	slot->stale = false;
	slot->best_value = sum->best_value;
	slot->best_site = sum->best_site;
	slot->row.stack = engine->snapshot->sites[sum->best_site - 1].stack;
}

void
slot_charge(struct engine *engine, uint32_t id, uint32_t place,
	    const struct sum *sum)
{
	struct slot *slot = slot_at(engine, id);

	if (place && slot->place != place) {
		row_texts(engine, slot, place - 1);
		slot->place = place;
	}
	slot_best(engine, slot, sum);
	row_charge(&slot->row, sum);
}

void
sites_room(struct engine *engine)
{
	size_t count = engine->snapshot->site_count;

	if (count <= engine->site_room)
		return;
	engine->site_room = room_for(count);
	engine->site_slot =
	    mem_grow(engine->site_slot, engine->site_room, sizeof(uint32_t));
	engine->site_place =
	    mem_grow(engine->site_place, engine->site_room, sizeof(uint32_t));
	engine->site_stack =
	    mem_grow(engine->site_stack, engine->site_room, sizeof(uint32_t));
}

void
site_assign(struct engine *engine, size_t index)
{
	const struct site *site = &engine->snapshot->sites[index];
	uint32_t place = naming_find(engine, engine->mine, site->stack);
	uint32_t frame = place_frame(engine, site->stack, place);
	uint32_t slot;

	if (engine->group_by == GROUP_TRACEBACK)
		slot = slot_of_stack(engine, site->stack);
	else if (engine->group_by == GROUP_DOMAIN)
		slot = slot_of_domain(engine, site->domain);
	else
		slot = slot_of_place(engine, place, frame);
	engine->site_slot[index] = slot;
	engine->site_place[index] = place + 1;
	engine->site_stack[index] = site->stack;
}

void
sites_extend(struct engine *engine)
{
	const struct snapshot *snapshot = engine->snapshot;

	naming_extend(engine, engine->mine);
	sites_room(engine);
	for (size_t i = 0; i < snapshot->site_count; i++) {
		uint32_t stack = snapshot->sites[i].stack;

		if (i < engine->site_known && engine->site_stack[i] == stack)
			continue;
		if (stack) {
			site_assign(engine, i);
		} else {
			engine->site_slot[i] = 0;
			engine->site_stack[i] = 0;
		}
	}
	engine->site_known = snapshot->site_count;
}

/* Slots lie far apart: they are asked for some sites ahead. */
void
slot_prefetch(const struct engine *engine, uint32_t id)
{
	const struct slot *slot;

	if (!id)
		return;
	slot = &engine->slots[id - 1];
	for (size_t line = 0; line < sizeof(*slot); line += 64)
		__builtin_prefetch((const char *)slot + line, 1);
}

void
sum_own(struct engine *engine)
{
	size_t count = change_count(engine);
	struct sum sum;

	for (size_t i = 0; i < count; i++) {
		size_t site;

		if (i + AHEAD < count)
			slot_prefetch(
			    engine,
			    engine->site_slot[change_site(engine, i + AHEAD)]);
		site = change_site(engine, i);
		if (!engine->site_slot[site])
			continue;
		change_sum(engine, i, &sum);
		slot_charge(engine, engine->site_slot[site],
			    engine->site_place[site], &sum);
		if (engine->changes &&
		    slot_at(engine, engine->site_slot[site])->pass)
			row_charge(&engine->total, &sum);
	}
}

void
sum_dirty(struct engine *engine, const uint64_t *dirty)
{
	struct sum sum;

	for (size_t i = 0; i < engine->site_known; i++) {
		uint32_t slot = engine->site_slot[i];

		if (!slot || !(dirty[slot / 64] >> slot % 64 & 1))
			continue;
		sum_site(engine, i, &sum);
		slot_charge(engine, slot, engine->site_place[i], &sum);
	}
}
