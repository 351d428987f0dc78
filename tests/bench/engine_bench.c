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
 * Rows are asked for as the screen does, which looks at some and not all; "all
 * rows" are made at once, as for a report.
 *
 * All of it is asked of an exact process, of a sampled one, and of a family of
 * two that share their sites. Times are of the clock and, behind it, of the
 * processor. Bytes a site are of the heap, after what was asked; memory.py
 * measures those of the whole viewer.
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/merge.h"
#include "model/query.h"

#define DEPTH_MIN 5
#define DEPTH_MAX 40
#define SCREEN	  100 /* rows that are looked at, but where said */
#define REFRESHES 21
#define MEMORY	  1200 /* bytes a site that it comes to, at most */

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

/* What is asked, and of what. */
struct bench {
	struct snapshot snapshot; /* of the process, or of one of the family */
	struct snapshot other;	  /* of the family: the same sites */
	struct snapshot whole;
	struct merge *merge; /* NULL: no family */
	struct engine *engine;
	struct query query;
	struct mark mark;
	struct mark rate;
};

enum kind { EXACT, SAMPLED, FAMILY, KINDS };
static const char *const kinds[] = {"exact", "sampled", "family"};

static const struct snapshot *
asked(const struct bench *bench)
{
	return bench->merge ? &bench->whole : &bench->snapshot;
}

static void
take(struct bench *bench)
{
	if (!bench->merge)
		return;
	merge_take(bench->merge, 0, &bench->snapshot);
	merge_finish(bench->merge);
}

static void
site_change(struct snapshot *snapshot, size_t at, bool grows)
{
	struct site *site = &snapshot->sites[at];

	snapshot_touch(snapshot, (uint32_t)at + 1, site);
	if (grows || site_live_count(site) < 2) {
		site->alloc_count++;
		site->alloc_bytes += 112;
		if (snapshot->spreads)
			snapshot->spreads[at].live_bytes += 5000;
	} else {
		site->free_count++;
		site->free_bytes += 112;
		if (snapshot->spreads)
			snapshot->spreads[at] = spread_make(1e9, 5e8, 10, 1);
	}
}

static void
change_sites(struct bench *bench)
{
	struct snapshot *snapshot = &bench->snapshot;

	for (size_t k = 0; k < snapshot->site_count / 100; k++)
		site_change(snapshot, (size_t)rand() % snapshot->site_count,
			    k % 4);
	snapshot->mono_ns += 1000000000;
	take(bench);
}

static void
remark(struct bench *bench, struct mark *mark)
{
	mark_fini(mark);
	mark_take(mark, asked(bench), "");
}

/* A query, and how long it took. */
static struct taken
ask(struct bench *bench)
{
	struct taken start = now(), end;
	const struct rows *rows =
	    engine_run(bench->engine, asked(bench), &bench->query);

	for (size_t i = 0; i < SCREEN && i < rows->count; i++)
		rows_get(rows, i);
	end = now();
	return (struct taken){end.wall - start.wall, end.cpu - start.cpu};
}

static void
once(struct bench *bench, const char *what, const char *which)
{
	struct taken taken = ask(bench);

	printf("  %-9s %-12s %9.2f ms %9.2f\n", what, which, taken.wall,
	       taken.cpu);
}

