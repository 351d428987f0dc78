/*
 * engine_bench.c - how long a query takes, how it grows with the sites, and
 * what the viewer keeps for each.
 *
 *	make tests/bench/engine_bench && tests/bench/engine_bench [SITES...]
 *
 * Stacks are 5 to 40 deep and share their outer frames, as those of a service
 * do; every third frame is native. There is a tenth as many frames as sites.
 * Growth counts from a mark and rates from another, as on the screen. A refresh
 * touches one site in a hundred: three in four grow, one shrinks.
 *
 * Times are of the clock and, behind it, of the processor. Bytes a site are of
 * the heap, after what was asked: all of it is the viewer's, since no segment
 * is mapped here.
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
#define REFRESHES 21

struct taken {
	double wall; /* ms */
	double cpu;
};

static double
clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct taken
now(void)
{
	return (struct taken){clock_ms(CLOCK_MONOTONIC),
			      clock_ms(CLOCK_THREAD_CPUTIME_ID)};
}

/* Kilobytes of this process that are resident. */
static long
resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
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

		struct site *site = &snapshot->sites[at];

		snapshot_touch(snapshot, (uint32_t)at + 1, site);
		if (k % 4 || site_live_count(site) < 2) {
			site->alloc_count++;
			site->alloc_bytes += 112;
		} else {
			site->free_count++;
			site->free_bytes += 112;
		}
	}
	snapshot->mono_ns += 1000000000;
}

static void
run(struct engine *engine, const struct snapshot *snapshot,
    const struct query *query, const char *what, const char *which)
{
	struct taken start = now(), end;
	size_t rows = engine_run(engine, snapshot, query)->matched;

	end = now();
	printf("  %-8s %-12s %9.2f ms %9.2f %8zu rows\n", what, which,
	       end.wall - start.wall, end.cpu - start.cpu, rows);
}

static int
compare_times(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* The middle and the worst of some. */
static void
print_times(const char *what, const char *which, struct taken *taken)
{
	double wall[REFRESHES], cpu[REFRESHES];

	for (int i = 0; i < REFRESHES; i++) {
		wall[i] = taken[i].wall;
		cpu[i] = taken[i].cpu;
	}
	qsort(wall, REFRESHES, sizeof(*wall), compare_times);
	qsort(cpu, REFRESHES, sizeof(*cpu), compare_times);
	printf("  %-8s %-12s %9.2f ms %9.2f, worst %9.2f ms %9.2f\n", what,
	       which, wall[REFRESHES / 2], cpu[REFRESHES / 2],
	       wall[REFRESHES - 1], cpu[REFRESHES - 1]);
}

static void
refreshes(struct engine *engine, struct snapshot *snapshot,
	  const struct query *query, const char *which)
{
	struct taken taken[REFRESHES], start, end;

	engine_run(engine, snapshot, query);
	for (int i = 0; i < REFRESHES; i++) {
		change_sites(snapshot);
		start = now();
		engine_run(engine, snapshot, query);
		end = now();
		taken[i] =
		    (struct taken){end.wall - start.wall, end.cpu - start.cpu};
	}
	print_times("refresh", which, taken);
}

/* As every other second: rates count from another moment. */
static void
rates_move(struct engine *engine, struct snapshot *snapshot,
	   const struct query *query, struct mark *rate, const char *which)
{
	struct taken taken[REFRESHES], start, end;

	for (int i = 0; i < REFRESHES; i++) {
		mark_fini(rate);
		mark_take(rate, snapshot, "");
		change_sites(snapshot);
		change_sites(snapshot);
		start = now();
		engine_run(engine, snapshot, query);
		end = now();
		taken[i] =
		    (struct taken){end.wall - start.wall, end.cpu - start.cpu};
	}
	print_times("rates", which, taken);
}

static void
measure(size_t count)
{
	double before = heap_bytes(), made;
	struct snapshot snapshot;
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct query query = {.sort = COLUMN_SIZE, .top = SCREEN};
	struct mark mark, rate;

	snapshot_init(&snapshot, names);
	make_sites(&snapshot, count);
	snapshot.touches = true;
	mark_take(&mark, &snapshot, "");
	change_sites(&snapshot);
	mark_take(&rate, &snapshot, "");
	change_sites(&snapshot);
	query.mark = &mark;
	query.rate = &rate;
	made = heap_bytes();
	printf("%zu sites, %zu stacks, %zu frames\n", count,
	       names_stacks(names), names_frames(names));
	run(engine, &snapshot, &query, "first", "");
	printf("  bytes a site: names, totals and marks %.0f, engine %.0f\n",
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
	rates_move(engine, &snapshot, &query, &rate, "own");
	query.group_by = GROUP_FILENAME;
	refreshes(engine, &snapshot, &query, "by file");
	query.group_by = GROUP_LINENO;
	engine_run(engine, &snapshot, &query);
	query.filter = "module_7";
	run(engine, &snapshot, &query, "filter", "");
	query.filter = NULL;
	query.mine = true;
	run(engine, &snapshot, &query, "mine", "");
	query.mine = false;
	query.inclusive = true;
	run(engine, &snapshot, &query, "own to", "inclusive");
	refreshes(engine, &snapshot, &query, "inclusive");
	rates_move(engine, &snapshot, &query, &rate, "inclusive");
	printf("  bytes a site, inclusive: %.0f, resident %.0f\n",
	       (heap_bytes() - before) / (double)count,
	       (double)resident() * 1024 / (double)count);
	query.inclusive = false;
	run(engine, &snapshot, &query, "back to", "own");
	printf("  bytes a site, own again: %.0f, resident %.0f\n",
	       (heap_bytes() - before) / (double)count,
	       (double)resident() * 1024 / (double)count);
	mark_fini(&mark);
	mark_fini(&rate);
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
