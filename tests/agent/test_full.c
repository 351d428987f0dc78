/*
 * test_full.c - tables that are full, or cannot grow, in a program with the
 * agent in it: each block that is missing is counted once, by its cause, and
 * what was there before goes on being counted.
 *
 * The program: `test_full TABLE`. It keeps its segment.
 */
#include "config.h"

#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/nodes.h"
#include "fault.h"
#include "reader.h"

#define BLOCKS 600
#define BEFORE 50 /* of these, those that there is room for in any case */
#define SIZE   12288ul
#define HUGE   (70ul << 20) /* each begins in another part of the live map */
#define HUGES  40

static void *volatile last;

static __attribute__((noinline)) void
allocate_at(int depth)
{
	if (depth)
		allocate_at(depth - 1);
	else
		last = malloc(SIZE);
	__asm__ volatile("");
}

/* Each depth is a stack of its own. */
static int
fill_sites(void)
{
	for (int i = 0; i < BEFORE; i++)
		allocate_at(i);
	nodes_limit = nodes_count() + 100;
	for (int i = BEFORE; i < BLOCKS; i++)
		allocate_at(i % 250);
	return 0;
}

static void *
allocate_in_thread(void *count)
{
	fault_all(SYS_mmap);
	for (int i = 0; i < *(int *)count; i++)
		allocate_at(0);
	fault_all(0);
	return NULL;
}

static int
fill_threads(void)
{
	int count = BLOCKS - BEFORE;
	pthread_t id;

	for (int i = 0; i < BEFORE; i++)
		allocate_at(0);
	if (pthread_create(&id, NULL, allocate_in_thread, &count))
		return 1;
	pthread_join(id, NULL);
	return 0;
}

static int
fill_mappings(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		if (i == BEFORE)
			fault_all(SYS_mmap);
		if (mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0) == MAP_FAILED)
			return 1;
	}
	fault_all(0);
	return 0;
}

static int
fill_live(void)
{
	for (int i = 0; i < HUGES; i++) {
		if (i == HUGES / 4)
			fault_all(SYS_mmap);
		last = malloc(HUGE);
		if (!last)
			return 1;
	}
	fault_all(0);
	return 0;
}

static const struct table {
	const char *name;
	int (*fill)(void);
	enum wire_lost cause;
	uint64_t blocks;
	uint64_t before;
	uint64_t size;
} tables[] = {
    {"sites", fill_sites, WIRE_LOST_SITES_FULL, BLOCKS, BEFORE, SIZE},
    {"threads", fill_threads, WIRE_LOST_THREADS_FULL, BLOCKS, BEFORE, SIZE},
    {"mappings", fill_mappings, WIRE_LOST_MMAP_FULL, BLOCKS, BEFORE, SIZE},
    {"live", fill_live, WIRE_LOST_LIVE_FULL, HUGES, HUGES / 4, HUGE},
};
#define TABLES (sizeof(tables) / sizeof(*tables))

static void
run(const char *name, const char *directory)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setenv("HEAPTOP_DIR", directory, 1);
		setenv("HEAPTOP_KEEP", "1", 1);
		execl("/proc/self/exe", "test_full", name, NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The one segment in the directory, read and removed with it. */
static void
read_segment(struct reader *reader, const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char path[400];

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		assert_true(reader_read_file(reader, path));
		unlink(path);
	}
	closedir(dir);
	rmdir(directory);
}

static uint64_t
blocks_of(const struct reader *reader, uint64_t size)
{
	uint64_t count = 0;

	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct wire_totals *totals = &reader->sites[i].totals;

		if (reader->sites[i].there &&
		    totals->alloc_bytes == totals->alloc_count * size)
			count += totals->alloc_count;
	}
	return count;
}

static void
test_each_missing_block_is_counted(void **state)
{
	const struct table *table = *state;
	char directory[] = "/tmp/heaptop-test-XXXXXX";
	struct reader reader = {0};
	uint64_t lost;
	uint64_t found;

	assert_non_null(mkdtemp(directory));
	run(table->name, directory);
	read_segment(&reader, directory);
	lost = reader.status.lost[table->cause];
	found = blocks_of(&reader, table->size);
	assert_in_range(found, table->before, table->blocks - 1);
	assert_int_equal(found + lost, table->blocks);
	reader_fini(&reader);
}

int
main(int argc, char **argv)
{
	struct CMUnitTest tests[TABLES];

	for (size_t i = 0; i < TABLES; i++) {
		if (argc > 1 && strcmp(argv[1], tables[i].name) == 0)
			return tables[i].fill();
		tests[i] = (struct CMUnitTest){
		    tables[i].name, test_each_missing_block_is_counted, NULL,
		    NULL, (void *)&tables[i]};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
