/*
 * test_live.c - the map of live blocks, beside a naive one. Built once for each
 * kind of map, LIVE_KIND.
 */
#include "config.h"

#include "check.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/live.h"
#include "agent/safe.h"

#define BASE	 UINT64_C(0x7f1234000000)
#define SITE	 77u
#define SITE_MAX LIVE_SITE_MASK
#define MODEL	 4096 /* addresses, 8 bytes apart */

#define IS_HASH (LIVE_KIND == WIRE_LIVE_HASH)
#define FAR	(UINT64_C(1) << 42)

static int
start(void **state)
{
	(void)state;
	return live.kind || live_init_as(LIVE_KIND) ? 0 : -1;
}

static void
assert_put(uint64_t address, uint32_t site, uint64_t size, uint32_t level)
{
	static unsigned turn;
	uint64_t where;

	/* The quick form, where it serves, must do the same. */
	if (++turn % 2 && !level && live_put_quick(address, site, size))
		return;
	assert_int_equal(live_evict(address, size, &where).site, 0);
	assert_true(live_put(address, (struct block){size, site, level}));
}

static void
assert_taken(uint64_t address, uint32_t site, uint64_t size, uint32_t level)
{
	struct block block = live_take(address);

	assert_int_equal(block.site, site);
	assert_int_equal(block.size, size);
	assert_int_equal(block.level, level);
}

static void
assert_none(uint64_t address)
{
	assert_int_equal(live_take(address).site, 0);
}

static void
test_what_was_put_is_taken_once(void **state)
{
	(void)state;
	assert_none(BASE);
	assert_put(BASE, SITE, 100, 0);
	assert_taken(BASE, SITE, 100, 0);
	assert_none(BASE);
}

