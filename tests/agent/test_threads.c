/*
 * test_threads.c - many threads: 100,000 that come and go one after the other,
 * and many alive at once, several times. Each allocates from three of 300
 * sites. The totals are exact, and what is gone holds no memory.
 *
 * The program: `test_threads target`. It keeps its segment.
 */
#include "config.h"

#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader.h"

#define SITES	    300
#define DEPTH	    9 /* 2^9 stacks */
#define IN_SEQUENCE 100000
#define AT_ONCE	    600
#define ROUNDS	    4
#define SIZE	    4321
#define MIB	    (1024 * 1024)

#define THREADS	   (IN_SEQUENCE + AT_ONCE * ROUNDS)
#define ALL_BLOCKS (3 * THREADS)
/*
 * After all those in sequence: a descriptor's next thread goes on with what
 * the last one has, and there are some hundred of them, as many as sizes. If
 * each thread left but a page, it would be 400 MiB.
 */
#define GROWN_MAX (128 * MIB)
#define STACKS	   97	      /* sizes of stacks */

enum { FAILED_GROWTH = 3, FAILED_RETURN, FAILED_THREAD };

static void way_left(unsigned way, int depth);
static void way_right(unsigned way, int depth);

static void
way_on(unsigned way, int depth)
{
	void *volatile block;

	if (depth && way & 1) {
		way_left(way >> 1, depth - 1);
	} else if (depth) {
		way_right(way >> 1, depth - 1);
	} else {
		block = malloc(SIZE);
		free(block);
	}
	__asm__ volatile("");
}

static __attribute__((noinline)) void
way_left(unsigned way, int depth)
{
	way_on(way, depth);
	__asm__ volatile("");
}

static __attribute__((noinline)) void
way_right(unsigned way, int depth)
{
	way_on(way, depth);
	__asm__ volatile("");
}

static pthread_barrier_t together;

static void *
touch_three(void *number)
{
	unsigned from = (unsigned)(uintptr_t)number * 3;

	for (unsigned i = 0; i < 3; i++)
		way_on((from + i) % SITES, DEPTH);
	return NULL;
}

static void *
touch_and_meet(void *number)
{
	touch_three(number);
	pthread_barrier_wait(&together);
	return NULL;
}

/* Bytes that belong to this process alone. */
static uint64_t
anonymous(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	unsigned long kib = 0;
	char line[200];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Anonymous: %lu", &kib) == 1)
			break;
	fclose(file);
	return (uint64_t)kib * 1024;
}

static pthread_t
start(void *(*body)(void *), uintptr_t number, size_t stack)
{
	pthread_attr_t attributes;
	pthread_t id;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, stack);
	if (pthread_create(&id, &attributes, body, (void *)number))
		_exit(FAILED_THREAD);
	pthread_attr_destroy(&attributes);
	return id;
}

/* On stacks of many sizes, so that they do not all share an address. */
static void
run_in_sequence(void)
{
	for (uintptr_t i = 0; i < IN_SEQUENCE; i++)
		pthread_join(start(touch_three, i, 65536 + i % STACKS * 4096),
			     NULL);
}

/* Returns what they hold while all are alive. */
static uint64_t
run_at_once(uintptr_t first)
{
	static pthread_t ids[AT_ONCE];
	uint64_t held;

	pthread_barrier_init(&together, NULL, AT_ONCE + 1);
	for (uintptr_t i = 0; i < AT_ONCE; i++)
		ids[i] = start(touch_and_meet, first + i, 65536);
	held = anonymous();
	pthread_barrier_wait(&together);
	for (int i = 0; i < AT_ONCE; i++)
		pthread_join(ids[i], NULL);
	pthread_barrier_destroy(&together);
	return held;
}

static char *
segment_path(const char *directory)
{
	static char path[400];
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(path, sizeof(path), "%s/%s", directory,
				 entry->d_name);
	closedir(dir);
	return path;
}

/* So that this test need not wait for a tick a second. */
static void
watch(void)
{
	int fd = open(segment_path(getenv("HEAPTOP_DIR")), O_RDWR | O_CLOEXEC);
	struct wire_control *control =
	    mmap(NULL, WIRE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 WIRE_CONTROL_OFFSET);
	struct timespec now;

	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &now);
	control->watch_until = (uint64_t)(now.tv_sec + 59) * 1000000000;
}

static int
target(void)
{
	uint64_t before;
	uint64_t held;

	touch_three(NULL);
	before = anonymous();
	run_in_sequence();
	if (anonymous() > before + GROWN_MAX)
		return FAILED_GROWTH;
	watch();
	for (uintptr_t round = 0; round < ROUNDS; round++)
		held = run_at_once(round * AT_ONCE);
	/* Their structs are given back; libc keeps stacks and arenas. */
	return WAIT_FOR(anonymous() < before + (held - before) / 2)
		   ? 0
		   : FAILED_RETURN;
}

/* Sites of this program's blocks only. */
static struct wire_totals
totals_of_size(const struct reader *reader, unsigned *sites)
{
	struct wire_totals sum = {0};

	*sites = 0;
	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct wire_totals *totals = &reader->sites[i].totals;

		if (!reader->sites[i].there || !totals->alloc_count ||
		    totals->alloc_bytes != totals->alloc_count * SIZE)
			continue;
		++*sites;
		sum.alloc_count += totals->alloc_count;
		sum.free_count += totals->free_count;
		sum.free_bytes += totals->free_bytes;
	}
	return sum;
}

static void
test_many_threads(void **state)
{
	char directory[] = "/tmp/heaptop-test-XXXXXX";
	struct reader reader = {0};
	struct wire_totals sum;
	unsigned sites;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(directory));
	pid = fork();
	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		setenv("HEAPTOP_KEEP", "1", 1);
		execl("/proc/self/exe", "test_threads", "target", NULL);
		_exit(255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(reader_read_file(&reader, segment_path(directory)));
	sum = totals_of_size(&reader, &sites);
	/* Called from two functions, and three times from the main thread. */
	assert_int_equal(sites, 2 * SITES + 3);
	assert_int_equal(sum.alloc_count, ALL_BLOCKS + 3);
	assert_int_equal(sum.free_count, ALL_BLOCKS + 3);
	assert_int_equal(sum.free_bytes, (uint64_t)(ALL_BLOCKS + 3) * SIZE);
	reader_fini(&reader);
	unlink(segment_path(directory));
	rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_threads),
	};

	if (argc > 1 && strcmp(argv[1], "target") == 0)
		return target();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
