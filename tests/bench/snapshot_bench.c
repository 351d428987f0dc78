/*
 * snapshot_bench.c - how long a snapshot file of many sites takes to write and
 * to read, and how much memory beyond the snapshot itself.
 *
 *	make tests/bench/snapshot_bench && tests/bench/snapshot_bench [SITES]
 *
 * Sites are made through the model: stacks 12 frames deep on the average, a
 * tenth as many lines as sites, a minute of history in which a hundredth
 * changes each second. Each part runs in a process of its own, so that its
 * peak is its own.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "export/export.h"
#include "source/source.h"

#define MIB	(1024.0 * 1024.0)
#define MOMENTS 60

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
peak_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static uint32_t
make_frames(struct names *names, size_t count)
{
	char text[96];

	for (size_t i = 0; i < count; i++) {
		uint32_t file, function;
		int size = snprintf(text, sizeof(text),
				    "/srv/service/package_%zu/module_%zu.py",
				    i / 1000, i / 40);

		file = names_string(names, text, (size_t)size);
		size =
		    snprintf(text, sizeof(text), "handle_request_%zu", i / 4);
		function = names_string(names, text, (size_t)size);
		names_add_python(names, file, function, (uint32_t)(i % 900));
	}
	return (uint32_t)names_frames(names);
}

static void
make_sites(struct snapshot *snapshot, size_t count)
{
	uint32_t frames = make_frames(snapshot->names, count / 10 + 16);
	uint32_t parents[24] = {0};

	snapshot_room(snapshot, count);
	for (size_t i = 0; i < count; i++) {
		struct site *site = &snapshot->sites[i];
		size_t depth = (size_t)rand() % 23;

		parents[depth + 1] =
		    names_add_stack(snapshot->names, parents[depth],
				    (uint32_t)rand() % frames + 1);
		for (size_t k = depth + 2; k < 24; k++)
			parents[k] = parents[depth + 1];
		*site = (struct site){
		    .stack = parents[depth + 1],
		    .domain = (uint16_t)(i % DOMAIN_COUNT),
		    .alloc_count = (uint64_t)rand() % 100000 + 1,
		};
		site->alloc_bytes = site->alloc_count * 112;
		site->free_count = site->alloc_count / 2;
		site->free_bytes = site->free_count * 112;
		site->peak_bytes = site->alloc_bytes;
	}
}

static void
make_history(struct snapshot *snapshot, struct saved *saved)
{
	saved->history = history_new(0);
	for (uint64_t i = 1; i <= MOMENTS; i++) {
		snapshot->tick = i;
		snapshot->mono_ns = i * UINT64_C(1000000000);
		snapshot->time_ns = snapshot->mono_ns;
		for (size_t k = 0; k < snapshot->site_count / 100; k++) {
			struct site *site =
			    &snapshot
				 ->sites[(size_t)rand() % snapshot->site_count];

			site->alloc_count++;
			site->alloc_bytes += 112;
		}
		snapshot_sum(snapshot);
		history_add(saved->history, snapshot);
	}
}

static void
write_file(const char *path, size_t count)
{
	struct names *names = names_new();
	struct saved saved = {0};
	struct snapshot snapshot;
	struct stat found;
	struct err err;
	double before, start;

	snapshot_init(&snapshot, names);
	make_sites(&snapshot, count);
	make_history(&snapshot, &saved);
	before = peak_mib();
	start = now_s();
	if (!export_saved(path, &snapshot, &saved, true, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	start = now_s() - start;
	stat(path, &found);
	printf("write %8zu sites %7.1f MiB %6.2f s  peak %6.1f MiB, "
	       "%.1f more than the totals\n",
	       count, (double)found.st_size / MIB, start, peak_mib(),
	       peak_mib() - before);
}

static void
read_file(const char *path)
{
	double start = now_s();
	struct err err;
	struct source *source = source_open(path, &err);
	const struct snapshot *snapshot;

	if (!source) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	start = now_s() - start;
	snapshot = source_snapshot(source);
	printf("read  %8zu sites %7s     %6.2f s  peak %6.1f MiB, %.0f bytes "
	       "a site, %zu moments\n",
	       snapshot->site_count, "", start, peak_mib(),
	       peak_mib() * MIB / (double)snapshot->site_count,
	       history_count(source_saved(source)->history));
}

/* What runs in a process of its own. */
static bool
apart(const char *path, size_t count)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (count)
			write_file(path, count);
		else
			read_file(path);
		fflush(stdout);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	static const char *const names[] = {"s.json", "s.json.gz"};
	char folder[] = "/tmp/heaptop-bench-XXXXXX", path[64];
	bool good = true;

	if (!count || !mkdtemp(folder))
		return 1;
	for (size_t i = 0; i < 2 && good; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		printf("%s\n", names[i]);
		good = apart(path, count) && apart(path, 0);
		unlink(path);
	}
	rmdir(folder);
	return !good;
}
