/*
 * test_safe.c - the agent's own libc.
 */
#include "config.h"

#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/safe.h"

#define THREADS 4
#define BLOCKS	20000

static void
test_system_calls_leave_errno_alone(void **state)
{
	(void)state;
	errno = 4711;
	assert_true(safe_failed(safe_syscall(SYS_close, -1, 0, 0, 0, 0, 0)));
	assert_int_equal(safe_syscall(SYS_close, -1, 0, 0, 0, 0, 0), -EBADF);
	assert_true(safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) > 0);
	assert_null(safe_map((size_t)1 << 60));
	assert_int_equal(errno, 4711);
}

static void *
allocate(void *number)
{
	uint64_t seed = (uint64_t)(uintptr_t)number;
	uint64_t **blocks = calloc(BLOCKS, sizeof(*blocks));

	for (int i = 0; i < BLOCKS; i++) {
		size_t words = 1 + random_below(&seed, 60);

		blocks[i] = safe_alloc(words * 8);
		if (!blocks[i] || (uintptr_t)blocks[i] % 16)
			abort();
		for (size_t j = 0; j < words; j++)
			if (blocks[i][j])
				abort(); /* somebody else's */
		for (size_t j = 0; j < words; j++)
			blocks[i][j] = words << 32 | (uint64_t)number;
	}
	for (int i = 0; i < BLOCKS; i++)
		for (size_t j = 0; j < blocks[i][0] >> 32; j++)
			if ((uint32_t)blocks[i][j] != (uint64_t)number)
				abort();
	free(blocks);
	return NULL;
}

static void
test_small_memory_is_each_threads_own(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, allocate, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(safe_held() > (uint64_t)THREADS * BLOCKS * 200);
}

static void
test_large_memory(void **state)
{
	char *block = safe_alloc(1 << 20);

	(void)state;
	assert_non_null(block);
	block[(1 << 20) - 1] = 1;
	assert_null(safe_alloc((size_t)1 << 60));
}

static struct safe_lock lock;
static uint64_t guarded;

static void *
count(void *unused)
{
	for (int i = 0; i < 100000; i++) {
		safe_lock(&lock);
		guarded++;
		safe_unlock(&lock);
	}
	return unused;
}

static void
test_the_lock_lets_in_one(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(guarded, THREADS * 100000);
}

static void
test_text_is_cut_at_the_end_of_its_buffer(void **state)
{
	char text[12] = "";

	(void)state;
	safe_append(text, sizeof(text), "abc");
	safe_append_u64(text, sizeof(text), 0, 10);
	safe_append_u64(text, sizeof(text), 0xbeef, 16);
	assert_string_equal(text, "abc0beef");
	safe_append_u64(text, sizeof(text), UINT64_MAX, 10);
	assert_string_equal(text, "abc0beef184");
	safe_append(text, sizeof(text), "x");
	assert_string_equal(text, "abc0beef184");
}

/* What a handler left behind by longjmp: the thread gives it up and goes on. */
static void
test_a_lock_can_be_given_up(void **state)
{
	static struct safe_lock mine, other;

	(void)state;
	assert_false(safe_lock_is_held());
	safe_lock(&mine);
	assert_true(safe_lock_is_held());
	safe_lock_abandon();
	assert_false(safe_lock_is_held());
	assert_int_equal(mine.word, 0);
	safe_lock(&mine);
	safe_lock(&mine); /* nobody gave it up, and it is still its own */
	safe_lock(&mine);
	safe_unlock(&mine);
	safe_lock(&other);
	safe_unlock(&other);
	mine.word = 1; /* another thread's */
	safe_lock_abandon();
	assert_int_equal(mine.word, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_lock_can_be_given_up),
	    cmocka_unit_test(test_system_calls_leave_errno_alone),
	    cmocka_unit_test(test_small_memory_is_each_threads_own),
	    cmocka_unit_test(test_large_memory),
	    cmocka_unit_test(test_the_lock_lets_in_one),
	    cmocka_unit_test(test_text_is_cut_at_the_end_of_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
