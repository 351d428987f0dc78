/*
 * test_engine_steps.c - engines that are asked again and again, while sites
 * and questions change: each answer against the naive reference, and in all
 * its parts and their order against an engine that was never asked before.
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/merge.h"
#include "world.h"

enum { STEPS = 500, SITES = 400, MEMBERS = 3 };

struct run {
	struct snapshot snapshot;
	struct names *names;
	struct engine *engines[2]; /* the second is asked now and then */
	struct query query;
	struct mark mark;
	struct mark rate;
	struct snapshot held; /* of some moment before */
	bool holds;
};

static size_t
below(size_t end)
{
	return (size_t)rand() % end;
}

static bool
one_in(size_t count)
{
	return below(count) == 0;
}

/* What changes */

static uint32_t
stack_new(struct names *names)
{
	uint32_t stack = (uint32_t)below(names_stacks(names) + 1);

	if (one_in(4))
		add_frame(names);
	if (stack && names_stack(names, stack)->depth > 30)
		stack = 0;
	for (size_t depth = below(3) + 1; depth; depth--)
		stack = names_add_stack(
		    names, stack, (uint32_t)below(names_frames(names)) + 1);
	return stack;
}

static void
site_change(struct snapshot *snapshot, size_t index)
{
	struct site *site = &snapshot->sites[index];
	uint64_t bytes = below(1000);

	snapshot_touch(snapshot, (uint32_t)index + 1, site);
	if (!site->stack || one_in(300)) {
		site->stack =
		    one_in(2)
			? stack_new(snapshot->names)
			: (uint32_t)below(names_stacks(snapshot->names)) + 1;
		site->domain = (uint16_t)below(DOMAIN_COUNT);
	}
	site->alloc_bytes += bytes;
	site->alloc_count += bytes / 10;
	switch (below(4)) {
	case 0: /* nothing is left */
		site->free_bytes = site->alloc_bytes;
		site->free_count = site->alloc_count;
		break;
	case 1:
		site->free_bytes += below(site_live_bytes(site) + 1);
		site->free_count += below(site_live_count(site) + 1);
		break;
	}
	if (site->peak_bytes < site_live_bytes(site))
		site->peak_bytes = site_live_bytes(site);
	if (snapshot->spreads)
		grow_spread(&snapshot->spreads[index]);
}

static void
sites_change(struct snapshot *snapshot)
{
	size_t changes = one_in(20) ? snapshot->site_count : below(12);

	if (!names_stacks(snapshot->names))
		stack_new(snapshot->names);
	if (snapshot->site_count < SITES && one_in(3))
		snapshot_room(snapshot, snapshot->site_count + below(9) + 1);
	for (size_t i = 0; i < changes && snapshot->site_count; i++)
		site_change(snapshot, below(snapshot->site_count));
	/* More than is kept. */
	for (size_t i = one_in(60) ? 6000 : 0; i && snapshot->site_count; i--)
		site_change(snapshot, below(snapshot->site_count));
	snapshot->tick++;
	snapshot_sum(snapshot);
}

static void
query_change(struct run *run)
{
	static const char *const filters[] = {NULL,	  NULL,	  "app.py",
					      "APP.PY:2", "view", "mall"};
	struct query *query = &run->query;

	switch (below(14)) {
	case 0:
		query->group_by = (enum group)below(GROUP_COUNT);
		break;
	case 1:
		query->inclusive = !query->inclusive;
		break;
	case 2:
		query->mine = !query->mine;
		break;
	case 3:
		query->filter = PICK(filters);
		break;
	case 4:
	case 5:
		query->sort = (enum column)below(COLUMN_MAX);
		query->ascending = one_in(4);
		break;
	case 6:
		query->top = one_in(2) ? below(12) + 1 : 0;
		break;
	case 7:
		mark_fini(&run->mark);
		mark_take(&run->mark, &run->snapshot, "");
		run->mark.apart = one_in(4);
		query->mark = one_in(4) ? NULL : &run->mark;
		break;
	case 8:
	case 9:
		mark_fini(&run->rate);
		mark_take(&run->rate, &run->snapshot, "");
		run->rate.mono_ns -= UINT64_C(500000000);
		query->rate = one_in(4) ? NULL : &run->rate;
		break;
	}
}

