/*
 * test_engine_lately.c - rows in order of TREND and AGE: by what history_trend
 * says of each row, on random totals.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/trend.h"
#include "world.h"

#define SECOND UINT64_C(1000000000)

enum { SITES = 120, SECONDS = 900, ASKED_EVERY = 75, HOLD_BACK = 20 };

static void
world_make(struct snapshot *snapshot)
{
	struct names *names = snapshot->names;
	uint32_t stack = 0;

	add_world(names);
	snapshot_room(snapshot, SITES);
	for (size_t i = 0; i < SITES; i++) {
		if (rand() % 4 == 0)
			stack = 0;
		stack = names_add_stack(
		    names, stack,
		    (uint32_t)rand() % (uint32_t)names_frames(names) + 1);
		snapshot->sites[i].stack = stack;
		snapshot->sites[i].domain = (uint16_t)(rand() % DOMAIN_COUNT);
	}
	snapshot->mono_ns = 100 * SECOND;
}

/* Some grow all the time, some until or from some time on, some shrink. */
static void
second_pass(struct snapshot *snapshot)
{
	for (size_t i = 0; i < SITES; i++) {
		struct site *site = &snapshot->sites[i];
		bool grows =
		    i % 3 == 0 || (i % 3 == 1 && snapshot->tick % 97 < i);

		if (rand() % 4 == 0)
			continue;
		site->alloc_bytes += grows ? 10 + (uint64_t)rand() % 500 : 0;
		site->alloc_count += grows;
		if (!grows && site->free_count < site->alloc_count) {
			site->free_bytes +=
			    site_live_bytes(site) / site_live_count(site);
			site->free_count++;
		}
	}
	snapshot->tick++;
	snapshot->mono_ns += SECOND;
	snapshot->time_ns += SECOND;
	snapshot_sum(snapshot);
}

static int64_t
order_of(const struct trend *trend, enum column sort)
{
	if (sort == COLUMN_AGE)
		return (int64_t)trend->grew_ns;
	return (int64_t)(trend->values[TREND_SLOTS - 1] -
			 trend->values[TREND_SLOTS - trend->known]);
}

/* Returns how many pairs of rows differ in what they are ordered by. */
static size_t
expect_lately(struct engine *engine, const struct snapshot *snapshot,
	      const struct query *query)
{
	const struct history *history = query->history;
	const struct rows *rows = engine_run(engine, snapshot, query);
	struct trend *trends = calloc(rows->count + 1, sizeof(*trends));
	size_t differ = 0;

	trend_rows(engine, history, history_at(history, snapshot->mono_ns),
		   rows->rows, rows->count, SITES, trends);
	for (size_t i = 1; i < rows->count; i++) {
		int64_t before = order_of(&trends[i - 1], query->sort);
		int64_t after = order_of(&trends[i], query->sort);

		if (query->ascending)
			assert_true(before <= after);
		else
			assert_true(before >= after);
		differ += before != after;
	}
	free(trends);
	return differ;
}

static size_t
expect_all(struct engine *engine, const struct snapshot *snapshot,
	   const struct history *history)
{
	size_t differ = 0;

	for (unsigned i = 0; i < 8 * GROUP_COUNT; i++) {
		struct query query = {
		    .group_by = (enum group)(i / 8),
		    .inclusive = i & 1,
		    .mine = i & 2,
		    .sort = i & 4 ? COLUMN_AGE : COLUMN_TREND,
		    .ascending = rand() % 4 == 0,
		    .top = rand() % 2 ? 0 : 9,
		    .history = history,
		};

		differ += expect_lately(engine, snapshot, &query);
	}
	return differ;
}

static void
test_lately(void **state)
{
	struct names *names = names_new();
	struct history *history = history_new(0);
	struct engine *engine = engine_new();
	struct snapshot snapshot, held;
	size_t differ = 0;

	(void)state;
	srand(7);
	snapshot_init(&snapshot, names);
	world_make(&snapshot);
	for (int i = 1; i <= SECONDS; i++) {
		second_pass(&snapshot);
		history_add(history, &snapshot);
		if (i % ASKED_EVERY)
			continue;
		differ += expect_all(engine, &snapshot, history);
		/* As of some time before. */
		history_snapshot(history, history_count(history) - HOLD_BACK,
				 &snapshot, NULL, &held);
		differ += expect_all(engine, &held, history);
		snapshot_fini(&held);
	}
	assert_true(differ > 1000);
	engine_free(engine);
	history_free(history);
	snapshot_fini(&snapshot);
	names_free(names);
}

/* Nothing is known: by live bytes. */
static void
test_without(void **state)
{
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct history *history = history_new(0);
	struct snapshot snapshot;
	struct query query = {.sort = COLUMN_AGE};

	(void)state;
	snapshot_init(&snapshot, names);
	world_make(&snapshot);
	for (int i = 0; i < 50; i++)
		second_pass(&snapshot);
	for (int i = 0; i < 2; i++) {
		const struct rows *rows = engine_run(engine, &snapshot, &query);

		for (size_t k = 1; k < rows->count; k++)
			assert_true(rows->rows[k - 1].size >=
				    rows->rows[k].size);
		query.history = history; /* with no moment yet */
	}
	engine_free(engine);
	history_free(history);
	snapshot_fini(&snapshot);
	names_free(names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lately),
	    cmocka_unit_test(test_without),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
