/*
 * engine_parts.c - which parts of the rows' numbers have to be summed again,
 * and two of them at a time.
 *
 * A part reads what all of them read and writes what is its own, so a second
 * thread takes every part that the first one has not begun.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"
#include "model/merge.h"

#define ALONE 20000 /* sites: that few are summed before a thread has begun */

/* Growth and rates count from 0 without a mark, which is no part. */
static uint64_t
part_of(const struct engine *engine, enum part_id id)
{
	const struct mark *mark = engine->query.mark;
	const struct mark *rate =
	    engine->rate_seconds > 0 ? engine->query.rate : NULL;

	switch (id) {
	case PART_TOTALS:
		return 1;
	case PART_MARK:
		break;
	case PART_RATE:
		mark = rate;
		break;
	case PART_SPREAD:
		if (!engine->snapshot->spreads && !(mark && mark->spreads))
			return 0;
		if (!mark)
			return 1;
		break;
	case PART_COUNT:
		break;
	}
	return !mark ? 0 : mark->serial ? mark->serial + 1 : PART_UNKNOWN;
}

static void
mark_follow(struct engine *engine, enum part_id id, bool anew, bool same)
{
	const struct mark *mark =
	    id == PART_MARK ? engine->query.mark : engine->query.rate;
	struct part *part = &engine->parts[id];
	struct moves moves = {0};

	if (!anew && moves_of_mark(engine, part, mark, same, &moves))
		part_move(engine, id, &moves);
	else
		part_make(engine, id);
	moves_fini(&moves);
	part->mark_of = mark->of;
	part->touches = mark->touches;
}

static void
part_follow(struct engine *engine, enum part_id id, const struct moves *changes,
	    bool anew)
{
	struct part *part = &engine->parts[id];
	uint64_t of = part_of(engine, id);
	bool same = of == part->of && of != PART_UNKNOWN;

	anew = anew || !part->of;
	part->of = of;
	if (!of)
		return;
	if (id == PART_MARK || id == PART_RATE)
		mark_follow(engine, id, anew, same);
	else if (anew || !same)
		part_make(engine, id);
	else
		part_move(engine, id, changes);
}

/* Which processes of a merge have something: bits do not add up. */

static void
bits_sweep(const struct engine *engine, const struct branch *branch,
	   uint64_t *charged)
{
	for (size_t i = branch->count; i; i--) {
		const struct step *step = &branch->steps[i];

		engine->process_bits[(step->slot & ~STEP_PASS) - 1] |=
		    charged[i];
		charged[step->parent] |= charged[i];
	}
}

static void
bits_make(struct engine *engine)
{
	const struct merge *merge = engine->snapshot->merge;
	const struct branch *branch = branch_all(engine);
	uint64_t *charged = mem_array(branch->count + 1, sizeof(*charged));

	engine->process_bits =
	    mem_grow(engine->process_bits, engine->slot_room, sizeof(uint64_t));
	memset(engine->process_bits, 0, engine->slot_count * sizeof(uint64_t));
	engine->process_total = 0;
	for (size_t i = 0; i < engine->site_known; i++) {
		uint32_t at = engine->site_at[i], step;
		uint64_t bits = at ? merge_bits(merge, i) : 0;

		if (!bits)
			continue;
		if (at_passes(engine, at))
			engine->process_total |= bits;
		step = at & AT_STEP ? at & ~AT_STEP : 0;
		if (step && !branch_has(branch, step)) {
			at = engine->steps[step].slot & ~STEP_PASS;
			step = engine->steps[step].parent;
		}
		if (!(at & AT_STEP))
			engine->process_bits[at - 1] |= bits;
		if (step)
			charged[branch_number(branch, step)] |= bits;
	}
	bits_sweep(engine, branch, charged);
	free(charged);
}

static void
bits_follow(struct engine *engine, bool anew)
{
	const struct merge *merge = engine->snapshot->merge;
	uint64_t of = merge ? merge_bits_changes(merge) : 0;

	if (merge && (anew || !engine->filtered || engine->bits_of != of ||
		      engine->process_count != engine->slot_count))
		bits_make(engine);
	engine->bits_of = of;
	engine->process_count = engine->slot_count;
}

/* Two at a time */

struct task {
	struct engine *engine;
	const struct moves *changes;
	bool anew;
	atomic_uint done; /* of the order below, or begun */
};

/* The longest first: rates have moves of their own. Bits stand behind the
 * parts.
 */
static const unsigned order[] = {PART_RATE, PART_SPREAD, PART_TOTALS,
				 PART_COUNT, PART_MARK};

static void *
follow_rest(void *data)
{
	struct task *task = data;
	unsigned i;

	while ((i = atomic_fetch_add(&task->done, 1)) <
	       sizeof(order) / sizeof(*order))
		if (order[i] == PART_COUNT)
			bits_follow(task->engine, task->anew);
		else
			part_follow(task->engine, order[i], task->changes,
				    task->anew);
	return NULL;
}

/* Signals are for the thread that draws. */
static bool
start(pthread_t *thread, struct task *task)
{
	sigset_t all, old;
	bool good;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	good = pthread_create(thread, NULL, follow_rest, task) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return good;
}

static void
follow_all(struct engine *engine, const struct moves *changes, bool anew)
{
	struct task task = {engine, changes, anew, 0};
	pthread_t thread;
	bool helped = engine->site_known >= ALONE && start(&thread, &task);

	follow_rest(&task);
	if (helped)
		pthread_join(thread, NULL);
}

void
sums_follow(struct engine *engine, bool anew)
{
	struct moves changes;

	anew = anew || !engine->site_known || !changes_take(engine);
	if (anew) {
		slots_forget(engine);
		steps_forget(engine);
		sites_forget(engine);
		engine->filtered = true;
		sites_assign(engine);
		engine->touches_of = snapshot_touches(engine->snapshot);
		engine->snapshot_of = engine->snapshot->serial;
		engine->change_count = 0;
	} else if (!engine->filtered) {
		filter_slots(engine);
	}
	if (!engine->filtered)
		steps_pass(engine);
	if (anew || !engine->filtered)
		engine->orders++;
	changes = (struct moves){.list = engine->changes,
				 .count = engine->change_count};
	moves_branch(engine, &changes);
	follow_all(engine, &changes, anew);
	bests_follow(engine, &changes.branch, anew);
	branch_fini(&changes.branch);
	engine->filtered = true;
}