static void
hold(struct run *run)
{
	if (run->holds)
		snapshot_fini(&run->held);
	snapshot_clone(&run->held, &run->snapshot);
	run->holds = true;
}

/* What is expected */

static void
expect_near(double a, double b)
{
	assert_true(fabs(a - b) <= 1e-12 * fabs(a));
}

static void
expect_row(const struct row *a, const struct row *b)
{
	assert_int_equal(a->identity, b->identity);
	assert_int_equal(a->file, b->file);
	assert_int_equal(a->function, b->function);
	assert_int_equal(a->line, b->line);
	assert_int_equal(a->module, b->module);
	assert_int_equal(a->domain, b->domain);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->stack, b->stack);
	assert_int_equal(a->site_count, b->site_count);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->size_diff, b->size_diff);
	assert_int_equal(a->count_diff, b->count_diff);
	assert_int_equal(a->total_size, b->total_size);
	assert_int_equal(a->total_count, b->total_count);
	assert_int_equal(a->peak_size, b->peak_size);
	assert_int_equal(a->process_bits, b->process_bits);
	assert_true(a->rate_size == b->rate_size);
	assert_true(a->rate_count == b->rate_count);
}

/* The order of additions is that of sites in a row, of rows in the total. */
static void
expect_errors(const struct row *a, const struct row *b, bool total)
{
	if (!total) {
		assert_true(a->size_error == b->size_error);
		assert_true(a->count_error == b->count_error);
		assert_true(a->size_diff_error == b->size_diff_error);
		assert_true(a->count_diff_error == b->count_diff_error);
		return;
	}
	expect_near(a->size_error, b->size_error);
	expect_near(a->count_error, b->count_error);
	expect_near(a->size_diff_error, b->size_diff_error);
	expect_near(a->count_diff_error, b->count_diff_error);
}

static void
ask(struct run *run, struct engine *engine, const struct snapshot *snapshot)
{
	struct engine *fresh = engine_new();
	const struct rows *rows = engine_run(engine, snapshot, &run->query);
	const struct rows *wanted = engine_run(fresh, snapshot, &run->query);

	assert_int_equal(rows->matched, wanted->matched);
	assert_int_equal(rows->count, wanted->count);
	for (size_t i = 0; i < rows->count; i++) {
		expect_row(&rows->rows[i], &wanted->rows[i]);
		expect_errors(&rows->rows[i], &wanted->rows[i], false);
	}
	expect_row(&rows->total, &wanted->total);
	expect_errors(&rows->total, &wanted->total, true);
	expect_order(rows, &run->query);
	expect_rows(rows, refer(snapshot, &run->query));
	engine_free(fresh);
}

static void
step(struct run *run)
{
	query_change(run);
	if (one_in(25))
		hold(run);
	if (run->holds && one_in(12))
		ask(run, run->engines[0], &run->held);
	ask(run, run->engines[0], &run->snapshot);
	if (one_in(8))
		ask(run, run->engines[1], &run->snapshot);
}

static void
run_open(struct run *run)
{
	*run = (struct run){.names = names_new(),
			    .engines = {engine_new(), engine_new()}};
	snapshot_init(&run->snapshot, run->names);
	run->snapshot.mono_ns = UINT64_C(1000000000);
}

static void
run_close(struct run *run)
{
	if (run->holds)
		snapshot_fini(&run->held);
	for (int i = 0; i < 2; i++)
		engine_free(run->engines[i]);
	mark_fini(&run->mark);
	mark_fini(&run->rate);
	snapshot_fini(&run->snapshot);
	names_free(run->names);
}

static void
steps(unsigned seed, bool sampled)
{
	struct run run;

	srand(seed);
	run_open(&run);
	run.snapshot.touches = true;
	add_world(run.names);
	for (int i = 0; i < STEPS; i++) {
		if (sampled && i == STEPS / 8)
			snapshot_spread(&run.snapshot);
		sites_change(&run.snapshot);
		step(&run);
	}
	run_close(&run);
}

