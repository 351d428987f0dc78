/*
 * engine_lately.c - the order of rows by how they have gone: the numbers that
 * history_trend has of a row, of all rows at once.
 *
 * Sites are charged with what history says that they changed by, as with their
 * totals; so no row needs its series.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"
#include "model/history.h"

/* By how much live bytes became more; numbers may wrap. */
struct growth {
	const struct engine *engine;
	uint64_t *slots; /* [slot] */
	uint64_t *steps; /* [step]; zeros in between */
};

static void
change_charge(void *context, const struct change *change)
{
	const struct growth *growth = context;
	const struct engine *engine = growth->engine;
	uint64_t more =
	    (uint64_t)change->alloc_bytes - (uint64_t)change->free_bytes;
	uint32_t at = change->site <= engine->site_known
			  ? engine->site_at[change->site - 1]
			  : 0;

	if (at & AT_STEP)
		growth->steps[at & ~AT_STEP] += more;
	else
		growth->slots[at] += more;
}

/* Adds what slots grew by from one moment to another. */
static void
growth_add(const struct growth *growth, size_t from, size_t to)
{
	const struct engine *engine = growth->engine;

	while (from < to)
		history_walk(engine->query.history, ++from, change_charge,
			     (void *)growth);
	for (size_t i = engine->step_count; i; i--) {
		const struct step *step = &engine->steps[i];

		growth->slots[step->slot & ~STEP_PASS] += growth->steps[i];
		growth->steps[step->parent] += growth->steps[i];
	}
	memset(growth->steps, 0,
	       (engine->step_count + 1) * sizeof(*growth->steps));
}

static void
trends_find(struct engine *engine, const struct growth *growth, size_t index)
{
	const struct history *history = engine->query.history;

	growth_add(growth, history_trend_first(history, index), index);
	for (size_t i = 0; i < engine->slot_count; i++)
		engine->lately[i] = growth->slots[i + 1] ^ UINT64_C(1) << 63;
}

/* Back step by step, with those that have grown at each so far. */
static void
ages_find(struct engine *engine, const struct growth *growth, size_t index)
{
	const struct history *history = engine->query.history;
	uint64_t now = history_moment(history, index)->mono_ns;
	uint32_t *growing = mem_array(engine->slot_count, sizeof(*growing));
	size_t count = engine->slot_count;

	for (size_t i = 0; i < count; i++)
		growing[i] = (uint32_t)i + 1;
	while (count) {
		size_t before = history_step(history, index), left = 0;

		if (before == index)
			break;
		growth_add(growth, before, index);
		for (size_t i = 0; i < count; i++) {
			uint32_t slot = growing[i];

			if ((int64_t)growth->slots[slot] > 0) {
				engine->lately[slot - 1] =
				    now -
				    history_moment(history, before)->mono_ns;
				growing[left++] = slot;
			}
			growth->slots[slot] = 0;
		}
		count = left;
		index = before;
	}
	free(growing);
}

void
lately_find(struct engine *engine)
{
	const struct query *query = &engine->query;
	const struct history *history = query->history;
	struct growth growth = {.engine = engine};
	size_t index;

	free(engine->lately);
	engine->lately = NULL;
	if (!column_is_past(query->sort) || !history || !history_count(history))
		return;
	index = history_at(history, engine->snapshot->mono_ns);
	if (index < history_reach(history))
		return;
	engine->lately = mem_array(engine->slot_count, sizeof(*engine->lately));
	growth.slots = mem_array(engine->slot_count + 1, sizeof(*growth.slots));
	growth.steps = mem_array(engine->step_count + 1, sizeof(*growth.steps));
	if (query->sort == COLUMN_TREND)
		trends_find(engine, &growth, index);
	else
		ages_find(engine, &growth, index);
	free(growth.slots);
	free(growth.steps);
}
