/*
 * test_history.c - what was, against copies of everything, on random totals.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the first four before it. */
#include <cmocka.h>

#include "base/mem.h"
#include "model/history.h"

#define SECOND UINT64_C(1000000000)
#define COPIES 20000

/* A process that is made up, and all that it ever was. */
struct process_fake {
	struct snapshot now;
	struct names *names;
	struct snapshot *copies;
	size_t count;
	uint64_t seed;
};

static uint64_t
random_to(struct process_fake *fake, uint64_t end)
{
	fake->seed = fake->seed * UINT64_C(6364136223846793005) + 1442695041;
	return (fake->seed >> 33) % end;
}

static void
fake_open(struct process_fake *fake, uint64_t seed)
{
	*fake = (struct process_fake){.seed = seed};
	fake->names = names_new();
	snapshot_init(&fake->now, fake->names);
	fake->copies = mem_array(COPIES, sizeof(*fake->copies));
	fake->now.mono_ns = 5 * SECOND + 123;
	fake->now.time_ns = UINT64_C(1700000000) * SECOND;
}

static void
fake_close(struct process_fake *fake)
{
	for (size_t i = 0; i < fake->count; i++)
		snapshot_fini(&fake->copies[i]);
	free(fake->copies);
	snapshot_fini(&fake->now);
	names_free(fake->names);
}

/* Some sites of some more change; a copy is kept. */
static void
fake_step(struct process_fake *fake, size_t most, uint64_t ns)
{
	struct snapshot *now = &fake->now;

	if (now->site_count < most && random_to(fake, 3) == 0)
		snapshot_room(now, now->site_count + 1 + random_to(fake, 9));
	for (size_t i = now->site_count / 4 + 1; now->site_count && i-- > 0;) {
		struct site *site =
		    &now->sites[random_to(fake, now->site_count)];
		uint64_t live = site_live_bytes(site);

		site->stack = 1;
		site->alloc_bytes += 48 * (1 + random_to(fake, 1000));
		site->alloc_count += 1 + random_to(fake, 5);
		if (random_to(fake, 2)) {
			site->free_bytes = site->alloc_bytes - live / 2;
			site->free_count = site->alloc_count;
		}
		if (site_live_bytes(site) > site->peak_bytes)
			site->peak_bytes = site_live_bytes(site);
	}
	now->mono_ns += ns;
	now->time_ns += ns;
	now->tick++;
	now->work_units += random_to(fake, 3);
	now->process.rss_bytes = now->tick * 4096;
	snapshot_sum(now);
	assert_true(fake->count < COPIES);
	snapshot_clone(&fake->copies[fake->count++], now);
}

/* The copy of a moment. */
static const struct snapshot *
copy_of(const struct process_fake *fake, const struct moment *moment)
{
	return &fake->copies[moment->tick - 1];
}

static void
assert_same(const struct snapshot *seen, const struct snapshot *wanted)
{
	assert_true(seen->mono_ns == wanted->mono_ns);
	assert_true(seen->time_ns == wanted->time_ns);
	assert_true(seen->work_units == wanted->work_units);
	assert_true(seen->process.rss_bytes == wanted->process.rss_bytes);
	assert_true(seen->live_bytes == wanted->live_bytes);
	assert_true(seen->live_count == wanted->live_count);
	assert_true(seen->alloc_bytes == wanted->alloc_bytes);
	for (size_t i = 0; i < seen->site_count; i++) {
		struct site site = seen->sites[i], empty = {0};

		if (!site.alloc_count)
			assert_int_equal(site.stack, 0);
		site.stack =
		    i < wanted->site_count ? wanted->sites[i].stack : 0;
		assert_memory_equal(
		    &site, i < wanted->site_count ? &wanted->sites[i] : &empty,
		    sizeof(site));
	}
}

