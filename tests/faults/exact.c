/*
 * exact.c - threads that allocate, free what others allocated, and move blocks,
 * as fast as they can, each with books of its own.
 *
 *	exact THREADS EVENTS SEED
 *
 * Prints the books of all threads together, as one line of JSON, after so many
 * events in each, and ends at the end of its input. A block is born or dies:
 * an event each; a reallocation is two. The books are never allocated.
 */
#include "config.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 4096, THREADS_MAX = 64, SITES = 6 };

struct book {
	uint64_t born_bytes;
	uint64_t born_count;
	uint64_t died_bytes;
	uint64_t died_count;
};

/* At the start of each block. */
struct block {
	uint32_t site;
	uint32_t size;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	uint64_t events;
	struct book books[SITES];
};

static struct block *slots[SLOTS];
static struct worker workers[THREADS_MAX];
static uint64_t events_each;

/* Each site is a function, and its call on one line. */
static int lines[SITES];
static const char *const names[SITES] = {
    "by_malloc",	"by_calloc",	      "by_realloc",
    "by_aligned_alloc", "by_realloc_of_null", "of_nothing"};

#define SITE(number_, name_, call_)                                          \
	__attribute__((noinline)) static void *name_(void *old, size_t size) \
	{                                                                    \
		void *block;                                                 \
                                                                             \
		(void)old;                                                   \
		block = call_;                                               \
		lines[number_] = __LINE__;                                   \
		return block;                                                \
	}

/* clang-format off */
SITE(0, by_malloc, malloc(size))
SITE(1, by_calloc, calloc(1, size))
SITE(2, by_realloc, realloc(old, size))
SITE(3, by_aligned_alloc, aligned_alloc(64, size))
SITE(4, by_realloc_of_null, realloc(NULL, size))
SITE(5, of_nothing, malloc(size))
/* clang-format on */

typedef void *site_function(void *, size_t);
static site_function *const functions[SITES] = {
    by_malloc,	      by_calloc,	  by_realloc,
    by_aligned_alloc, by_realloc_of_null, of_nothing};
enum { REALLOC = 2, NOTHING = 5 };

static uint64_t
draw(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static uint32_t
size_of(uint64_t random)
{
	uint32_t size = 16 + (uint32_t)(random >> 20) % 500;

	return random % 4096 ? size : size * 400;
}

static void *
born(struct worker *worker, uint32_t site, void *old, uint32_t size)
{
	struct book *book = &worker->books[site];
	struct block *block = functions[site](old, size);

	if (!block)
		abort();
	book->born_bytes += size;
	book->born_count++;
	worker->events++;
	if (size)
		*block = (struct block){site, size};
	return block;
}

static void
died(struct worker *worker, uint32_t site, uint32_t size)
{
	struct book *book = &worker->books[site];

	book->died_bytes += size;
	book->died_count++;
	worker->events++;
}

/* Ends a block, in one of the ways there are. */
static struct block *
change(struct worker *worker, struct block *block, uint64_t random)
{
	struct block was = *block;

	died(worker, was.site, was.size);
	if (random % 4 == 0)
		return born(worker, REALLOC, block, size_of(draw(worker)));
	if (random % 64 == 1) {
		volatile size_t nothing = 0;

		/* glibc frees, and returns NULL */
		if (by_realloc(block, nothing))
			abort();
		return NULL;
	}
	free(block);
	return NULL;
}

static struct block *
make(struct worker *worker, uint64_t random)
{
	uint32_t site = (uint32_t)(random >> 8) % SITES;

	if (site == REALLOC)
		site = 0;
	if (site == NOTHING) {
		free(born(worker, NOTHING, NULL, 0));
		died(worker, NOTHING, 0);
		return NULL;
	}
	return born(worker, site, NULL, size_of(random) & ~15u);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;

	while (worker->events < events_each) {
		uint64_t random = draw(worker);
		struct block **slot = &slots[(random >> 40) % SLOTS];
		struct block *block =
		    __atomic_exchange_n(slot, NULL, __ATOMIC_ACQ_REL);

		block = block ? change(worker, block, random)
			      : make(worker, random);
		if (!block)
			continue;
		/* Another thread may have filled it meanwhile. */
		block = __atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL);
		if (block) {
			died(worker, block->site, block->size);
			free(block);
		}
	}
	return NULL;
}

static void
print(int threads)
{
	uint64_t events = 0;

	for (int i = 0; i < threads; i++)
		events += workers[i].events;
	printf("{\"events\":%lu,\"sites\":[", events);
	for (int site = 0; site < SITES; site++) {
		struct book sum = {0};

		for (int i = 0; i < threads; i++) {
			sum.born_bytes += workers[i].books[site].born_bytes;
			sum.born_count += workers[i].books[site].born_count;
			sum.died_bytes += workers[i].books[site].died_bytes;
			sum.died_count += workers[i].books[site].died_count;
		}
		printf("%s{\"function\":\"%s\",\"line\":%d,\"size\":%lu,"
		       "\"count\":%lu,\"total_size\":%lu,\"total_count\":%lu}",
		       site ? "," : "", names[site], lines[site],
		       sum.born_bytes - sum.died_bytes,
		       sum.born_count - sum.died_count, sum.born_bytes,
		       sum.born_count);
	}
	printf("]}\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int threads = argc > 3 ? atoi(argv[1]) : 0;

	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	events_each = strtoull(argv[2], NULL, 10);
	for (int i = 0; i < threads; i++) {
		workers[i].random =
		    0x9e3779b97f4a7c15u *
		    (strtoull(argv[3], NULL, 10) + 1 + (uint64_t)i);
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	print(threads);
	return getchar() == EOF ? 0 : 1;
}
