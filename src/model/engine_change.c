/*
 * engine_change.c - which sites go into the sums of slots: all of them, or
 * those that have changed since they were last made.
 *
 * The snapshot says which sites were touched and what they were before, so a
 * row is moved by the difference. Three things cannot be taken off again:
 *	the best site of a row that shrank: the slot is stale, and made anew
 *	variances, whose rounding would stay: all rows that were touched are
 *	    made anew
 *	the processes of a merge: likewise
 * Making some rows anew is one walk over all sites, which adds up those of
 * dirty slots only. When the mark of the rates moves, all rates are made from
 * nothing, of the few sites that have any.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

#define CHANGES_SHARE                                           \
	4 /* more of all sites than one in so many: all of them \
	   */

static struct basis
basis_now(const struct engine *engine)
{
	const struct snapshot *snapshot = engine->snapshot;
	const struct query *query = engine->query;
	const struct mark *mark = query->mark;

	return (struct basis){
	    .good = snapshot->touches && (!mark || mark->serial),
	    .sampled = snapshot->spreads || (mark && mark->spreads),
	    .by_growth = query->sort == COLUMN_SIZE_DIFF ||
			 query->sort == COLUMN_COUNT_DIFF ||
			 query->sort == COLUMN_PER_WORK,
	    .snapshot = snapshot,
	    .touches = snapshot_touches(snapshot),
	    .mark = mark ? mark->serial : 0,
	    .rate = engine->rate_seconds > 0 ? query->rate->serial : 0,
	};
}

static bool
basis_fits(const struct basis *old, const struct basis *now)
{
	const struct snapshot *snapshot = now->snapshot;

	return old->good && now->good && old->snapshot == snapshot &&
	       old->sampled == now->sampled && old->mark == now->mark &&
	       old->by_growth == now->by_growth &&
	       old->touches >= snapshot->touched_first &&
	       old->touches <= now->touches &&
	       now->touches - old->touches <=
		   snapshot->site_count / CHANGES_SHARE;
}

/* Whether sums may be moved by differences. */
static bool
is_exact(const struct engine *engine)
{
	return !engine->basis.sampled && !engine->snapshot->merge;
}

size_t
change_count(const struct engine *engine)
{
	return engine->changes ? engine->change_count
			       : engine->snapshot->site_count;
}

size_t
change_site(const struct engine *engine, size_t change)
{
	return engine->changes ? engine->changes[change].site : change;
}

/* Less what it was before; its rate goes as its size does. */
static void
sum_less(const struct engine *engine, struct sum *sum,
	 const struct site *before)
{
	uint64_t size = site_live_bytes(before);
	uint64_t count = site_live_count(before);

	sum->size -= size;
	sum->count -= count;
	sum->size_diff = (int64_t)sum->size;
	sum->count_diff = (int64_t)sum->count;
	sum->total_size -= before->alloc_bytes;
	sum->total_count -= before->alloc_count;
	sum->peak_size -= before->peak_bytes;
	sum->site_count = 0;
	if (engine->rate_seconds > 0 && !engine->rated) {
		sum->rate_size = sum->size_diff;
		sum->rate_count = sum->count_diff;
	}
}

size_t
change_sum(const struct engine *engine, size_t index, struct sum *sum)
{
	const struct change *change = engine->changes + index;
	struct sum all;

	if (!engine->changes) {
		sum_site(engine, index, sum);
		return index;
	}
	sum_site(engine, change->site, sum);
	if (change->touch == CHANGE_RATE) {
		all = *sum;
		*sum = (struct sum){.rate_size = all.rate_size,
				    .rate_count = all.rate_count};
	} else if (change->touch != CHANGE_BORN) {
		sum_less(engine, sum,
			 &engine->snapshot->touched[change->touch].before);
	}
	return change->site;
}

static void
change_add(struct engine *engine, size_t site, uint32_t touch)
{
	engine->changes =
	    mem_room(engine->changes, &engine->change_room,
		     engine->change_count, sizeof(*engine->changes));
	engine->changes[engine->change_count++] =
	    (struct change){(uint32_t)site, touch};
}

static void
rows_forget(struct engine *engine)
{
	slots_forget(engine);
	charges_forget(engine);
}

/* False: all has to be looked at. */
static bool
touch_take(struct engine *engine, size_t index)
{
	const struct touch *touch = &engine->snapshot->touched[index];
	size_t at = touch->site - 1;
	const struct site *site = &engine->snapshot->sites[at];

	if (engine->touched[at / 64] >> at % 64 & 1)
		return true;
	engine->touched[at / 64] |= UINT64_C(1) << at % 64;
	if (engine->site_slot[at]) {
		if (engine->site_stack[at] != site->stack ||
		    touch->before.domain != site->domain) {
			rows_forget(engine);
			return false;
		}
		change_add(engine, at, (uint32_t)index);
		return true;
	}
	if (!site->stack)
		return true;
	/* Whether its row passes may be new, too. */
	if (engine->filter)
		return false;
	site_assign(engine, at);
	change_add(engine, at, CHANGE_BORN);
	return true;
}

