/*
 * ticker_bench.c - what a tick costs: a program with 100,000 sites looks at its
 * own segment while nothing changes, and while 1,000 sites change per tick.
 *
 * Profiled by the agent that it links. Prints microseconds of the ticker's CPU
 * time for each tick, and what share of a core that is at ten ticks a second.
 * The first argument is the number of sites, the second that of threads which
 * have touched all of them and then sleep.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "heaptop/wire.h"

#define DEPTH	     20 /* 2^20 stacks */
#define CHANGES	     1000
#define ROUNDS	     50
#define ROUNDS_ALONE 5 /* at one tick a second */
#define TICK_NS	     100000000
#define WATCH_NS     30000000000
#define DEADLINE_NS  10000000000

static unsigned sites = 100000;
static pthread_barrier_t touched;

static void way_left(unsigned way, int depth);
static void way_right(unsigned way, int depth);

static inline __attribute__((always_inline)) void
way_on(unsigned way, int depth)
{
	void *volatile block;

	if (depth && way & 1) {
		way_left(way >> 1, depth - 1);
	} else if (depth) {
		way_right(way >> 1, depth - 1);
	} else {
		block = malloc(100);
		free(block);
	}
	__asm__ volatile("");
}

static __attribute__((noinline)) void
way_left(unsigned way, int depth)
{
	way_on(way, depth);
}

static __attribute__((noinline)) void
way_right(unsigned way, int depth)
{
	way_on(way, depth);
}

static void *
touch_all(void *stays)
{
	for (unsigned i = 0; i < sites; i++)
		way_left(i, DEPTH);
	if (!stays)
		return NULL;
	pthread_barrier_wait(&touched);
	for (;;)
		pause();
}

/* Our own segment, the control page and all up to the ring. */
static char *
map_segment(void)
{
	const char *path = getenv("HEAPTOP_DIR");
	char name[64];
	struct dirent *entry;
	char *start = NULL;
	DIR *dir = path ? opendir(path) : NULL;

	snprintf(name, sizeof(name), "%d-", getpid());
	while (dir && (entry = readdir(dir))) {
		int fd;

		if (strncmp(entry->d_name, name, strlen(name)) != 0)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC);
		start = mmap(NULL, WIRE_BODY_OFFSET, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);
		close(fd);
	}
	if (!start || start == MAP_FAILED) {
		fputs("no segment: set HEAPTOP_DIR to a directory\n", stderr);
		exit(1);
	}
	closedir(dir);
	return start;
}

static struct wire_status
status_now(const char *segment)
{
	const struct wire_turn *turn =
	    (const void *)(segment + WIRE_TURN_OFFSET);
	const struct wire_status *both =
	    (const void *)(segment + WIRE_STATUS_OFFSET);
	struct wire_status status;
	uint64_t seen;

	do {
		seen = __atomic_load_n(&turn->turn, __ATOMIC_ACQUIRE);
		status = both[seen & 1];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&turn->turn, __ATOMIC_RELAXED) != seen);
	return status;
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
watch(char *segment, bool on)
{
	struct wire_control *control = (void *)(segment + WIRE_CONTROL_OFFSET);

	control->watch_until = on ? now_ns() + WATCH_NS : 0;
}

/* Waits for a tick that is whole, with at least so many sites. */
static struct wire_status
await(const char *segment, uint64_t tick, uint64_t at_least)
{
	uint64_t end = now_ns() + DEADLINE_NS;
	struct wire_status status = status_now(segment);

	while (status.tick < tick || status.sites < at_least) {
		if (now_ns() > end) {
			fputs("the ticker does not tick\n", stderr);
			exit(1);
		}
		poll(NULL, 0, 1);
		status = status_now(segment);
	}
	return status;
}

static void
measure(char *segment, const char *name, int rounds, unsigned changes)
{
	struct wire_status before = status_now(segment);
	struct wire_status after = before;
	uint64_t seed = 88172645463325252;
	double us;

	for (int round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < changes; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			way_left((unsigned)(seed % sites), DEPTH);
		}
		after = await(segment, after.tick + 1, 0);
	}
	us = (double)(after.agent_cpu_ns - before.agent_cpu_ns) / 1e3 /
	     (double)(after.tick - before.tick);
	printf("%-34s %4u ticks %9.1f us each", name,
	       (unsigned)(after.tick - before.tick), us);
	if (rounds == ROUNDS)
		printf(" %6.2f %% of a core", us / 1e6 * 1e9 / TICK_NS * 100);
	putchar('\n');
}

int
main(int argc, char **argv)
{
	unsigned threads = 0;
	pthread_t id;
	char *segment;

	if (argc > 1)
		sites = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		threads = (unsigned)strtoul(argv[2], NULL, 10);
	touch_all(NULL);
	pthread_barrier_init(&touched, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++)
		pthread_create(&id, NULL, touch_all, &touched);
	pthread_barrier_wait(&touched);
	segment = map_segment();
	watch(segment, true);
	await(segment, await(segment, 0, sites).tick + 5, sites);
	printf("%u sites, %u threads\n", sites, threads + 1);
	watch(segment, false);
	measure(segment, "nothing changes, nobody watches", ROUNDS_ALONE, 0);
	watch(segment, true);
	measure(segment, "nothing changes", ROUNDS, 0);
	measure(segment, "1,000 sites change", ROUNDS, CHANGES);
	return 0;
}