static void
assert_all_as_they_were(const struct process_fake *fake,
			const struct history *history)
{
	for (size_t i = 0; i < history_count(history); i++) {
		const struct moment *moment = history_moment(history, i);
		const struct snapshot *copy = copy_of(fake, moment);
		struct snapshot past;
		struct mark mark, taken;

		assert_true(moment->live_bytes == copy->live_bytes);
		if (i)
			assert_true(moment->mono_ns >
				    history_moment(history, i - 1)->mono_ns);
		assert_int_equal(moment->whole, i >= history_reach(history));
		if (!moment->whole)
			continue;
		history_snapshot(history, i, &fake->now, NULL, &past);
		assert_same(&past, copy);
		snapshot_fini(&past);
		history_mark(history, i, &fake->now, "then", &mark);
		mark_take(&taken, copy, "then");
		assert_true(mark.live_bytes == taken.live_bytes);
		for (size_t k = 0; k < taken.count; k++) {
			assert_true(mark_bytes(&mark, k) ==
				    mark_bytes(&taken, k));
			assert_true(mark_blocks(&mark, k) ==
				    mark_blocks(&taken, k));
		}
		mark_fini(&mark);
		mark_fini(&taken);
	}
}

/* Wherever one looks, a moment lies as near as its tier says. */
static void
assert_resolution(const struct process_fake *fake,
		  const struct history *history, uint64_t first_ns)
{
	uint64_t now = fake->now.mono_ns;

	for (uint64_t back = 0; back < 4200; back += 7) {
		uint64_t at = now - back * SECOND;
		uint64_t slot = back < 57 ? 1 : back < 640 ? 10 : 60;
		size_t index;

		if (back * SECOND > now || at < first_ns + slot * SECOND)
			break;
		index = history_at(history, at);
		assert_true(history_moment(history, index)->mono_ns <= at);
		assert_true(at - history_moment(history, index)->mono_ns <=
			    (slot + 3) * SECOND);
	}
}

static void
test_as_of(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct history *history = history_new(0);
		struct process_fake fake;
		uint64_t first_ns;

		fake_open(&fake, seed);
		first_ns = fake.now.mono_ns;
		for (int step = 0; step < 9000; step++) {
			fake_step(&fake, 60,
				  SECOND / 10 + random_to(&fake, SECOND));
			history_add(history, &fake.now);
			if (step % 997 == 0 || step < 3)
				assert_all_as_they_were(&fake, history);
		}
		assert_all_as_they_were(&fake, history);
		assert_resolution(&fake, history, first_ns);
		assert_int_equal(history_reach(history), 0);
		assert_true(history_count(history) > 170);
		assert_true(history_count(history) < 190);
		fake_close(&fake);
		history_free(history);
	}
}

/* With little room the oldest moments lose their sites, not their totals. */
static void
test_bound(void **state)
{
	struct history *history = history_new(64 << 10);
	struct process_fake fake;
	size_t count;

	(void)state;
	fake_open(&fake, 9);
	for (int step = 0; step < 2000; step++) {
		fake_step(&fake, 400, SECOND);
		history_add(history, &fake.now);
		assert_true(history_size(history) <= history_room(history));
		if (step % 199 == 0)
			assert_all_as_they_were(&fake, history);
	}
	count = history_count(history);
	assert_true(history_reach(history) > 0);
	assert_true(history_reach(history) < count);
	assert_true(history_moment(history, 5)->live_bytes > 0);
	assert_true(count > 100);
	assert_all_as_they_were(&fake, history);
	history_free(history);

	/* Not even the sites of one moment. */
	history = history_new(8 << 10);
	history_add(history, &fake.now);
	fake_step(&fake, 400, SECOND);
	assert_true(history_add(history, &fake.now));
	assert_int_equal(history_reach(history), 2);
	assert_true(history_moment(history, 1)->live_bytes ==
		    fake.now.live_bytes);
	fake_close(&fake);
	history_free(history);
}