static void
test_exact(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++)
		steps(seed, false);
}

static void
test_sampled(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++)
		steps(seed, true);
}

static void
family(unsigned seed, bool sampled)
{
	struct snapshot members[MEMBERS];
	struct run run;
	struct merge *merge;

	srand(seed);
	run_open(&run);
	merge = merge_new(&run.snapshot);
	for (size_t i = 0; i < MEMBERS; i++) {
		snapshot_init(&members[i], names_new());
		members[i].process = (struct process){
		    .mode = "exact", .sample_bytes = 1, .alive = true};
		members[i].touches = true;
		members[i].mono_ns = run.snapshot.mono_ns;
		add_world(members[i].names);
		merge_add(merge, &members[i].process);
	}
	for (int i = 0; i < STEPS; i++) {
		size_t member = below(MEMBERS);

		if (i == STEPS / 2)
			merge_drop(merge, 1);
		if (sampled && i == STEPS / 4)
			snapshot_spread(&members[member]);
		if (merge_has(merge, member)) {
			sites_change(&members[member]);
			merge_take(merge, member, &members[member]);
		}
		merge_finish(merge);
		step(&run);
	}
	merge_free(merge);
	for (size_t i = 0; i < MEMBERS; i++) {
		struct names *names = members[i].names;

		snapshot_fini(&members[i]);
		names_free(names);
	}
	run_close(&run);
}

static void
test_family(void **state)
{
	(void)state;
	family(5, false);
	family(6, true);
}

/* Rows that are made when they are asked for, so many that few are taken. */
static void
ask_later(struct run *run)
{
	struct engine *fresh = engine_new();
	struct query query = run->query;
	const struct rows *rows, *wanted;

	query.top = 0;
	wanted = engine_run(fresh, &run->snapshot, &query);
	query.later = true;
	rows = engine_run(run->engines[0], &run->snapshot, &query);
	assert_int_equal(rows->matched, wanted->matched);
	assert_int_equal(rows->count, wanted->count);
	for (size_t i = 0; i < 60 && i < rows->count; i++) {
		size_t at = i < 55 || !one_in(10) ? i : below(rows->count);
		struct row row = wanted->rows[at];

		row.stack = rows_get(rows, at)->stack;
		expect_row(rows_get(rows, at), &row);
		expect_errors(rows_get(rows, at), &row, false);
		if (one_in(8))
			assert_int_equal(rows_find(rows, row.identity), at);
	}
	expect_row(&rows->total, &wanted->total);
	engine_free(fresh);
}

static void
many(size_t count, int steps)
{
	static const enum column sorts[] = {COLUMN_SIZE, COLUMN_SIZE_DIFF,
					    COLUMN_RATE};
	struct run run;

	srand(11);
	run_open(&run);
	run.snapshot.touches = true;
	add_world(run.names);
	stack_new(run.names);
	snapshot_room(&run.snapshot, count);
	for (size_t i = 0; i < count; i++) {
		site_change(&run.snapshot, i);
		run.snapshot.sites[i].stack = stack_new(run.names);
	}
	for (int i = 0; i < steps; i++) {
		if (one_in(3))
			snapshot_room(&run.snapshot,
				      run.snapshot.site_count + below(9));
		for (size_t k = below(40); k; k--)
			site_change(&run.snapshot,
				    below(run.snapshot.site_count));
		snapshot_sum(&run.snapshot);
		query_change(&run);
		if (!one_in(8)) {
			run.query.group_by = GROUP_TRACEBACK;
			run.query.ascending = false;
		}
		if (one_in(6))
			run.query.sort = PICK(sorts);
		ask_later(&run);
	}
	run_close(&run);
}

static void
test_many(void **state)
{
	(void)state;
	many(3000, STEPS);
}

/* So many that two threads sum them. */
static void
test_threads(void **state)
{
	(void)state;
	many(25000, STEPS / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact),   cmocka_unit_test(test_sampled),
	    cmocka_unit_test(test_family),  cmocka_unit_test(test_many),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
