/*
 * crowd.c - many blocks at a few sites, whose truth is known: what sampling is
 * made for.
 *
 *	crowd THREADS
 *
 * It prints its ledger as one line of JSON, as ledger.c does, and obeys the
 * lines of its standard input, each answered by a ledger: "more" (as many
 * blocks again), "turn" (every block is freed and replaced), "drop" (all are
 * freed). It ends at the end of its input.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUND = 20000, ROUNDS = 8, THREADS_MAX = 8, SITES = 4 };

struct block {
	void *start;
	uint32_t size;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	struct block *blocks[SITES];
	unsigned count[SITES];
};

static struct worker workers[THREADS_MAX];
static unsigned threads, rounds;
static const char *order;

#define SITE(name_)                                            \
	__attribute__((noinline)) static void *name_(size_t n) \
	{                                                      \
		void *volatile block = malloc(n);              \
                                                               \
		return block;                                  \
	}
SITE(tiny)
SITE(small)
SITE(medium)
SITE(mixed)

static const struct {
	const char *name;
	void *(*make)(size_t);
	unsigned least; /* bytes */
	unsigned most;
} sites[SITES] = {
    {"tiny", tiny, 64, 64},
    {"small", small, 200, 200},
    {"medium", medium, 3000, 3000},
    {"mixed", mixed, 1, 2000},
};

static uint32_t
size_for(struct worker *worker, int site)
{
	unsigned range = sites[site].most - sites[site].least + 1;

	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return sites[site].least + (uint32_t)(worker->random % range);
}

static void
more(struct worker *worker, int site)
{
	for (unsigned i = 0; i < ROUND && worker->count[site] < ROUND * ROUNDS;
	     i++) {
		struct block *block =
		    &worker->blocks[site][worker->count[site]++];

		block->size = size_for(worker, site);
		block->start = sites[site].make(block->size);
		if (!block->start)
			abort();
	}
}

static void
drop(struct worker *worker, int site)
{
	while (worker->count[site])
		free(worker->blocks[site][--worker->count[site]].start);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;

	for (int site = 0; site < SITES; site++) {
		unsigned wanted = worker->count[site];

		if (strcmp(order, "more") != 0)
			drop(worker, site);
		if (strcmp(order, "more") == 0)
			more(worker, site);
		if (strcmp(order, "turn") == 0)
			while (worker->count[site] < wanted)
				more(worker, site);
	}
	return NULL;
}

static void
obey(const char *line)
{
	order = line;
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			abort();
	for (unsigned i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
}

static void
print_site(int site)
{
	unsigned long long size = 0, count = 0;

	for (unsigned i = 0; i < threads; i++) {
		count += workers[i].count[site];
		for (unsigned j = 0; j < workers[i].count[site]; j++)
			size += workers[i].blocks[site][j].size;
	}
	printf("%s{\"function\":\"%s\",\"size\":%llu,\"count\":%llu}",
	       site ? "," : "", sites[site].name, size, count);
}

static void
print_ledger(void)
{
	printf("{\"round\":%u,\"pid\":%d,\"sites\":[", ++rounds, (int)getpid());
	for (int site = 0; site < SITES; site++)
		print_site(site);
	printf("]}\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	char line[64];

	if (argc != 2)
		return 2;
	threads = (unsigned)atoi(argv[1]);
	if (!threads || threads > THREADS_MAX)
		return 2;
	for (unsigned i = 0; i < threads; i++) {
		workers[i].random = 977 + i;
		for (int site = 0; site < SITES; site++)
			workers[i].blocks[site] =
			    calloc(ROUND * ROUNDS, sizeof(struct block));
	}
	obey("more");
	print_ledger();
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
		print_ledger();
	}
	return 0;
}
