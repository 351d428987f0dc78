/* test_engine.c - the engine against a naive reference, on random data. */
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

#include "world.h"

/* The sites of a row are as many as it says, and their sum is its own. */
static void
expect_sites(struct engine *engine, const struct snapshot *snapshot,
	     const struct row *row)
{
	uint32_t sites[2000];
	size_t count = engine_sites(engine, row, sites, 2000);
	uint64_t size = 0, last = UINT64_MAX;

	assert_int_equal(count, row->site_count);
	for (size_t i = 0; i < count; i++) {
		uint64_t live = site_live_bytes(&snapshot->sites[sites[i] - 1]);

		assert_true(live <= last);
		last = live;
		size += live;
	}
	assert_int_equal(size, row->size);
	assert_int_equal(engine_sites(engine, row, sites, 1), count);
	assert_int_equal(engine_sites(engine, row, NULL, 0), count);
}

struct members {
	const struct snapshot *snapshot;
	uint64_t *sizes; /* by row */
	size_t *counts;
};

static void
member_add(void *context, size_t row, uint32_t site)
{
	struct members *members = context;

	members->sizes[row] +=
	    site_live_bytes(&members->snapshot->sites[site - 1]);
	members->counts[row]++;
}

/* The same of all rows at once. */
static void
expect_members(struct engine *engine, const struct snapshot *snapshot,
	       const struct rows *rows)
{
	struct members members = {
	    .snapshot = snapshot,
	    .sizes = calloc(rows->count + 1, sizeof(uint64_t)),
	    .counts = calloc(rows->count + 1, sizeof(size_t)),
	};

	engine_members(engine, rows->rows, rows->count, member_add, &members);
	for (size_t i = 0; i < rows->count; i++) {
		assert_int_equal(members.counts[i], rows->rows[i].site_count);
		assert_int_equal(members.sizes[i], rows->rows[i].size);
	}
	free(members.sizes);
	free(members.counts);
}

static void
expect_top(const struct snapshot *snapshot, struct query query,
	   const struct rows *rows)
{
	struct engine *engine = engine_new();
	const struct rows *top;

	query.top = (size_t)rand() % 12 + 1;
	top = engine_run(engine, snapshot, &query);
	assert_int_equal(top->matched, rows->matched);
	assert_int_equal(top->count,
			 rows->count < query.top ? rows->count : query.top);
	for (size_t i = 0; i < top->count; i++) {
		assert_int_equal(top->rows[i].identity, rows->rows[i].identity);
		assert_int_equal(top->rows[i].stack, rows->rows[i].stack);
		assert_int_equal(top->rows[i].function, rows->rows[i].function);
	}
	engine_free(engine);
}

/* Rows that are made when they are asked for, from anywhere. */
static void
expect_later(struct engine *engine, const struct snapshot *snapshot,
	     struct query query, const struct rows *rows)
{
	const struct rows *later;
	size_t biggest = 0;

	query.later = true;
	for (int round = 0; round < 2; round++) {
		later = engine_run(engine, snapshot, &query);
		assert_null(later->rows);
		assert_int_equal(later->count, rows->count);
		for (size_t i = 0; i < later->count / 2 + 1; i++) {
			size_t at = (size_t)rand() % (later->count + 1);
			const struct row *row = &rows->rows[at];
			struct row made;

			if (at == later->count)
				continue;
			made = *rows_get(later, at);
			made.stack = row->stack;
			assert_memory_equal(&made, row, sizeof(made));
			assert_int_equal(rows_find(later, row->identity), at);
			if (row->size > rows->rows[biggest].size)
				biggest = at;
		}
	}
	assert_int_equal(rows_find(later, 2), later->count); /* they are odd */
	if (later->count)
		assert_true(rows_get(later, rows_biggest(later))->size >=
			    rows->rows[biggest].size);
}

/* Random data */

static void
grow(struct snapshot *snapshot)
{
	struct names *names = snapshot->names;
	int more = rand() % 60;

	for (int i = 0; i < 4; i++)
		add_frame(names);
	for (int i = 0; i < more; i++) {
		uint32_t parent = (uint32_t)rand() % (names_stacks(names) + 1);

		if (parent && names_stack(names, parent)->depth > 40)
			parent = 0;
		names_add_stack(names, parent,
				(uint32_t)rand() % names_frames(names) + 1);
	}
	snapshot_room(snapshot, snapshot->site_count + (size_t)(rand() % 60));
	for (size_t i = 0; i < snapshot->site_count; i++) {
		struct site *site = &snapshot->sites[i];
		uint64_t bytes = (uint64_t)rand() % 1000;

		if (!names_stacks(names))
			break;
		if (!site->stack) {
			if (rand() % 8 == 0)
				continue; /* not published yet */
			site->stack =
			    (uint32_t)rand() % names_stacks(names) + 1;
			site->domain = (uint16_t)rand() % DOMAIN_COUNT;
		}
		if (rand() % 3)
			continue;
		site->alloc_bytes += bytes;
		site->alloc_count += bytes / 10;
		if (rand() % 2) {
			site->free_bytes +=
			    site_live_bytes(site) / (uint64_t)(rand() % 3 + 1);
			site->free_count +=
			    site_live_count(site) / (uint64_t)(rand() % 3 + 1);
		}
		if (site->peak_bytes < site_live_bytes(site))
			site->peak_bytes = site_live_bytes(site);
		if (snapshot->spreads)
			grow_spread(&snapshot->spreads[i]);
	}
	snapshot->mono_ns += UINT64_C(500000000);
	snapshot_sum(snapshot);
}

