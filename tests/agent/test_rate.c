/*
 * test_rate.c - a whole program with the agent linked into it, whose rate
 * changes while it runs: exact, sampled at two intervals, exact again, each
 * noticed by all threads at once. What was recorded at one rate is freed at
 * another, and the totals must be right all the same.
 *
 * The program runs in a child of this one: `test_rate scenario`.
 */
#include "config.h"

#include "check.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sample.h"
#include "reader.h"

#define THREADS 3
#define PHASES	4
#define BLOCKS	40000 /* of each thread and phase */

/* Each phase has blocks of its own size, and so its own sites. */
static const uint64_t intervals[PHASES] = {1, 4096, 16384, 1};
static const size_t sizes[PHASES] = {24, 104, 200, 56};

static pthread_barrier_t barrier;

/* A site for each phase; the text keeps the compiler from making them one. */
#define MAKE(name_)                                          \
	__attribute__((noinline)) static void *name_(void)   \
	{                                                    \
		void *block = malloc(sizes[name_##_phase]);  \
                                                             \
		__asm__ volatile("# " #name_ : "+r"(block)); \
		return block;                                \
	}
enum { first_phase, second_phase, third_phase, fourth_phase };
MAKE(first)
MAKE(second)
MAKE(third)
MAKE(fourth)
static void *(*const make[PHASES])(void) = {first, second, third, fourth};

/* Every other block of the phase before goes now, the others at the end; and
 * every seventh of them goes by realloc. */
static void
phase(void ***blocks, int number)
{
	for (int i = 0; i < BLOCKS; i++) {
		blocks[number][i] = make[number]();
		if (!number)
			continue;
		if (i % 2)
			free(blocks[number - 1][i]);
		else if (i % 14 == 0)
			blocks[number - 1][i] =
			    realloc(blocks[number - 1][i], 1000);
	}
}

static void *
work(void *is_first)
{
	void **blocks[PHASES];

	for (int i = 0; i < PHASES; i++)
		blocks[i] =
		    mmap(NULL, BLOCKS * sizeof(void *), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < PHASES; i++) {
		pthread_barrier_wait(&barrier);
		if (is_first)
			sample_rate_set(intervals[i]);
		pthread_barrier_wait(&barrier);
		phase(blocks, i);
	}
	for (int i = 0; i < PHASES - 1; i++)
		for (int j = 0; j < BLOCKS; j += 2)
			free(blocks[i][j]);
	for (int i = 0; i < PHASES; i++)
		munmap(blocks[i], BLOCKS * sizeof(void *));
	return NULL;
}

static int
scenario(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work,
			       (void *)(uintptr_t)(i == 0));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static char directory[64];

static void
run_scenario(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		setenv("HEAPTOP_KEEP", "1", 1);
		unsetenv("HEAPTOP_MODE");
		alarm(60);
		execl("/proc/self/exe", "test_rate", "scenario", NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The sites whose blocks have that size; sampled ones too are whole multiples
 * of it. The sizes are chosen so that no other site comes into it. */
static struct reader_site
sites_of(const struct reader *reader, size_t size)
{
	struct reader_site sum = {0};

	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct reader_site *site = &reader->sites[i];

		if (!site->there || site->domain != WIRE_DOMAIN_MALLOC ||
		    site->totals.alloc_count < 100 ||
		    site->totals.alloc_bytes != site->totals.alloc_count * size)
			continue;
		sum.totals.alloc_bytes += site->totals.alloc_bytes;
		sum.totals.alloc_count += site->totals.alloc_count;
		sum.totals.free_bytes += site->totals.free_bytes;
		sum.totals.free_count += site->totals.free_count;
		sum.spread.alloc_bytes += site->spread.alloc_bytes;
		sum.spread.alloc_count += site->spread.alloc_count;
		sum.spread.free_bytes += site->spread.free_bytes;
		sum.spread.free_count += site->spread.free_count;
	}
	return sum;
}

static void
test_exact_phases_are_exact(void **reader)
{
	struct reader_site first = sites_of(*reader, sizes[0]);
	struct reader_site last = sites_of(*reader, sizes[PHASES - 1]);

	assert_int_equal(first.totals.alloc_count, THREADS * BLOCKS);
	assert_int_equal(first.totals.free_count, THREADS * BLOCKS);
	assert_true(first.spread.alloc_bytes == 0);
	assert_int_equal(last.totals.alloc_count, THREADS * BLOCKS);
	assert_int_equal(last.totals.free_count, 0);
	assert_true(last.spread.alloc_count == 0);
}

/* Freed blocks take away what they added, to the last byte, at any rate. */
static void
test_sampled_phases_end_at_nothing(void **reader)
{
	for (int i = 1; i < PHASES - 1; i++) {
		struct reader_site site = sites_of(*reader, sizes[i]);

		assert_int_equal(site.totals.alloc_count,
				 site.totals.free_count);
		assert_int_equal(site.totals.alloc_bytes,
				 site.totals.free_bytes);
		assert_true(site.spread.alloc_bytes == site.spread.free_bytes);
		assert_true(site.spread.alloc_count == site.spread.free_count);
		assert_true(site.spread.alloc_count > 0);
	}
}

static void
test_sampled_phases_are_estimated(void **reader)
{
	for (int i = 1; i < PHASES - 1; i++) {
		struct reader_site site = sites_of(*reader, sizes[i]);
		double off = (double)site.totals.alloc_count - THREADS * BLOCKS;

		assert_true(fabs(off) <= 5 * sqrt(site.spread.alloc_count));
	}
}

/* Mappings are counted in full at any rate. */
static void
test_mappings_are_exact(void **reader)
{
	struct wire_totals sum = reader_sum(*reader, WIRE_DOMAIN_MMAP);

	assert_int_equal(sum.alloc_bytes, sum.free_bytes);
	assert_true(sum.alloc_bytes >=
		    THREADS * PHASES * BLOCKS * sizeof(void *));
}

static void
test_nothing_is_negative(void **state)
{
	const struct reader *reader = *state;

	assert_int_equal(reader->status.sample_bytes, 1);
	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct reader_site *site = &reader->sites[i];

		if (!site->there)
			continue;
		assert_true(site->totals.free_count <=
			    site->totals.alloc_count);
		assert_true(site->totals.free_bytes <=
			    site->totals.alloc_bytes);
		assert_true(site->spread.free_count <=
			    site->spread.alloc_count);
		assert_true(site->spread.free_bytes <=
			    site->spread.alloc_bytes);
	}
}

static int
setup(void **state)
{
	static struct reader reader;

	strcpy(directory, "/tmp/heaptop-test-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	run_scenario();
	*state = &reader;
	return reader_take_only(&reader, directory) ? 0 : -1;
}

static int
teardown(void **state)
{
	reader_fini(*state);
	return rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_phases_are_exact),
	    cmocka_unit_test(test_sampled_phases_end_at_nothing),
	    cmocka_unit_test(test_sampled_phases_are_estimated),
	    cmocka_unit_test(test_mappings_are_exact),
	    cmocka_unit_test(test_nothing_is_negative),
	};

	if (argc > 1 && strcmp(argv[1], "scenario") == 0)
		return scenario();
	return cmocka_run_group_tests(tests, setup, teardown);
}
