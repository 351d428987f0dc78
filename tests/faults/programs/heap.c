/* heap.c - odd requests: nothing, too much, what is not there. */
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "case.h"

extern void *__libc_malloc(size_t);

KEEPER(kept)
KEEPER_OF(zeroed, calloc(1, size))
KEEPER_OF(lined, memalign(4096, size))
KEEPER_OF(grown, realloc(NULL, size))

static int
run_nothing(void)
{
	for (int i = 0; i < 500; i++) {
		void *a = kept(0);
		void *b = zeroed(0);

		if (!a || !b || a == b)
			return 1;
		free(NULL);
		if (i % 2) {
			kept_drop(a, 0);
			zeroed_drop(b, 0);
		}
	}
	return 0;
}

/* realloc(p, 0) frees, here. */
static int
run_resize_to_nothing(void)
{
	for (int i = 0; i < 500; i++) {
		void *block = kept(100 + (size_t)i);
		volatile size_t none = 0;

		if (realloc(block, none))
			return 1;
		book_gone(&kept_book, 100 + (size_t)i);
	}
	grown(5000);
	kept(1);
	return 0;
}

static int
run_huge(void)
{
	volatile size_t huge = SIZE_MAX - 4096;
	void *block = kept(100);

	for (int i = 0; i < 100; i++) {
		void *out = block;

		errno = 0;
		if (malloc(huge) || errno != ENOMEM)
			return 1;
		if (calloc(huge, 2) || calloc(2, huge) ||
		    reallocarray(NULL, huge, 3) || realloc(block, huge))
			return 2;
		if (memalign(4096, huge) || aligned_alloc(64, huge) ||
		    valloc(huge) || pvalloc(huge))
			return 3;
		if (posix_memalign(&out, 64, huge) != ENOMEM || out != block)
			return 4;
	}
	lined(8192);
	return 0;
}

static int
run_usable(void)
{
	for (size_t size = 1; size < 4000; size += 7) {
		char *block = kept(size);
		size_t usable = malloc_usable_size(block);

		if (usable < size)
			return 1;
		memset(block, 0x5a, usable);
		if (size % 3)
			kept_drop(block, size);
	}
	return malloc_usable_size(NULL) ? 2 : 0;
}

/* Memory ends; what was had stays known, and it goes on when there is some. */
static int
run_no_memory(void)
{
	enum { MANY = 4096, SIZE = 300000 };
	static void *blocks[MANY];
	struct rlimit limit = {0, RLIM_INFINITY};
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	int count = 0;

	if (!file || fscanf(file, "%lu", &pages) != 1 || fclose(file))
		return 1;
	limit.rlim_cur = (rlim_t)(pages * 4096) + (100 << 20);
	if (setrlimit(RLIMIT_AS, &limit))
		return 2;
	for (; count < MANY; count++) {
		blocks[count] = malloc(SIZE);
		if (!blocks[count])
			break;
	}
	if (count == MANY || count < 100 || errno != ENOMEM)
		return 3;
	for (int i = 0; i < 200; i++)
		free(malloc(32));
	for (int i = 0; i < count; i++)
		free(blocks[i]);
	for (int i = 0; i < 300; i++)
		kept(SIZE / 10);
	return 0;
}

/* Blocks that nobody was seen to give: their end is nothing, and where they
 * move their life begins. */
static int
run_foreign(void)
{
	for (int i = 0; i < 100; i++) {
		void *volatile block = __libc_malloc(200);

		free(block);
	}
	return 0;
}

static int
run_many(void)
{
	static void *blocks[100000];

	for (int i = 0; i < 100000; i++)
		blocks[i] = kept(16 + (size_t)i % 300);
	for (int i = 0; i < 100000; i += 2)
		kept_drop(blocks[i], 16 + (size_t)i % 300);
	for (int i = 0; i < 1000; i++)
		zeroed(64), lined(100), grown(33);
	return 0;
}

static NOINLINE void branch(unsigned way, int depth);

static NOINLINE void
branch_left(unsigned way, int depth)
{
	branch(way / 2, depth - 1);
	__asm__ volatile("");
}

static NOINLINE void
branch_right(unsigned way, int depth)
{
	branch(way / 2, depth - 1);
	__asm__ volatile("");
}

static NOINLINE void
branch(unsigned way, int depth)
{
	if (depth == 0)
		kept(40);
	else if (way % 2)
		branch_left(way, depth);
	else
		branch_right(way, depth);
	__asm__ volatile("");
}

/* As many stacks as blocks. */
static int
run_stacks(void)
{
	segment_wait();
	for (unsigned way = 0; way < 20000; way++)
		branch(way, 15);
	return 0;
}

/* All that there is and will be is to be in memory. */
static int
run_locked(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return errno == EPERM || errno == ENOMEM ? 77 : 1;
	return run_many();
}

/* No more data than there is already; then there is. */
static int
run_no_data(void)
{
	struct rlimit none = {0, RLIM_INFINITY};

	kept(1000);
	if (setrlimit(RLIMIT_DATA, &none) || malloc(1 << 20))
		return 1;
	for (int i = 0; i < 200; i++)
		kept(64);
	none.rlim_cur = RLIM_INFINITY;
	return setrlimit(RLIMIT_DATA, &none) ? 2 : run_many();
}

static const struct fault_case cases[] = {
    {"nothing", run_nothing},
    {"resize-to-nothing", run_resize_to_nothing},
    {"huge", run_huge},
    {"usable", run_usable},
    {"no-memory", run_no_memory},
    {"foreign", run_foreign},
    {"many", run_many},
    {"stacks", run_stacks},
    {"locked", run_locked},
    {"no-data", run_no_data},
    {NULL, NULL},
};

int
main(int argc, char **argv)
{
	return case_run(argc, argv, cases);
}
