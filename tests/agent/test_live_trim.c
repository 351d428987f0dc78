/*
 * test_live_trim.c - empty pages of the shadow go back to the system, and no
 * block that is put meanwhile is lost.
 */
#include "config.h"

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/live.h"
#include "agent/live_chunk.h"
#include "agent/live_trim.h"
#include "agent/thread.h"

#define BASE   UINT64_C(0x7e0000000000)
#define SITE   5u
#define HEAP   (UINT64_C(1) << 30)
#define STEP   UINT64_C(64) /* from one block to the next */
#define SPACE  (UINT64_C(1) << 26)
#define ENOUGH 50 /* times that pages were given back */

static int
start(void **state)
{
	(void)state;
	return live_init_as(LIVE_KIND) ? 0 : -1;
}

static uint64_t
resident(void)
{
	unsigned long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
	fclose(file);
	return pages * 4096;
}

static uint64_t
measure(void)
{
	uint64_t bytes = 0;

	/* Each call looks at one chunk, one in ten when nothing happens. */
	for (unsigned i = 0; i < 10 * (HEAP >> 20); i++)
		bytes = live_measure();
	return bytes;
}

static void
test_an_emptied_heap_is_given_back(void **state)
{
	uint64_t before = resident();
	uint64_t most;

	(void)state;
	for (uint64_t at = 0; at < HEAP; at += STEP)
		assert_true(live_put(BASE + at, (struct block){48, SITE, 0}));
	most = resident();
	assert_in_range(most - before, HEAP / 4, HEAP / 4 + HEAP / 64);
	assert_in_range(measure(), HEAP / 4, HEAP / 4 + HEAP / 64);
	assert_in_range(resident() - before, HEAP / 4, HEAP / 4 + HEAP / 64);
	/* All but one block in each eighth. */
	for (uint64_t at = 0; at < HEAP; at += STEP)
		if (at % (HEAP / 8))
			assert_int_equal(live_take(BASE + at).site, SITE);
	assert_in_range(measure(), 8 * 4096, HEAP / 128);
	assert_in_range(resident() - before, 0, HEAP / 64);
	for (uint64_t at = 0; at < HEAP; at += HEAP / 8)
		assert_int_equal(live_take(BASE + at).size, 48);
	/* And it can be used again. */
	assert_true(live_put(BASE + STEP, (struct block){48, SITE, 0}));
	assert_int_equal(live_take(BASE + STEP).size, 48);
}

/* Threads whose blocks come and go, all in the same chunks. */
struct owner {
	pthread_t thread;
	uint64_t number;
	uint64_t wrong;
	uint64_t puts;
};

#define OWNERS 3
static bool stop;

static void
owner_event(struct owner *owner, bool put, uint64_t at)
{
	uint64_t address = BASE + (at * OWNERS + owner->number) * 48;
	struct block block = {33, SITE + (uint32_t)at % 1000, 0};
	struct block was;

	/* As a hook does it. */
	thread_tls.guard = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (put) {
		if (!live_put_quick(address, block.site, block.size))
			owner->wrong += !live_put(address, block);
		owner->puts++;
	} else {
		was = live_take(address);
		owner->wrong += was.site != block.site || was.size != 33;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_tls.guard = 0;
}

/* Blocks in a few pages at random places; all are taken out again. */
static void *
own(void *argument)
{
	struct owner *owner = argument;
	uint64_t seed = owner->number + 99;

	if (!thread_self())
		owner->wrong++;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t first = random_below(&seed, SPACE / 48 / OWNERS);
		uint64_t count = random_below(&seed, 300);

		for (uint64_t i = 0; i < count; i++)
			owner_event(owner, true, first + i);
		for (uint64_t i = 0; i < count; i++)
			owner_event(owner, false, first + i);
		if (!random_below(&seed, 100))
			poll(NULL, 0, 1);
	}
	return NULL;
}

static void
test_nothing_is_lost_meanwhile(void **state)
{
	struct owner owners[OWNERS] = {{0}};
	struct live_chunk *chunk;
	uint64_t dropped = 0;
	unsigned rounds = 0;
	time_t end = time(NULL) + 3;

	(void)state;
	for (unsigned i = 0; i < OWNERS; i++) {
		owners[i].number = i;
		assert_int_equal(
		    pthread_create(&owners[i].thread, NULL, own, &owners[i]),
		    0);
	}
	while (time(NULL) < end ||
	       (dropped < ENOUGH && time(NULL) < end + 30)) {
		for (chunk = live_chunk_first(); chunk; chunk = chunk->next) {
			uint64_t bytes = live_trim(chunk);

			assert_int_equal(bytes % 4096, 0);
			dropped += bytes > 0;
			rounds++;
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < OWNERS; i++) {
		pthread_join(owners[i].thread, NULL);
		assert_int_equal(owners[i].wrong, 0);
		assert_in_range(owners[i].puts, 1000, UINT64_MAX);
	}
	print_message("# %u looks, pages given back in %lu\n", rounds,
		      (unsigned long)dropped);
	assert_in_range(dropped, ENOUGH, UINT64_MAX);
}

/* A thread that stays in its hook may be about to store: wait for it. */
static void
test_not_while_a_thread_is_in_a_hook(void **state)
{
	struct live_chunk *chunk;
	uint64_t at;

	(void)state;
	assert_non_null(thread_self());
	for (at = 0; at < SPACE; at += 16)
		assert_true(live_put(BASE + at, (struct block){1, SITE, 0}));
	for (at = 0; at < SPACE; at += 16)
		assert_int_equal(live_take(BASE + at).site, SITE);
	thread_tls.guard = 1;
	for (chunk = live_chunk_first(); chunk; chunk = chunk->next)
		assert_int_equal(live_trim(chunk), 0);
	thread_tls.guard = 0;
	at = 0;
	for (chunk = live_chunk_first(); chunk; chunk = chunk->next)
		at += live_trim(chunk);
	assert_in_range(at, SPACE / 4 - SPACE / 64, SPACE / 4 + 65536);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_emptied_heap_is_given_back),
	    cmocka_unit_test(test_nothing_is_lost_meanwhile),
	    cmocka_unit_test(test_not_while_a_thread_is_in_a_hook),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