static void
check(struct engine *engine, const struct snapshot *snapshot,
      const struct mark *marks)
{
	static const char *const filters[] = {
	    NULL,   NULL, NULL,	  "app.py",	    "APP.PY:2",
	    "view", "2",  "mall", "nothing at all", ""};
	struct query query = {
	    .group_by = (enum group)(rand() % GROUP_COUNT),
	    .inclusive = rand() % 2,
	    .mine = rand() % 2,
	    .sort = (enum column)(rand() % COLUMN_MAX),
	    .ascending = rand() % 4 == 0,
	    .filter = PICK(filters),
	    .mark = rand() % 2 ? &marks[0] : NULL,
	    .rate = rand() % 2 ? &marks[1] : NULL,
	};
	struct query plain = query;
	struct reference *reference;
	const struct rows *rows = engine_run(engine, snapshot, &query);
	struct engine *fresh;

	if (plain.filter && !*plain.filter)
		plain.filter = NULL;
	reference = refer(snapshot, &plain);
	expect_rows(rows, reference);
	expect_order(rows, &query);
	expect_top(snapshot, query, rows);
	if (rows->count)
		expect_sites(engine, snapshot,
			     &rows->rows[(size_t)rand() % rows->count]);
	expect_members(engine, snapshot, rows);
	fresh = engine_new();
	expect_later(fresh, snapshot, query, rows);
	engine_free(fresh);
}

static void
test_random(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 25; seed++) {
		struct names *names = names_new();
		struct engine *engine = engine_new();
		struct snapshot snapshot;
		struct mark marks[2] = {{0}};

		srand(seed);
		snapshot_init(&snapshot, names);
		add_world(names);
		for (int round = 0; round < 12; round++) {
			for (int i = 0; i < 2; i++)
				mark_fini(&marks[i]);
			mark_take(&marks[0], &snapshot, "");
			mark_take(&marks[1], &snapshot, "");
			/* Two of three are sampled, half of those from some
			 * moment on. */
			if (seed % 3 && (seed % 2 || round > 5))
				snapshot_spread(&snapshot);
			grow(&snapshot);
			marks[0].apart = rand() % 4 == 0;
			for (int i = 0; i < 12; i++)
				check(engine, &snapshot, marks);
		}
		for (int i = 0; i < 2; i++)
			mark_fini(&marks[i]);
		engine_free(engine);
		snapshot_fini(&snapshot);
		names_free(names);
	}
}

/* A figure drawn in a view: who is charged in each mode. */
static void
test_modes(void **state)
{
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct snapshot snapshot;
	struct query query = {.group_by = GROUP_LINENO};
	const struct rows *rows;
	uint32_t main_frame, view, agg, new, stack;

	(void)state;
	snapshot_init(&snapshot, names);
	names_add_module(
	    names, &(struct module){.path = intern(names, "/lib/libagg.so")});
	main_frame = names_add_python(names, intern(names, "/srv/run.py"),
				      intern(names, "main"), 3);
	view = names_add_python(
	    names, intern(names, "/usr/lib/python3/dist-packages/x/fig.py"),
	    intern(names, "savefig"), 7);
	agg = names_add_native(names, 1, 0x100);
	new = names_add_native(names, 0, 0x200);
	stack = names_add_stack(names, 0, main_frame);
	stack = names_add_stack(names, stack, view);
	stack = names_add_stack(names, stack, view); /* recursion */
	stack = names_add_stack(names, stack, agg);
	stack = names_add_stack(names, stack, new);
	snapshot_room(&snapshot, 1);
	snapshot.sites[0] =
	    (struct site){.stack = stack, .alloc_bytes = 100, .alloc_count = 2};
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->rows[0].line, 7);
	assert_string_equal(names_text(names, rows->rows[0].function),
			    "savefig");
	assert_int_equal(rows->rows[0].kind, FRAME_PYTHON);
	query.mine = true;
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->rows[0].line, 3);
	query.inclusive = true;
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->rows[0].size, 100);
	query.mine = false;
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rows->rows[i].size, 100);
	assert_int_equal(rows->total.size, 100);
	engine_free(engine);
	snapshot_fini(&snapshot);
	names_free(names);
}