static void
test_pins(void **state)
{
	struct history *history = history_new(0);
	struct program_mark mark = {.live_bytes = 1};
	struct process_fake fake;
	uint64_t marked_ns, mine_ns;

	(void)state;
	fake_open(&fake, 4);
	fake_step(&fake, 20, SECOND / 10);
	history_add(history, &fake.now);
	fake_step(&fake, 20, SECOND / 10);
	assert_false(history_add(history, &fake.now)); /* the same second */
	fake_step(&fake, 20, SECOND / 10);
	snapshot_add_mark(&fake.now, &mark);
	assert_true(history_add(history, &fake.now));
	marked_ns = fake.now.mono_ns;
	fake_step(&fake, 20, SECOND / 10);
	history_pin(history, &fake.now);
	mine_ns = fake.now.mono_ns;
	for (int step = 0; step < 3000; step++) {
		fake_step(&fake, 20, SECOND);
		history_add(history, &fake.now);
	}
	assert_true(
	    history_moment(history, history_at(history, marked_ns))->mono_ns ==
	    marked_ns);
	assert_true(
	    history_moment(history, history_at(history, mine_ns))->mono_ns ==
	    mine_ns);
	for (int step = 0; step < 100; step++) {
		fake_step(&fake, 20, SECOND / 100);
		history_pin(history, &fake.now);
	}
	assert_false(
	    history_moment(history, history_at(history, mine_ns))->pinned);
	assert_all_as_they_were(&fake, history);
	fake_close(&fake);
	history_free(history);
}

static void
test_series(void **state)
{
	const uint32_t odd[] = {1, 3, 5, 7, 9, 999999}, some[] = {3, 4};
	const struct site_set sets[] = {{odd, 6}, {some, 2}};
	const uint64_t masks[] = {1, 0, 3, 2, 1, 0, 1, 0, 1};
	struct history *history = history_new(0);
	struct process_fake fake;
	uint64_t *series, *masked;
	size_t count;

	(void)state;
	fake_open(&fake, 7);
	for (int step = 0; step < 800; step++) {
		fake_step(&fake, 30, SECOND);
		history_add(history, &fake.now);
	}
	count = history_count(history);
	series = mem_array(2 * count, sizeof(*series));
	history_series(history, sets, 2, series);
	for (size_t set = 0; set < 2; set++)
		for (size_t i = 0; i < count; i++) {
			const struct snapshot *copy =
			    copy_of(&fake, history_moment(history, i));
			uint64_t sum = 0;

			for (size_t k = 0; k < sets[set].count; k++)
				if (sets[set].sites[k] <= copy->site_count)
					sum += site_live_bytes(
					    &copy->sites[sets[set].sites[k] -
							 1]);
			assert_true(series[set * count + i] == sum);
		}
	masked = mem_array(2 * count, sizeof(*masked));
	history_series_masked(history, masks, 9, 2, masked);
	assert_memory_equal(masked, series, 2 * count * sizeof(*masked));
	free(masked);
	free(series);
	fake_close(&fake);
	history_free(history);
}

/* One site that grows, rests and grows again. */
static void
test_trend(void **state)
{
	const uint32_t first[] = {1};
	const struct site_set set = {first, 1};
	struct history *history = history_new(0);
	struct process_fake fake;
	unsigned char levels[10];
	uint64_t series[200];
	struct trend trend;

	(void)state;
	fake_open(&fake, 1);
	snapshot_room(&fake.now, 1);
	fake.now.sites[0].alloc_count = 1;
	for (int second = 0; second < 300; second++) {
		bool rests = second >= 100 && second < 150;

		/* Only now and then, as a service's requests. */
		if (!rests && second % 4 == 0)
			fake.now.sites[0].alloc_bytes += 1000;
		fake.now.mono_ns += SECOND;
		history_add(history, &fake.now);
	}
	history_series(history, &set, 1, series);
	history_trend(history, series, history_count(history) - 1, &trend);
	assert_int_equal(trend.known, 60);
	assert_true(trend.grew_ns >= 130 * SECOND);
	assert_true(trend.grew_ns <= 160 * SECOND);
	assert_true(trend.values[59] == series[history_count(history) - 1]);
	trend_levels(&trend, levels, 10);
	for (size_t i = 1; i < 10; i++)
		assert_true(levels[i] >= levels[i - 1]);
	assert_int_equal(levels[9], TREND_LEVELS);

	/* As of a moment when it rested. */
	history_trend(history, series,
		      history_at(history, fake.now.mono_ns - 160 * SECOND),
		      &trend);
	assert_true(trend.grew_ns == 0);
	fake_close(&fake);
	history_free(history);
}

