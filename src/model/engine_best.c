/*
 * engine_best.c - the biggest site of each row, whose stack the row shows.
 *
 * It is looked for when a row is about to be shown, among all sites, and kept
 * with the value of the second. While no other site gets above it, and it stays
 * above the second, it is the biggest; else it is looked for again.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

/* What makes a site the best of its row. */
static uint64_t
value_of(const struct engine *engine, size_t index)
{
	const struct mark *mark = engine->query.mark;
	uint64_t value = site_live_bytes(&engine->snapshot->sites[index]);

	if (!engine->by_growth)
		return value;
	if (mark)
		value -= mark_bytes(mark, index);
	return magnitude(value);
}

static void
best_put(struct best *best, uint64_t value, uint32_t site)
{
	if (!site || site == best->site)
		return;
	if (!best->site || value > best->value ||
	    (value == best->value && site < best->site)) {
		/* Less than the second, it has just shrunk. */
		if (best->value >= best->second) {
			best->second = best->value;
			best->second_site = best->site;
		}
		best->value = value;
		best->site = site;
	} else if (value >= best->second) {
		best->second = value;
		best->second_site = site;
	}
}

static void
best_add(struct best *best, const struct best *from)
{
	best_put(best, from->value, from->site);
	best_put(best, from->second, from->second_site);
}

/* Those with an index below known are left out. */
static struct best *
best_of(struct engine *engine, uint32_t slot, size_t known)
{
	uint32_t best = slot_at(engine, slot)->best;

	return best > known ? &engine->bests[best - 1] : NULL;
}

void
bests_forget(struct engine *engine)
{
	for (size_t i = 0; i < engine->best_count; i++)
		if (engine->best_slot[i] <= engine->slot_count)
			slot_at(engine, engine->best_slot[i])->best = 0;
	engine->best_count = 0;
}

/* What is charged to the steps of rows that have a best, and to no others:
 * they are few where few rows are shown. */
struct charged {
	struct best *bests; /* [number], from 1 */
	uint32_t *outer;    /* [number]: the next further out, 0 none */
	uint32_t *slots;    /* [number] */
	size_t count;
	uint32_t *at; /* [step of the branch]: the innermost's number, or 0 */
};

static void
charged_init(const struct engine *engine, const struct branch *branch,
	     struct charged *charged, size_t known)
{
	size_t room = 0;

	*charged = (struct charged){
	    .at = mem_array(branch->count + 1, sizeof(*charged->at))};
	for (size_t i = 1; i <= branch->count; i++) {
		const struct step *step = &branch->steps[i];
		uint32_t slot = step->slot & ~STEP_PASS;

		charged->at[i] = charged->at[step->parent];
		if (slot_at(engine, slot)->best <= known)
			continue;
		if (charged->count + 1 >= room) {
			room = 2 * room + 1024;
			charged->outer = mem_grow(charged->outer, room,
						  sizeof(*charged->outer));
			charged->slots = mem_grow(charged->slots, room,
						  sizeof(*charged->slots));
		}
		charged->count++;
		charged->outer[charged->count] = charged->at[i];
		charged->slots[charged->count] = slot;
		charged->at[i] = (uint32_t)charged->count;
	}
	charged->bests = mem_array(charged->count + 1, sizeof(*charged->bests));
}

static void
charged_fini(struct charged *charged)
{
	free(charged->bests);
	free(charged->outer);
	free(charged->slots);
	free(charged->at);
}

static void
best_take(const struct engine *engine, struct best *best, size_t site)
{
	if (best)
		best_put(best, value_of(engine, site), (uint32_t)site + 1);
}

/* The sites that go into it: all, or those that changed. */
static void
put_sites(struct engine *engine, const struct branch *branch,
	  const struct charged *charged, size_t known, bool all)
{
	size_t count = all ? engine->site_known : engine->change_count;

	for (size_t i = 0; i < count; i++) {
		size_t site = all ? i : engine->changes[i].site;
		uint32_t at = engine->site_at[site], step, number;

		if (!at)
			continue;
		step = at & AT_STEP ? at & ~AT_STEP : 0;
		if (step && !branch_has(branch, step)) {
			at = engine->steps[step].slot & ~STEP_PASS;
			step = engine->steps[step].parent;
		}
		if (!(at & AT_STEP))
			best_take(engine, best_of(engine, at, known), site);
		if (step) {
			number = charged->at[branch_number(branch, step)];
			best_take(engine,
				  number ? &charged->bests[number] : NULL,
				  site);
		}
	}
}

