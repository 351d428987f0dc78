/*
 * ledger.c - a program that keeps its own books: what each of its allocation
 * sites holds and ever held, to the byte.
 *
 *	ledger THREADS STEPS SEED
 *
 * It does STEPS random allocations, reallocations and frees in each thread
 * (0: in main only), prints its ledger as one line of JSON, and then obeys the
 * lines of its standard input: "more" (the same again, another ledger), "fork"
 * (a child does the same and prints its ledger, and stays until its parent is
 * gone), "drop" (frees all; another ledger). It ends at the end of its input.
 *
 * The books never allocate, so nothing of them is in the profile.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SLOTS = 512, EXCHANGE = 64, THREADS_MAX = 16, PAGE = 4096 };

struct site {
	const char *function;
	int line;
	int64_t size; /* live */
	int64_t count;
	int64_t total_size; /* ever */
	int64_t total_count;
};

struct block {
	void *start;
	struct site *site;
	size_t size;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	unsigned steps;
	struct block slots[SLOTS];
};

static struct worker workers[THREADS_MAX];
static struct block exchange[EXCHANGE]; /* freed by whoever takes them */
static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned threads, rounds;

/* The books. */

static void
add(int64_t *to, int64_t value)
{
	__atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}

__attribute__((noinline)) static void
born(struct site *site, const void *block, size_t size)
{
	if (!block)
		return;
	add(&site->size, (int64_t)size);
	add(&site->count, 1);
	add(&site->total_size, (int64_t)size);
	add(&site->total_count, 1);
}

static void
died(struct site *site, size_t size)
{
	add(&site->size, -(int64_t)size);
	add(&site->count, -1);
}

/* The sites: each a function of its own, and the call on one known line. */

#define SITE_COUNT 13
static struct site sites[SITE_COUNT];

#define SITE(number_, name_, call_)                                       \
	__attribute__((noinline)) static void *name_(void *old, size_t n) \
	{                                                                 \
		struct site *site = &sites[number_];                      \
		void *block;                                              \
                                                                          \
		(void)old;                                                \
		site->function = #name_;                                  \
		site->line = __LINE__;                                    \
		block = call_;                                            \
		born(site, block, n);                                     \
		return block;                                             \
	}

