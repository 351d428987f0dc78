/*
 * test_counts.c - counting in many threads, and the one that adds it up.
 */
#include "config.h"

#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/counts.h"
#include "agent/safe.h"
#include "agent/thread.h"

#define SITES	5000
#define THREADS 4
#define STEPS	150000
#define SLOTS	64

static struct counter sums[SITES + 1];
static bool negative;
/* What happens while the first of so many changes are told. */
static void (*meanwhile)(uint32_t site);
static int meanwhiles;

static bool
add(void *refuse, uint32_t site, const struct counter *change,
    const struct spread *spread)
{
	struct counter *sum = &sums[site];

	(void)spread;
	if (refuse && site % 3 == 0)
		return false;
	sum->alloc_bytes += change->alloc_bytes;
	sum->alloc_count += change->alloc_count;
	sum->free_bytes += change->free_bytes;
	sum->free_count += change->free_count;
	if (meanwhiles > 0 && meanwhiles--)
		meanwhile(site);
	return true;
}

static void
collect(void *refuse)
{
	counts_collect(add, refuse);
	for (uint32_t i = 1; i <= SITES; i++)
		if (sums[i].free_count > sums[i].alloc_count ||
		    sums[i].free_bytes > sums[i].alloc_bytes)
			negative = true;
}

/* Blocks wander: who frees one is mostly another thread. */
static uint32_t shared[SLOTS]; /* site of the block there, 0 none */
static struct counter truth[SITES + 1];
static uint32_t busy;

/* Some sites come to more than 4 GiB, at once or after a while. */
static uint64_t
size_of(uint32_t site)
{
	return site % 7 ? site : (uint64_t)site << 26;
}

static void
truth_add(uint32_t site, bool is_free)
{
	struct counter *counter = &truth[site];

	__atomic_fetch_add(is_free ? &counter->free_count
				   : &counter->alloc_count,
			   1, __ATOMIC_RELAXED);
	__atomic_fetch_add(is_free ? &counter->free_bytes
				   : &counter->alloc_bytes,
			   size_of(site), __ATOMIC_RELAXED);
}

static void *
work(void *number)
{
	uint64_t seed = (uint64_t)(uintptr_t)number + 1;
	struct counts *counts = &thread_self()->counts;

	for (int i = 0; i < STEPS; i++) {
		uint32_t site =
		    1 + (uint32_t)random_below(&seed, i % 16 ? 40 : SITES);
		uint32_t *slot = &shared[random_below(&seed, SLOTS)];
		uint32_t old;

		counts_alloc(counts_leaf(counts, site), site, size_of(site), 1);
		truth_add(site, false);
		old = __atomic_exchange_n(slot, site, __ATOMIC_ACQ_REL);
		if (!old)
			continue;
		counts_free(counts_leaf(counts, old), old, size_of(old), 1);
		truth_add(old, true);
	}
	__atomic_fetch_sub(&busy, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void
start(pthread_t *threads, uint64_t seed)
{
	busy = THREADS;
	for (uint64_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, work, (void *)(seed + i)),
		    0);
}

static void
finish(const pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void
test_never_negative_and_exact_at_the_end(void **state)
{
	pthread_t threads[THREADS];
	unsigned passes = 0;

	(void)state;
	start(threads, 100);
	while (__atomic_load_n(&busy, __ATOMIC_ACQUIRE)) {
		collect(NULL);
		assert_false(negative);
		passes++;
	}
	finish(threads);
	collect(NULL);
	assert_true(passes > 1);
	assert_memory_equal(sums, truth, sizeof(sums));
}

static void
test_what_was_refused_is_told_again(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	start(threads, 200);
	while (__atomic_load_n(&busy, __ATOMIC_ACQUIRE))
		counts_collect(add, &busy);
	finish(threads);
	counts_collect(add, &busy);
	assert_true(memcmp(sums, truth, sizeof(sums)) != 0);
	collect(NULL);
	collect(NULL);
	assert_memory_equal(sums, truth, sizeof(sums));
}

static void
test_nothing_new_is_told_once(void **state)
{
	struct counter before[SITES + 1];

	(void)state;
	memcpy(before, sums, sizeof(sums));
	collect(NULL);
	collect(NULL);
	assert_memory_equal(sums, before, sizeof(sums));
}

static void
test_after_a_restart_all_is_told(void **state)
{
	(void)state;
	memset(sums, 0, sizeof(sums));
	counts_restart();
	collect(NULL);
	assert_memory_equal(sums, truth, sizeof(sums));
}

static void *
note_thread(void *unused)
{
	(void)unused;
	return thread_self();
}

/* Threads one after the other share a struct; its counters go on. */
static void
test_a_later_thread_goes_on(void **state)
{
	uint32_t before = threads_count();

	(void)state;
	for (int i = 0; i < 200; i++) {
		pthread_t id;
		void *self;

		assert_int_equal(pthread_create(&id, NULL, note_thread, NULL),
				 0);
		pthread_join(id, &self);
		assert_non_null(self);
	}
	assert_true(threads_count() <= before + 1);
	assert_ptr_equal(thread_self(), thread_self());
}

/* As long as there is a struct that is not asked for. */
static void
tend_all(void)
{
	for (uint32_t i = 0; i <= threads_count() / 16; i++)
		threads_tend();
}

static pthread_barrier_t together;

/* Alive all at once, so that each has a struct of its own. */
static void *
touch_three(void *number)
{
	struct counts *counts = &thread_self()->counts;
	uint64_t seed = (uint64_t)(uintptr_t)number;

	pthread_barrier_wait(&together);
	for (int i = 0; i < 3; i++) {
		uint32_t site = 1 + (uint32_t)random_below(&seed, SITES);
		struct leaf *leaf = counts_leaf(counts, site);

		counts_alloc(leaf, site, size_of(site), 1);
		truth_add(site, false);
		if (random_below(&seed, 2)) {
			counts_free(leaf, site, size_of(site), 1);
			truth_add(site, true);
		}
	}
	return NULL;
}

static void
crowd(uint64_t seed)
{
	pthread_t threads[200];

	pthread_barrier_init(&together, NULL, 200);
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, touch_three,
						(void *)(seed + i)),
				 0);
	for (int i = 0; i < 200; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&together);
}

