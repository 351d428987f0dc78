/*
 * engine_bench.c - how long a query takes, how it grows with the sites, and
 * what the viewer keeps for each.
 *
 *	make tests/bench/engine_bench && tests/bench/engine_bench [SITES...]
 *
 * Stacks are 5 to 40 deep and share their outer frames, as those of a service
 * do; every third frame is native. There is a tenth as many frames as sites.
 * Bytes a site are of the heap, after what was asked: all of it is the
 * viewer's, since no segment is mapped here.
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/query.h"

#define DEPTH_MIN 5
#define DEPTH_MAX 40
#define SCREEN	  100 /* rows that are asked for, but where said */

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double
heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)info.uordblks + (double)info.hblkhd;
}

static void
make_frames(struct names *names, size_t count)
{
	char text[96];
	int size = snprintf(text, sizeof(text), "/usr/lib/libservice.so.1");
	uint32_t path = names_string(names, text, (size_t)size);
	uint32_t module =
	    names_add_module(names, &(struct module){.path = path});

	for (size_t i = 0; i < count; i++) {
		uint32_t file, function;

		if (i % 3 == 0) {
			names_add_native(names, module, 16 * i);
			continue;
		}
		size = snprintf(text, sizeof(text),
				"/srv/service/package_%zu/module_%zu.py",
				i / 1000, i / 40);
		file = names_string(names, text, (size_t)size);
		size = snprintf(text, sizeof(text), "handle_%zu", i / 4);
		function = names_string(names, text, (size_t)size);
		names_add_python(names, file, function, (uint32_t)(i % 900));
	}
}

/* Each site branches off the stack of the one before at some depth. */
static void
make_sites(struct snapshot *snapshot, size_t count)
{
	struct names *names = snapshot->names;
	uint32_t path[DEPTH_MAX + 1] = {0};
	size_t depth = 0;

	make_frames(names, count / 10 + 16);
	snapshot_room(snapshot, count);
	for (size_t i = 0; i < count; i++) {
		size_t frames = names_frames(names), low;
		uint64_t blocks = (uint64_t)rand() % 100000 + 1;

		low = depth < DEPTH_MIN || depth == DEPTH_MAX || rand() % 8 == 0
			  ? DEPTH_MIN - 1
			  : depth - 1;
		if (low > depth)
			low = depth;
		depth = low + 1 + (size_t)rand() % 2;
		if (depth < DEPTH_MIN)
			depth = DEPTH_MIN;
		if (i % 500 == 0)
			depth = DEPTH_MAX;
		for (size_t k = low; k < depth; k++)
			path[k + 1] = names_add_stack(
			    names, path[k],
			    (uint32_t)((size_t)rand() % frames) + 1);
		snapshot->sites[i] = (struct site){
		    .stack = path[depth],
		    .domain = (uint16_t)(i % DOMAIN_COUNT),
		    .alloc_count = blocks,
		    .alloc_bytes = blocks * 112,
		    .free_count = blocks / 2,
		    .free_bytes = blocks / 2 * 112,
		    .peak_bytes = blocks * 112,
		};
	}
	snapshot_sum(snapshot);
}

static void
change_sites(struct snapshot *snapshot)
{
	for (size_t k = 0; k < snapshot->site_count / 100; k++) {
		size_t at = (size_t)rand() % snapshot->site_count;

		snapshot->sites[at].alloc_count++;
		snapshot->sites[at].alloc_bytes += 112;
	}
}

static void
run(struct engine *engine, const struct snapshot *snapshot,
    const struct query *query, const char *what, const char *which)
{
	double start = now_ms();
	size_t rows = engine_run(engine, snapshot, query)->matched;

	printf("  %-8s %-12s %9.2f ms %8zu rows\n", what, which,
	       now_ms() - start, rows);
}

static void
refreshes(struct engine *engine, struct snapshot *snapshot,
	  const struct query *query, const char *which)
{
	engine_run(engine, snapshot, query);
	change_sites(snapshot);
	run(engine, snapshot, query, "refresh", which);
}

static void
measure(size_t count)
{
	double before = heap_bytes(), made;
	struct snapshot snapshot;
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct query query = {.sort = COLUMN_SIZE, .top = SCREEN};

	snapshot_init(&snapshot, names);
	make_sites(&snapshot, count);
	made = heap_bytes();
	printf("%zu sites, %zu stacks, %zu frames\n", count,
	       names_stacks(names), names_frames(names));
	run(engine, &snapshot, &query, "first", "");
	printf("  bytes a site: names and totals %.0f, engine %.0f\n",
	       (made - before) / (double)count,
	       (heap_bytes() - made) / (double)count);
	for (int i = 0; i < GROUP_COUNT; i++) {
		query.group_by = (enum group)((i + 1) % GROUP_COUNT);
		run(engine, &snapshot, &query, "regroup",
		    group_names[query.group_by]);
	}
	for (int i = 0; i < COLUMN_MAX; i++) {
		query.sort = (enum column)i;
		if (column_sorts(query.sort))
			run(engine, &snapshot, &query, "sort",
			    column_infos[i].word);
	}
	query.sort = COLUMN_SIZE;
	query.top = 0;
	run(engine, &snapshot, &query, "sort", "all rows");
	query.top = SCREEN;
	refreshes(engine, &snapshot, &query, "own");
	query.filter = "module_7";
	run(engine, &snapshot, &query, "filter", "");
	query.filter = NULL;
	query.mine = true;
	run(engine, &snapshot, &query, "mine", "");
	query.mine = false;
	query.inclusive = true;
	run(engine, &snapshot, &query, "own to", "inclusive");
	refreshes(engine, &snapshot, &query, "inclusive");
	printf("  bytes a site, after all of it: %.0f\n",
	       (heap_bytes() - before) / (double)count);
	engine_free(engine);
	snapshot_fini(&snapshot);
	names_free(names);
}

/* In a process of its own, so that no heap is left from the one before. */
static bool
apart(size_t count)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		measure(count);
		fflush(stdout);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(int argc, char **argv)
{
	static const size_t usual[] = {10000, 100000, 1000000};
	bool good = true;

	for (int i = 1; i < argc && good; i++) {
		size_t count = strtoul(argv[i], NULL, 10);

		good = count && apart(count);
	}
	for (size_t i = 0; i < 3 && argc < 2 && good; i++)
		good = apart(usual[i]);
	return !good;
}