static int
compare_times(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* The middle and the worst of some, each after 1 % of the sites changed; with
 * rates that count from another moment each time, as they do now and then. */
static void
refreshes(struct bench *bench, const char *which, bool rates)
{
	double wall[REFRESHES], cpu[REFRESHES];

	ask(bench);
	for (int i = 0; i < REFRESHES; i++) {
		struct taken taken;

		if (rates)
			remark(bench, &bench->rate);
		change_sites(bench);
		taken = ask(bench);
		wall[i] = taken.wall;
		cpu[i] = taken.cpu;
	}
	qsort(wall, REFRESHES, sizeof(*wall), compare_times);
	qsort(cpu, REFRESHES, sizeof(*cpu), compare_times);
	printf("  %-9s %-12s %9.2f ms %9.2f, worst %9.2f ms %9.2f\n",
	       rates ? "rates" : "refresh", which, wall[REFRESHES / 2],
	       cpu[REFRESHES / 2], wall[REFRESHES - 1], cpu[REFRESHES - 1]);
}

static void
sorts(struct bench *bench)
{
	struct query *query = &bench->query;

	for (int i = 0; i < COLUMN_MAX; i++) {
		query->sort = (enum column)i;
		once(bench, "sort", column_infos[i].word);
	}
	query->sort = COLUMN_SIZE;
	query->later = false;
	once(bench, "sort", "all rows");
	refreshes(bench, "all rows", false);
	query->later = true;
}

static void
asks(struct bench *bench)
{
	struct query *query = &bench->query;

	once(bench, "first", "");
	for (int i = 1; i <= GROUP_COUNT; i++) {
		query->group_by = (enum group)(i % GROUP_COUNT);
		once(bench, "regroup", group_names[query->group_by]);
		if (query->group_by == GROUP_TRACEBACK ||
		    query->group_by == GROUP_FILENAME)
			refreshes(bench, group_names[query->group_by], false);
	}
	sorts(bench);
	refreshes(bench, "own", false);
	refreshes(bench, "own", true);
	query->filter = "module_7";
	once(bench, "filter", "");
	refreshes(bench, "filter", false);
	query->filter = NULL;
	query->mine = true;
	once(bench, "mine", "");
	query->mine = false;
	once(bench, "not", "mine");
	query->inclusive = true;
	once(bench, "own to", "inclusive");
	refreshes(bench, "inclusive", false);
	refreshes(bench, "inclusive", true);
	query->filter = "module_7";
	once(bench, "filter", "inclusive");
	refreshes(bench, "both", false);
	query->filter = NULL;
	once(bench, "all of", "inclusive");
	query->inclusive = false;
	once(bench, "back to", "own");
}

static void
snapshot_open(struct snapshot *snapshot, size_t count)
{
	srand(1);
	snapshot_init(snapshot, names_new());
	snapshot->process = (struct process){
	    .mode = "exact", .command = mem_string(""), .exe = mem_string("")};
	make_sites(snapshot, count);
	snapshot->touches = true;
}

static void
bench_open(struct bench *bench, enum kind kind, size_t count)
{
	*bench = (struct bench){
	    .engine = engine_new(),
	    .query = {.sort = COLUMN_SIZE, .later = true},
	};
	bench->query.mark = &bench->mark;
	bench->query.rate = &bench->rate;
	snapshot_open(&bench->snapshot, count);
	if (kind == SAMPLED)
		snapshot_spread(&bench->snapshot);
	for (size_t i = 0; i < count && kind == SAMPLED; i++)
		bench->snapshot.spreads[i] = spread_make(1e9, 1e6, 10, 1);
	if (kind != FAMILY)
		return;
	snapshot_init(&bench->whole, names_new());
	bench->merge = merge_new(&bench->whole);
	merge_add(bench->merge, &bench->snapshot.process);
	merge_add(bench->merge, &bench->snapshot.process);
	snapshot_open(&bench->other, count);
	merge_take(bench->merge, 1, &bench->other);
	take(bench);
}

static void
bench_close(struct bench *bench)
{
	struct names *names[] = {bench->snapshot.names, bench->other.names,
				 bench->whole.names};

	mark_fini(&bench->mark);
	mark_fini(&bench->rate);
	engine_free(bench->engine);
	merge_free(bench->merge);
	snapshot_fini(&bench->snapshot);
	snapshot_fini(&bench->other);
	snapshot_fini(&bench->whole);
	for (int i = 0; i < 3; i++)
		names_free(names[i]);
}

/* A hypervisor hands memory out when it is touched for the first time, which
 * takes twenty times as long as clearing it and is no part of a query. */
static void
touch_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return;
	madvise(memory, size, MADV_HUGEPAGE);
	memset(memory, 1, size);
	munmap(memory, size);
}

static void
measure(enum kind kind, size_t count)
{
	double before = heap_bytes(), made;
	struct bench bench;

	touch_memory(count * MEMORY);
	bench_open(&bench, kind, count);
	remark(&bench, &bench.mark);
	change_sites(&bench);
	remark(&bench, &bench.rate);
	change_sites(&bench);
	made = heap_bytes();
	printf("%s: %zu sites, %zu stacks, %zu frames\n", kinds[kind], count,
	       names_stacks(bench.snapshot.names),
	       names_frames(bench.snapshot.names));
	asks(&bench);
	count *= kind == FAMILY ? 2 : 1;
	printf("  bytes a site of each process: names, totals and two marks "
	       "%.0f, engine %.0f\n",
	       (made - before) / (double)count,
	       (heap_bytes() - made) / (double)count);
	bench_close(&bench);
}

/* In a process of its own, so that no heap is left from the one before. */
static bool
apart(enum kind kind, size_t count)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		measure(kind, count);
		fflush(stdout);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(int argc, char **argv)
{
	static const size_t usual[] = {10000, 100000, 1000000};
	size_t counts = argc > 1 ? (size_t)argc - 1 : 3;
	bool good = true;

	for (enum kind kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < counts && good; i++) {
			size_t count = argc > 1 ? strtoul(argv[i + 1], NULL, 10)
						: usual[i];

			good = count && apart(kind, count);
		}
	return !good;
}