/* What the variances of one site come to, by hand. */
static void
test_errors(void **state)
{
	static const struct {
		double then[2], now[2]; /* allocated, freed */
		uint64_t live_then, live_now;
		double size_error, diff_error;
	} cases[] = {
	    /* a leak since the mark; what was there before cancels out */
	    {{900, 0}, {2500, 0}, 9, 25, 50, 40},
	    /* all replaced */
	    {{900, 0}, {2500, 900}, 9, 16, 40, 50},
	    /* half freed, nothing new */
	    {{900, 0}, {900, 500}, 9, 4, 20, 22.360679774997898},
	    /* came and went in between */
	    {{0, 0}, {900, 900}, 0, 0, 0, 0},
	    /* nothing live: what rounding left is no error */
	    {{900, 0}, {1e9 + 1, 1e9}, 9, 0, 0, 30},
	    /* little is live of very much */
	    {{0, 0},
	     {1e18 + 1e9, 1e18},
	     0,
	     9,
	     31622.776601683792,
	     31622.776601683792},
	    /* exact at the mark, sampled since */
	    {{0, 0}, {400, 0}, 50, 91, 20, 20},
	    /* the mark is the later one */
	    {{2500, 0}, {900, 0}, 25, 9, 30, 40},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct names *names = names_new();
		struct engine *engine = engine_new();
		struct snapshot snapshot;
		struct mark mark;
		struct query query = {.mark = &mark};
		const struct rows *rows;

		snapshot_init(&snapshot, names);
		names_add_stack(names, 0, names_add_python(names, 0, 0, 1));
		snapshot_room(&snapshot, 1);
		snapshot_spread(&snapshot);
		snapshot.sites[0] = (struct site){
		    .stack = 1, .alloc_bytes = cases[i].live_then};
		snapshot.spreads[0] =
		    spread_make(cases[i].then[0], cases[i].then[1], 0, 0);
		mark_take(&mark, &snapshot, "");
		snapshot.sites[0].alloc_bytes = cases[i].live_now;
		snapshot.spreads[0] =
		    spread_make(cases[i].now[0], cases[i].now[1], 0, 0);
		rows = engine_run(engine, &snapshot, &query);
		assert_float_equal(rows->rows[0].size_error,
				   cases[i].size_error, 1e-6);
		assert_float_equal(rows->rows[0].size_diff_error,
				   cases[i].diff_error, 1e-6);
		assert_float_equal(rows->total.size_diff_error,
				   cases[i].diff_error, 1e-6);
		assert_int_equal(row_is_doubtful(&rows->rows[0]),
				 i != 3 && i != 6);
		mark_fini(&mark);
		engine_free(engine);
		snapshot_fini(&snapshot);
		names_free(names);
	}
}

/* Answers later: hexadecimal first, then the name. */
struct answers {
	int calls;
	bool ready;
};

static enum resolve_result
answer(void *context, const char *path, const uint8_t *build_id,
       size_t build_id_size, uint64_t offset, struct resolved *out, size_t max,
       size_t *count)
{
	struct answers *answers = context;

	(void)build_id;
	(void)build_id_size;
	answers->calls++;
	assert_string_equal(path, "/srv/prog");
	assert_int_equal(offset, 0xfff);
	assert_true(max >= 2);
	if (!answers->ready)
		return RESOLVE_LATER;
	out[0] = (struct resolved){"operator new(unsigned long)", NULL, 0, 0};
	out[0].inlined = true;
	out[1] = (struct resolved){"make", "/srv/prog.cc", 12, false};
	*count = 2;
	return RESOLVE_DONE;
}

static void
test_later(void **state)
{
	struct answers answers = {0};
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct snapshot snapshot;
	struct query query = {.group_by = GROUP_LINENO};
	const struct rows *rows;
	uint64_t identity;

	(void)state;
	snapshot_init(&snapshot, names);
	names_set_resolver(names, &(struct resolver){&answers, answer});
	names_add_module(names,
			 &(struct module){.path = intern(names, "/srv/prog")});
	names_add_stack(names, 0, names_add_native(names, 1, 0x1000));
	snapshot_room(&snapshot, 1);
	snapshot.sites[0] = (struct site){.stack = 1, .alloc_bytes = 5};
	rows = engine_run(engine, &snapshot, &query);
	assert_string_equal(names_text(names, rows->rows[0].function),
			    "0x1000");
	identity = rows->rows[0].identity;
	assert_false(names_retry(names));
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->rows[0].identity, identity);
	assert_int_equal(answers.calls, 2);
	answers.ready = true;
	assert_true(names_retry(names));
	assert_false(names_retry(names));
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_string_equal(names_text(names, rows->rows[0].function), "make");
	assert_int_equal(rows->rows[0].line, 12);
	assert_string_equal(names_text(names, rows->rows[0].module),
			    "/srv/prog");
	assert_int_equal(answers.calls, 3);
	engine_free(engine);
	snapshot_fini(&snapshot);
	names_free(names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_later),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