static void
put_all(struct engine *engine, const struct branch *branch, size_t known,
	bool all)
{
	struct charged charged = {0};

	if (engine->inclusive)
		charged_init(engine, branch, &charged, known);
	put_sites(engine, branch, &charged, known, all);
	for (size_t i = charged.count; i; i--) {
		best_add(best_of(engine, charged.slots[i], known),
			 &charged.bests[i]);
		if (charged.outer[i])
			best_add(&charged.bests[charged.outer[i]],
				 &charged.bests[i]);
	}
	charged_fini(&charged);
}

static bool
is_touched(const struct engine *engine, uint32_t site)
{
	return engine->touched[(site - 1) / 64] >> (site - 1) % 64 & 1;
}

/* Takes in that sites have changed. */
static void
bests_move(struct engine *engine, const struct branch *branch)
{
	size_t kept = 0;
	bool *shrank = mem_array(engine->best_count, sizeof(*shrank));

	for (size_t i = 0; i < engine->best_count; i++) {
		struct best *best = &engine->bests[i];
		uint64_t value;

		/* The second may be less now, which is not needed. */
		best->second_site = 0;
		if (!is_touched(engine, best->site))
			continue;
		value = value_of(engine, best->site - 1);
		shrank[i] = value < best->value;
		best->value = value;
	}
	put_all(engine, branch, 0, false);
	for (size_t i = 0; i < engine->best_count; i++) {
		struct best *best = &engine->bests[i];
		struct slot *slot = slot_at(engine, engine->best_slot[i]);

		slot->best = 0;
		if (shrank[i] && best->value <= best->second)
			continue;
		engine->best_slot[kept] = engine->best_slot[i];
		engine->bests[kept] = *best;
		slot->best = (uint32_t)++kept;
	}
	engine->best_count = kept;
	free(shrank);
}

void
bests_follow(struct engine *engine, const struct branch *branch, bool anew)
{
	const struct query *query = &engine->query;
	bool by_growth = query->sort == COLUMN_SIZE_DIFF ||
			 query->sort == COLUMN_COUNT_DIFF ||
			 query->sort == COLUMN_PERCENT_DIFF ||
			 query->sort == COLUMN_PER_WORK;
	uint64_t mark = by_growth && query->mark ? query->mark->serial : 0;
	bool unknown = by_growth && query->mark && !mark;

	if (anew) /* the slots are new, too */
		engine->best_count = 0;
	else if (engine->by_growth != by_growth || engine->best_mark != mark ||
		 unknown)
		bests_forget(engine);
	engine->by_growth = by_growth;
	engine->best_mark = mark;
	if (engine->best_count && engine->change_count)
		bests_move(engine, branch);
}

static void
best_new(struct engine *engine, uint32_t slot, const struct best *best)
{
	engine->bests = mem_room(engine->bests, &engine->best_room,
				 engine->best_count, sizeof(*engine->bests));
	engine->best_slot =
	    mem_room(engine->best_slot, &engine->best_slot_room,
		     engine->best_count, sizeof(*engine->best_slot));
	engine->bests[engine->best_count] = *best;
	engine->best_slot[engine->best_count++] = slot;
	slot_at(engine, slot)->best = (uint32_t)engine->best_count;
}

/* Of a row by traceback. */
static struct best
chain_best(const struct engine *engine, const struct slot *slot)
{
	struct best best = {0};

	for (uint32_t site = slot->chain; site; site = engine->next[site - 1])
		best_put(&best, value_of(engine, site - 1), site);
	return best;
}

void
bests_find(struct engine *engine, const struct sort_entry *entries,
	   size_t count)
{
	bool chains = engine->group_by == GROUP_TRACEBACK;
	size_t missing = 0, known;

	for (size_t i = 0; i < count; i++)
		missing += !engine->slots[entries[i].slot].best;
	if (!missing)
		return;
	/* Those that nobody looks at any more are let go. */
	if (engine->best_count + missing > 2 * count)
		bests_forget(engine);
	known = engine->best_count;
	for (size_t i = 0; i < count; i++) {
		uint32_t slot = entries[i].slot + 1;
		struct best best = {0};

		if (slot_at(engine, slot)->best)
			continue;
		if (chains)
			best = chain_best(engine, slot_at(engine, slot));
		best_new(engine, slot, &best);
	}
	if (chains)
		return;
	/* One walk finds all that were missing. */
	put_all(engine, branch_all(engine), known, true);
}