/* clang-format off */
SITE(0, by_malloc, malloc(n))
SITE(1, by_calloc, calloc(n, 1))
SITE(2, by_calloc_many, calloc(n / 4, 4))
SITE(3, by_realloc_of_null, realloc(NULL, n))
SITE(4, by_realloc, realloc(old, n))
SITE(5, by_memalign, memalign(64, n))
SITE(6, by_posix_memalign, ({ void *at; posix_memalign(&at, 256, n) ? NULL : at; }))
SITE(7, by_aligned_alloc, aligned_alloc(32, n))
SITE(8, by_valloc, valloc(n))
SITE(9, by_pvalloc, pvalloc(n))
SITE(10, by_malloc_of_nothing, malloc(n))
SITE(11, by_malloc_of_much, malloc(n))
SITE(12, by_mmap, mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
/* clang-format on */

enum { REALLOC = 4, MAPPED = 12 };

typedef void *site_function(void *, size_t);
static site_function *const functions[SITE_COUNT] = {
    by_malloc,	by_calloc,   by_calloc_many,	   by_realloc_of_null,
    by_realloc, by_memalign, by_posix_memalign,	   by_aligned_alloc,
    by_valloc,	by_pvalloc,  by_malloc_of_nothing, by_malloc_of_much,
    by_mmap,
};

/* What happens. */

static uint64_t
next_random(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static size_t
size_for(struct worker *worker, unsigned kind)
{
	uint64_t r = next_random(worker);

	switch (kind) {
	case 2:
		return (1 + r % 300) * 4;
	case 7:
		return (1 + r % 40) * 32;
	case 10:
		return 0;
	case 11: /* never touched, so it costs addresses only */
		return ((size_t)1 << 30) + r % 4096;
	case MAPPED:
		return (1 + r % 16) * PAGE;
	default:
		return r % 8 == 0 ? 1 + r % 300000 : 1 + r % 500;
	}
}

static void
release(struct block *block)
{
	if (!block->start)
		return;
	died(block->site, block->size);
	if (block->site == &sites[MAPPED])
		munmap(block->start, block->size);
	else
		free(block->start);
	*block = (struct block){NULL, NULL, 0};
}

/* The block becomes by_realloc's, unless it cannot grow that much. */
static void
regrow(struct worker *worker, struct block *block)
{
	size_t size = size_for(worker, REALLOC);
	struct block old = *block;
	void *start;

	if (old.site == &sites[MAPPED])
		return;
	if (next_random(worker) % 16 == 0) {
		volatile size_t impossible = SIZE_MAX / 4;

		if (by_realloc(old.start, impossible))
			abort();
		return;
	}
	if (next_random(worker) % 16 == 0) {
		volatile size_t nothing = 0;

		died(old.site, old.size);
		*block = (struct block){NULL, NULL, 0};
		if (by_realloc(old.start, nothing))
			abort(); /* glibc frees and returns NULL */
		return;
	}
	start = by_realloc(old.start, size);
	if (!start)
		abort();
	died(old.site, old.size);
	*block = (struct block){start, &sites[REALLOC], size};
}

static void
acquire(struct worker *worker, struct block *block)
{
	unsigned kind = (unsigned)(next_random(worker) % SITE_COUNT);
	size_t size;

	if (kind == REALLOC || (kind == 11 && next_random(worker) % 64))
		kind = 0;
	size = size_for(worker, kind);
	block->start = functions[kind](NULL, size);
	block->site = &sites[kind];
	block->size = size;
	if (!block->start || block->start == MAP_FAILED)
		abort();
}

/* Gives a block away for one that another thread left there. */
static void
trade(struct worker *worker, struct block *block)
{
	struct block *other = &exchange[next_random(worker) % EXCHANGE];
	struct block mine = *block;

	pthread_mutex_lock(&exchange_lock);
	*block = *other;
	*other = mine;
	pthread_mutex_unlock(&exchange_lock);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;

	for (unsigned i = 0; i < worker->steps; i++) {
		struct block *block =
		    &worker->slots[next_random(worker) % SLOTS];
		unsigned choice = (unsigned)(next_random(worker) % 8);

		if (choice == 0)
			trade(worker, block);
		else if (!block->start)
			acquire(worker, block);
		else if (choice < 4)
			regrow(worker, block);
		else
			release(block);
	}
	return NULL;
}

static void
work_all(void)
{
	if (threads == 0)
		work(&workers[0]);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			abort();
	for (unsigned i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
}

static void
drop_all(void)
{
	for (unsigned i = 0; i < THREADS_MAX; i++)
		for (unsigned j = 0; j < SLOTS; j++)
			release(&workers[i].slots[j]);
	for (unsigned i = 0; i < EXCHANGE; i++)
		release(&exchange[i]);
}

static void
print_ledger(const char *what)
{
	printf("{\"what\":\"%s\",\"round\":%u,\"pid\":%d,\"sites\":[", what,
	       ++rounds, (int)getpid());
	for (unsigned i = 0; i < SITE_COUNT; i++)
		printf("%s{\"function\":\"%s\",\"line\":%d,\"size\":%lld,"
		       "\"count\":%lld,\"total_size\":%lld,"
		       "\"total_count\":%lld}",
		       i ? "," : "", sites[i].function, sites[i].line,
		       (long long)sites[i].size, (long long)sites[i].count,
		       (long long)sites[i].total_size,
		       (long long)sites[i].total_count);
	printf("]}\n");
	fflush(stdout);
}

static void
do_fork(void)
{
	pid_t parent = getpid();

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	work_all();
	print_ledger("child");
	for (;;)
		pause();
}

static int
read_line(char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size && read(0, line + used, 1) == 1) {
		if (line[used] == '\n') {
			line[used] = '\0';
			return 1;
		}
		used++;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char line[64];

	if (argc != 4)
		return 2;
	threads = (unsigned)atoi(argv[1]);
	if (threads > THREADS_MAX)
		return 2;
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		workers[i].steps = (unsigned)atoi(argv[2]);
		workers[i].random = strtoull(argv[3], NULL, 0) * 977 + i + 1;
	}
	work_all();
	print_ledger("start");
	while (read_line(line, sizeof(line))) {
		if (strcmp(line, "fork") == 0) {
			do_fork();
			continue;
		}
		if (strcmp(line, "more") == 0)
			work_all();
		if (strcmp(line, "drop") == 0)
			drop_all();
		print_ledger(line);
	}
	return 0;
}