static void
test_sizes_sites_and_levels(void **state)
{
	static const uint64_t sizes[] = {0,
					 1,
					 8,
					 9,
					 15,
					 16,
					 17,
					 4096,
					 LIVE_TAIL_MAX - 1,
					 LIVE_TAIL_MAX,
					 LIVE_TAIL_MAX + 1,
					 UINT64_C(1) << 31,
					 (UINT64_C(1) << 32) + 1,
					 UINT64_C(1) << 47,
					 LIVE_SIZE_MAX};
	static const uint32_t sites[] = {1, 0xffff, SITE_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (uint32_t n = 0; n < 2 * 3 * LIVE_LEVELS; n++) {
			uint64_t at = BASE + n % 2 * 8;
			uint32_t site = sites[n / 2 % 3];
			uint32_t level = n / 6;

			assert_put(at, site, sizes[i], level);
			assert_none(at ^ 8);
			assert_taken(at, site, sizes[i], level);
			assert_none(at);
			for (int unit = 0; unit < 4; unit++)
				assert_none(at + 16 * (uint64_t)unit);
		}
}

static void
test_too_large_is_refused(void **state)
{
	(void)state;
	assert_false(
	    live_put(BASE, (struct block){LIVE_SIZE_MAX + 1, SITE, 0}));
	assert_none(BASE);
}

static void
test_no_user_address_is_refused(void **state)
{
	const uint64_t end = UINT64_C(1) << LIVE_ADDRESS_BITS;
	const struct block block = {16, SITE, 0};

	(void)state;
	assert_false(live_put(end, block));
	assert_false(live_put(UINT64_MAX - 15, block));
	assert_none(0);
	assert_none((UINT64_C(1) << 48) - 1);
	assert_none(UINT64_MAX);
	assert_none(end);
	assert_put(end - 16, SITE, 9, 0);
	assert_taken(end - 16, SITE, 9, 0);
	assert_put(end - 8, SITE, 8, 0);
	assert_taken(end - 8, SITE, 8, 0);
}

/* No allocator of C gives such an address. */
static void
test_odd_addresses_are_refused(void **state)
{
	(void)state;
	assert_put(BASE, SITE, 50, 0);
	for (uint64_t odd = 1; odd < 8; odd++) {
		assert_false(live_put(BASE + odd, (struct block){50, SITE, 0}));
		assert_none(BASE + odd);
	}
	assert_taken(BASE, SITE, 50, 0);
}

static void
test_neighbours_of_all_alignments(void **state)
{
	(void)state;
	assert_put(BASE, 1, 8, 0);
	assert_put(BASE + 8, 2, 24, 1);
	assert_put(BASE + 32, 3, 24, 2);
	assert_put(BASE + 56, 4, 8, 0);
	assert_put(BASE + 64, 5, 17, 0);
	assert_put(BASE + 88, 6, 0, 0);
	assert_taken(BASE + 32, 3, 24, 2);
	assert_taken(BASE, 1, 8, 0);
	assert_taken(BASE + 56, 4, 8, 0);
	assert_taken(BASE + 64, 5, 17, 0);
	assert_taken(BASE + 8, 2, 24, 1);
	assert_taken(BASE + 88, 6, 0, 0);
}

/* At the end of a chunk there is no room for the entries that follow. */
static void
test_blocks_across_two_chunks(void **state)
{
	const uint64_t border = BASE + (UINT64_C(1) << LIVE_CHUNK_BITS);
	const uint64_t huge = UINT64_C(5) << 32;

	(void)state;
	for (uint64_t back = 8; back <= 64; back += 8) {
		assert_put(border - back, SITE, 33, 0);
		assert_put(border - back + 40, SITE + 1, 100, 3);
		assert_taken(border - back, SITE, 33, 0);
		assert_put(border - back - 40, SITE + 2, 40, 0);
		assert_taken(border - back + 40, SITE + 1, 100, 3);
		assert_taken(border - back - 40, SITE + 2, 40, 0);
		assert_put(border - back, SITE, huge, 0);
		assert_taken(border - back, SITE, huge, 0);
	}
}

static void
test_what_vanished_is_evicted(void **state)
{
	struct block gone;
	uint64_t where = 0;

	(void)state;
	/* The same place. */
	assert_put(BASE, 1, 100, 0);
	gone = live_evict(BASE, 5, &where);
	assert_int_equal(gone.site, 1);
	assert_int_equal(gone.size, 100);
	assert_int_equal(where, BASE);
	/* The new one's second entry was another's first. */
	assert_put(BASE + 16, 2, 8, 0);
	assert_int_equal(live_evict(BASE, 16, &where).site, 0);
	gone = live_evict(BASE, 17, &where);
	assert_int_equal(gone.site, 2);
	assert_int_equal(gone.level, 0);
	assert_int_equal(where, BASE + 16);
	assert_int_equal(live_evict(BASE, 17, &where).site, 0);
	/* The new one's first was another's last. */
	assert_put(BASE, 3, LIVE_TAIL_MAX, 0);
	gone = live_evict(BASE + 48, 1, &where);
	assert_int_equal(gone.site, 3);
	assert_int_equal(gone.size, LIVE_TAIL_MAX);
	assert_int_equal(where, BASE);
	for (uint64_t unit = 0; unit < 5; unit++)
		assert_put(BASE + unit * 16, 1, 16, 0);
	for (uint64_t unit = 0; unit < 5; unit++)
		assert_taken(BASE + unit * 16, 1, 16, 0);
}

static void
test_a_sampled_one_is_evicted(void **state)
{
	struct block gone;
	uint64_t where = 0;

	(void)state;
	assert_put(BASE, 1, 100, 4);
	gone = live_evict(BASE, 5, &where);
	assert_int_equal(gone.site, 1);
	assert_int_equal(gone.size, 100);
	assert_int_equal(gone.level, 4);
	assert_int_equal(where, BASE);
	assert_int_equal(live_evict(BASE, 5, &where).site, 0);
}

/* They cost no shadow, wherever they are. */
static void
test_sampled_blocks_touch_no_shadow(void **state)
{
	uint64_t before = 0;
	uint64_t after = 0;

	(void)state;
	for (int i = 0; i < 30000; i++)
		before = live_measure();
	for (uint64_t i = 0; i < 1000; i++)
		assert_put(2 * FAR + (i << 14), SITE, 64, 1);
	for (uint64_t i = 0; i < 1000; i++)
		assert_taken(2 * FAR + (i << 14), SITE, 64, 1);
	for (int i = 0; i < 30000; i++)
		after = live_measure();
	assert_in_range(after, 0, before);
}

static void
test_several_are_evicted_in_turn(void **state)
{
	uint64_t where = 0;

	(void)state;
	for (uint64_t unit = 0; unit < 4; unit++)
		assert_put(BASE + unit * 16, 1 + (uint32_t)unit, 16, 0);
	for (uint64_t unit = 0; unit < 4; unit++) {
		assert_int_equal(live_evict(BASE, LIVE_TAIL_MAX, &where).site,
				 1 + unit);
		assert_int_equal(where, BASE + unit * 16);
	}
	assert_int_equal(live_evict(BASE, LIVE_TAIL_MAX, &where).site, 0);
}

/* The second entry is no block, whatever asks for it. */
static void
test_the_inside_of_a_block_is_none(void **state)
{
	(void)state;
	assert_put(BASE, SITE, UINT64_C(1) << 30, 0);
	for (uint64_t unit = 1; unit < 6; unit++)
		assert_none(BASE + unit * 16);
	assert_taken(BASE, SITE, UINT64_C(1) << 30, 0);
}

static bool
fits(const struct block *model, uint64_t at, uint64_t size)
{
	uint64_t cells = size ? (size + 7) / 8 : 1;

	for (uint64_t i = 0; i < cells; i++)
		if (at + i >= MODEL || model[at + i].site)
			return false;
	for (uint64_t i = 1; i <= at && i < 32; i++)
		if (model[at - i].site && model[at - i].size > i * 8)
			return false;
	return true;
}

static uint64_t
size_at_random(uint64_t *seed)
{
	switch (random_below(seed, 4)) {
	case 0:
		return random_below(seed, 9);
	case 1:
		return random_below(seed, 33);
	default:
		return random_below(seed, 256);
	}
}

/* Blocks as allocators place them: at multiples of 8, no two overlap. Across
 * the border of two chunks. */
static void
test_like_a_naive_map(void **state)
{
	static struct block model[MODEL];
	uint64_t seed = 20240817;

	(void)state;
	for (int step = 0; step < 400000; step++) {
		uint64_t at = random_below(&seed, MODEL);
		uint64_t address = (UINT64_C(1) << 40) - MODEL * 4 + at * 8;

		if (random_below(&seed, 2)) {
			struct block want = {
			    size_at_random(&seed),
			    1 + (uint32_t)random_below(&seed, SITE_MAX),
			    (uint32_t)random_below(&seed, LIVE_LEVELS)};

			if (!fits(model, at, want.size))
				continue;
			assert_put(address, want.site, want.size, want.level);
			model[at] = want;
			continue;
		}
		if (model[at].site) {
			if (model[at].level)
				assert_true(live_maybe(address));
			assert_taken(address, model[at].site, model[at].size,
				     model[at].level);
		} else {
			assert_none(address);
		}
		model[at].site = 0;
	}
}

static void
test_the_filter_forgets(void **state)
{
	unsigned held = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_put(BASE + i * 48, SITE, 48, 1 + i % 13);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(live_maybe(BASE + i * 48));
	for (uint64_t i = 1000; i < 11000; i++)
		held += live_maybe(BASE + i * 48);
	assert_in_range(held, 10, 2000);
	for (uint64_t i = 0; i < 1000; i++)
		assert_taken(BASE + i * 48, SITE, 48, 1 + i % 13);
	held = 0;
	for (uint64_t i = 0; i < 1u << LIVE_FILTER_BITS; i++)
		held += live_filter[i / 64] >> i % 64 & 1;
	/* What test_like_a_naive_map left. */
	assert_in_range(held, 0, MODEL);
}

/* More blocks than can be counted: true for ever, but never false. */
static void
test_a_full_filter_stays_full(void **state)
{
	uint64_t alike[LIVE_FILTER_MOST + 2];
	size_t count = 0;

	(void)state;
	for (uint64_t i = 0; count < LIVE_FILTER_MOST + 2; i++)
		if (!(live_filter_hash(FAR + i * 16) >>
		      (64 - LIVE_FILTER_BITS)))
			alike[count++] = FAR + i * 16;
	for (size_t i = 0; i < count - 1; i++)
		assert_put(alike[i], SITE, 16, 1);
	for (size_t i = 0; i < count - 1; i++) {
		assert_true(live_maybe(alike[i]));
		assert_taken(alike[i], SITE, 16, 1);
	}
	assert_true(live_maybe(alike[count - 1]));
}

/* What the quick form cannot do, it leaves as it was. */
static void
test_the_quick_form_knows_its_limits(void **state)
{
	(void)state;
	if (IS_HASH) {
		assert_false(live_put_quick(BASE, SITE, 100));
		return;
	}
	assert_put(BASE + 16, 2, 16, 0);
	assert_false(live_put_quick(BASE, SITE, 17));
	assert_true(live_put_quick(BASE, SITE, 16) ||
		    LIVE_KIND != WIRE_LIVE_SHADOW);
	assert_false(live_put_quick(BASE, SITE, 5));
	assert_false(live_put_quick(BASE + 8, SITE, 5));
	assert_false(live_put_quick(BASE + 64, SITE, LIVE_TAIL_MAX));
	live_take(BASE);
	assert_taken(BASE + 16, 2, 16, 0);
}

static void
test_what_is_touched_is_measured(void **state)
{
	uint64_t before = 0;
	uint64_t after = 0;

	(void)state;
	for (int i = 0; i < 30000; i++)
		before = live_measure();
	for (uint64_t i = 0; i < 1000; i++)
		assert_put(FAR + (i << 14), SITE, 64, 0);
	for (int i = 0; i < 30000; i++)
		after = live_measure();
	/* 16 KiB of heap are a page of shadow. */
	assert_in_range(after - before, 990 * 4096, 1010 * 4096);
}

/* What a thread owns: every fourth block of a row without gaps. */
struct owner {
	pthread_t thread;
	uint64_t number;
	uint64_t wrong;
};

#define OWNERS 4
#define ROW    4000
static uint64_t row[ROW + 1]; /* where each begins; the last ends */

static void *
own(void *argument)
{
	struct owner *owner = argument;
	uint64_t seed = owner->number + 1;
	struct block mine[ROW / OWNERS] = {{0}};

	for (int step = 0; step < 300000; step++) {
		uint64_t i = random_below(&seed, ROW / OWNERS);
		uint64_t n = i * OWNERS + owner->number;
		uint64_t where;
		struct block block;

		if (!mine[i].site) {
			mine[i].site = 1 + (uint32_t)random_below(&seed, 1000);
			mine[i].level =
			    random_below(&seed, 4) ? 0 : (uint32_t)n % 14;
			mine[i].size =
			    row[n + 1] - row[n] - random_below(&seed, 8);
			owner->wrong +=
			    !!live_evict(row[n], mine[i].size, &where).site;
			owner->wrong += !live_put(row[n], mine[i]);
			continue;
		}
		owner->wrong += mine[i].level && !live_maybe(row[n]);
		block = live_take(row[n]);
		owner->wrong += block.site != mine[i].site ||
				block.size != mine[i].size ||
				block.level != mine[i].level;
		mine[i].site = 0;
	}
	for (uint64_t i = 0; i < ROW / OWNERS; i++)
		live_take(row[i * OWNERS + owner->number]);
	return NULL;
}

static void
test_threads_own_neighbours(void **state)
{
	struct owner owners[OWNERS] = {{0}};
	uint64_t seed = 7;

	(void)state;
	row[0] = BASE + (UINT64_C(1) << 30) - ROW * 12;
	for (unsigned i = 0; i < ROW; i++)
		row[i + 1] = row[i] + 8 + 8 * random_below(&seed, 5);
	for (unsigned i = 0; i < OWNERS; i++) {
		owners[i].number = i;
		assert_int_equal(
		    pthread_create(&owners[i].thread, NULL, own, &owners[i]),
		    0);
	}
	for (unsigned i = 0; i < OWNERS; i++) {
		pthread_join(owners[i].thread, NULL);
		assert_int_equal(owners[i].wrong, 0);
	}
	assert_none(0);
	for (unsigned i = 0; i < ROW; i++)
		assert_none(row[i]);
}

/* Many blocks at once, then none: what the hash table holds follows them. */
static void
test_grows_and_shrinks(void **state)
{
	const uint64_t count = 300000;
	uint64_t before = safe_held();
	uint64_t most;

	(void)state;
	for (uint64_t i = 0; i < count; i++)
		assert_put(BASE + i * 4096, SITE, i, 0);
	most = safe_held();
	for (uint64_t i = 0; i < count; i++)
		assert_taken(BASE + (count - 1 - i) * 4096, SITE, count - 1 - i,
			     0);
	if (!IS_HASH)
		return;
	assert_in_range(most - before, count * 16, count * 16 * 3);
	assert_in_range(safe_held() - before, 0, count);
}

static enum wire_live_map
kind_with(int limit, uint64_t bytes)
{
	struct rlimit most = {bytes, bytes};
	int status = 0;
	pid_t child = fork();

	if (!child) {
		if (bytes && setrlimit(limit, &most))
			_exit(99);
		live_init();
		if (!live_put(BASE, (struct block){100, SITE, 0}) ||
		    live_take(BASE).size != 100)
			_exit(98);
		_exit((int)live.kind);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static void
test_the_kind_follows_the_limits(void **state)
{
	(void)state;
	assert_int_equal(kind_with(RLIMIT_AS, UINT64_C(60) << 20),
			 WIRE_LIVE_HASH);
	assert_int_equal(kind_with(RLIMIT_DATA, UINT64_C(60) << 20),
			 WIRE_LIVE_HASH);
	assert_int_equal(kind_with(RLIMIT_AS, UINT64_C(100) << 20),
			 WIRE_LIVE_SHADOW_SMALL);
	assert_int_equal(kind_with(RLIMIT_DATA, UINT64_C(4) << 30),
			 WIRE_LIVE_SHADOW_SMALL);
	/* Whatever the machine allows. */
	assert_in_range(kind_with(RLIMIT_AS, 0), WIRE_LIVE_SHADOW,
			WIRE_LIVE_SHADOW_SMALL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_kind_follows_the_limits),
	    cmocka_unit_test(test_what_was_put_is_taken_once),
	    cmocka_unit_test(test_sizes_sites_and_levels),
	    cmocka_unit_test(test_too_large_is_refused),
	    cmocka_unit_test(test_no_user_address_is_refused),
	    cmocka_unit_test(test_neighbours_of_all_alignments),
	    cmocka_unit_test(test_blocks_across_two_chunks),
	    cmocka_unit_test(test_the_inside_of_a_block_is_none),
	    cmocka_unit_test(test_a_sampled_one_is_evicted),
	    cmocka_unit_test(test_sampled_blocks_touch_no_shadow),
	    cmocka_unit_test(test_like_a_naive_map),
	    cmocka_unit_test(test_threads_own_neighbours),
	    cmocka_unit_test(test_grows_and_shrinks),
	    cmocka_unit_test(test_the_filter_forgets),
	    cmocka_unit_test(test_a_full_filter_stays_full),
	    cmocka_unit_test(test_the_quick_form_knows_its_limits),
	    /* The hash table knows nothing of where a block ends. */
	    cmocka_unit_test(test_odd_addresses_are_refused),
	    cmocka_unit_test(test_what_vanished_is_evicted),
	    cmocka_unit_test(test_several_are_evicted_in_turn),
	    cmocka_unit_test(test_what_is_touched_is_measured),
	};
	size_t count = sizeof(tests) / sizeof(*tests);

	return _cmocka_run_group_tests(
	    "live", tests, IS_HASH ? count - 4 : count, start, NULL);
}