struct walk {
	struct change changes[1000];
	size_t count;
};

static void
visit(void *context, const struct change *change)
{
	struct walk *walk = context;

	assert_true(walk->count < 1000);
	walk->changes[walk->count++] = *change;
}

/* What is written and read again is the same. */
static void
test_restore(void **state)
{
	struct history *history = history_new(24 << 10);
	struct history *again = history_new(0);
	struct process_fake fake;
	struct walk walk;

	(void)state;
	fake_open(&fake, 12);
	for (int step = 0; step < 900; step++) {
		fake_step(&fake, 200, SECOND);
		history_add(history, &fake.now);
	}
	assert_true(history_reach(history) > 0);
	for (size_t i = 0; i < history_count(history); i++) {
		walk.count = 0;
		if (i >= history_reach(history))
			history_walk(history, i, visit, &walk);
		assert_true(history_restore(again, history_moment(history, i),
					    walk.changes, walk.count));
	}
	assert_int_equal(history_count(again), history_count(history));
	assert_int_equal(history_reach(again), history_reach(history));
	assert_all_as_they_were(&fake, again);

	/* Not in order, of no site, of too many. */
	assert_false(history_restore(again, history_moment(again, 3),
				     walk.changes, walk.count));
	walk.changes[0] = (struct change){.site = 2};
	walk.changes[1] = (struct change){.site = 2};
	{
		struct moment next =
		    *history_moment(again, history_count(again) - 1);

		next.mono_ns++;
		assert_false(history_restore(again, &next, walk.changes, 2));
		walk.changes[0].site = 0;
		assert_false(history_restore(again, &next, walk.changes, 1));
		walk.changes[0].site = UINT32_MAX;
		walk.changes[0].alloc_bytes = INT64_MIN;
		assert_true(history_restore(again, &next, walk.changes, 1));
		assert_int_equal(history_reach(again), history_count(again));
	}
	fake_close(&fake);
	history_free(history);
	history_free(again);
}

/* Errors of a sampled process shrink with its totals. */
static void
test_spreads(void **state)
{
	struct history *history = history_new(0);
	struct process_fake fake;
	struct snapshot past;

	(void)state;
	fake_open(&fake, 5);
	snapshot_room(&fake.now, 1);
	fake.now.sites[0] = (struct site){1, 0, 1000, 10, 0, 0, 1000};
	fake.now.tick = 1;
	history_add(history, &fake.now);
	fake.now.sites[0] = (struct site){1, 0, 4000, 40, 1000, 10, 3000};
	fake.now.mono_ns += SECOND;
	snapshot_spread(&fake.now);
	fake.now.spreads[0] = spread_make(400, 100, 4, 1);
	history_add(history, &fake.now);
	history_snapshot(history, 0, &fake.now, NULL, &past);
	assert_non_null(past.spreads);
	assert_true(past.spreads[0].live_bytes > 99.9F &&
		    past.spreads[0].live_bytes < 100.1F);
	assert_true(past.spreads[0].free_bytes < 0.1F);
	snapshot_fini(&past);
	fake_close(&fake);
	history_free(history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_as_of),   cmocka_unit_test(test_bound),
	    cmocka_unit_test(test_pins),    cmocka_unit_test(test_series),
	    cmocka_unit_test(test_trend),   cmocka_unit_test(test_restore),
	    cmocka_unit_test(test_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