static bool
has_counters(const struct thread *thread)
{
	return thread->counts.mids != NULL;
}

static void
test_what_gone_threads_counted_stays(void **state)
{
	uint64_t held;
	uint32_t structs;

	(void)state;
	negative = false;
	for (uint64_t round = 0; round < 20; round++) {
		crowd(1000 * round + 1);
		if (round % 2) /* folded before they were seen, and after */
			collect(NULL);
		tend_all();
		collect(NULL);
		assert_memory_equal(sums, truth, sizeof(sums));
		if (round == 9) {
			held = safe_held();
			structs = threads_count();
		}
	}
	assert_false(negative);
	assert_int_equal(threads_count(), structs);
	assert_true(safe_held() <= held);
	for (const struct thread *thread = threads_first(); thread;
	     thread = thread->next)
		assert_false(has_counters(thread));
	memset(sums, 0, sizeof(sums));
	counts_restart();
	collect(NULL);
	assert_memory_equal(sums, truth, sizeof(sums));
}

static void
come(uint32_t site)
{
	counts_alloc(counts_leaf(&thread_self()->counts, site), site,
		     size_of(site), 1);
	truth_add(site, false);
}

static void
go(uint32_t site)
{
	counts_free(counts_leaf(&thread_self()->counts, site), site,
		    size_of(site), 1);
	truth_add(site, true);
}

/* As when the ticker does not come to run for a while. */
static void
come_and_go(uint32_t site)
{
	uint64_t end = safe_clock_ns(CLOCK_MONOTONIC) + 1000000;

	do {
		come(site);
		go(site);
	} while (safe_clock_ns(CLOCK_MONOTONIC) < end);
}

static void
collect_with(int times)
{
	collect(NULL);
	come(7);
	go(7);
	meanwhile = come_and_go;
	meanwhiles = times;
	collect(NULL);
	assert_false(negative);
}

static void
test_what_came_and_went_meanwhile_is_not_live(void **state)
{
	(void)state;
	collect_with(1);
	assert_int_equal(meanwhiles, 0);
	assert_memory_equal(sums, truth, sizeof(sums));
}

static void
test_who_is_always_held_up_comes_to_an_end(void **state)
{
	(void)state;
	collect_with(1000000);
	assert_true(meanwhiles > 0);
	assert_true(sums[7].alloc_count > sums[7].free_count);
	meanwhiles = 0;
	collect(NULL);
	assert_memory_equal(sums, truth, sizeof(sums));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_never_negative_and_exact_at_the_end),
	    cmocka_unit_test(test_what_was_refused_is_told_again),
	    cmocka_unit_test(test_nothing_new_is_told_once),
	    cmocka_unit_test(test_after_a_restart_all_is_told),
	    cmocka_unit_test(test_a_later_thread_goes_on),
	    cmocka_unit_test(test_what_gone_threads_counted_stays),
	    cmocka_unit_test(test_what_came_and_went_meanwhile_is_not_live),
	    cmocka_unit_test(test_who_is_always_held_up_comes_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