static bool
touches_take(struct engine *engine)
{
	const struct snapshot *snapshot = engine->snapshot;
	size_t words = snapshot->site_count / 64 + 1;

	if (words > engine->touched_room) {
		engine->touched_room = words + words / 8;
		engine->touched = mem_grow(
		    engine->touched, engine->touched_room, sizeof(uint64_t));
	}
	memset(engine->touched, 0, words * sizeof(uint64_t));
	naming_extend(engine, engine->mine);
	sites_room(engine);
	for (; engine->site_known < snapshot->site_count; engine->site_known++)
		engine->site_slot[engine->site_known] =
		    engine->site_stack[engine->site_known] = 0;
	for (size_t i =
		 (size_t)(engine->basis.touches - snapshot->touched_first);
	     i < snapshot->touched_count; i++)
		if (!touch_take(engine, i))
			return false;
	return true;
}

static void
rates_clear(struct engine *engine)
{
	for (size_t i = 0; i < engine->slot_count; i++) {
		struct row *row = &engine->slots[i].row;

		row->rate_size = row->rate_count = 0;
	}
	engine->total.rate_size = engine->total.rate_count = 0;
}

/* Sites that were not touched, but changed since the rates' mark. */
static void
rates_take(struct engine *engine)
{
	const struct snapshot *snapshot = engine->snapshot;
	const struct mark *rate = engine->query->rate;

	for (size_t i = 0; i < engine->site_known; i++) {
		const struct site *site = &snapshot->sites[i];
		bool marked = i < rate->count;

		if (site_live_bytes(site) == (marked ? rate->live[2 * i] : 0) &&
		    site_live_count(site) ==
			(marked ? rate->live[2 * i + 1] : 0))
			continue;
		if (engine->site_slot[i] &&
		    !(engine->touched[i / 64] >> i % 64 & 1))
			change_add(engine, i, CHANGE_RATE);
	}
}

/* Makes slots anew: those of sites that changed, or only the stale ones. */
static void
slots_renew(struct engine *engine, bool stale)
{
	uint64_t *dirty =
	    mem_array(engine->slot_count / 64 + 1, sizeof(*dirty));
	bool any = false;

	for (size_t i = 0; i < engine->change_count; i++) {
		uint32_t id = engine->site_slot[engine->changes[i].site];
		struct slot *slot = slot_at(engine, id);

		if ((dirty[id / 64] >> id % 64 & 1) || (stale && !slot->stale))
			continue;
		dirty[id / 64] |= UINT64_C(1) << id % 64;
		slot_clear(slot);
		any = true;
	}
	if (any)
		sum_dirty(engine, dirty);
	free(dirty);
}

static void
total_renew(struct engine *engine)
{
	engine->total = (struct row){.domain = DOMAIN_COUNT};
	for (size_t i = 0; i < engine->slot_count; i++) {
		const struct slot *slot = &engine->slots[i];

		if (slot->pass && slot->row.site_count)
			row_add(&engine->total, &slot->row);
	}
}

/* Returns false when all has to be made anew. */
static bool
changes_apply(struct engine *engine)
{
	bool exact = is_exact(engine);

	if (!touches_take(engine))
		return false;
	if (!engine->filtered) {
		if (engine->inclusive)
			return false;
		filter_slots(engine);
		total_renew(engine);
	}
	if (!engine->change_count && !engine->rated)
		return true;
	if (!exact && engine->rated)
		return false;
	if (engine->inclusive) {
		if (!exact || engine->filter)
			return false;
		charges_extend(engine);
	}
	if (engine->rated) {
		rates_clear(engine);
		if (engine->rate_seconds > 0)
			rates_take(engine);
	}
	if (engine->inclusive) {
		sum_inclusive(engine);
	} else if (exact) {
		sum_own(engine);
		slots_renew(engine, true);
	} else {
		slots_renew(engine, false);
		total_renew(engine);
	}
	return true;
}

/* Keeps the room of the list, which says by being there that it is one. */
static bool
sums_move(struct engine *engine)
{
	engine->change_count = 0;
	engine->changes = mem_room(engine->changes, &engine->change_room, 0,
				   sizeof(*engine->changes));
	return changes_apply(engine);
}

void
sums_make(struct engine *engine)
{
	free(engine->changes);
	engine->changes = NULL;
	engine->change_room = 0;
	sites_extend(engine);
	if (engine->inclusive)
		charges_extend(engine);
	filter_slots(engine);
	for (size_t i = 0; i < engine->slot_count; i++)
		slot_clear(&engine->slots[i]);
	engine->total = (struct row){.domain = DOMAIN_COUNT};
	if (engine->inclusive) {
		sum_inclusive(engine);
	} else {
		sum_own(engine);
		total_renew(engine);
	}
}

void
sums_follow(struct engine *engine)
{
	struct basis now = basis_now(engine);
	bool fits = basis_fits(&engine->basis, &now);

	engine->rated = engine->basis.rate != now.rate ||
			(engine->rate_seconds > 0 && !now.rate);
	/* Which rows pass depends on the locations of all sites: here some may
	 * be gone. */
	if (engine->filter && !(engine->basis.good && now.good &&
				engine->basis.snapshot == now.snapshot))
		rows_forget(engine);
	if (!fits || !sums_move(engine)) {
		engine->basis = now;
		sums_make(engine);
	}
	engine->basis = now;
	engine->filtered = true;
}
