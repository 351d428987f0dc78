/*
 * parts_bench.c - what each part of a hook costs.
 *
 * Prints ns for a pair of events, an allocation and its free, on a stack of 20
 * frames: for one block again and again, and for 4,096 blocks of 16 to 4,095
 * bytes in no order. Each part runs alone, so their sum is not the whole. The
 * loop around a part is measured too, and subtracted.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/counts.h"
#include "agent/live.h"
#include "agent/record.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "heaptop/wire.h"

#define NOINLINE __attribute__((noinline, noclone))
#define BLOCKS	 4096
#define PAIRS	 40000
#define ROUNDS	 25
#define DEPTH	 20
#define OWN	 4 /* frames of the program's beside those of the descent */

void *__libc_malloc(size_t);
void __libc_free(void *);

static struct {
	struct thread *thread;
	void *blocks[BLOCKS]; /* that libc gave out and the agent knows not */
	size_t sizes[BLOCKS];
	uint32_t order[BLOCKS];
	uint32_t site; /* any */
	uint64_t sum;  /* keeps results alive */
} bench;

static NOINLINE void
part_nothing(uint32_t number)
{
	bench.sum += number;
}

static NOINLINE void
part_libc(uint32_t number)
{
	__libc_free(bench.blocks[number]);
	bench.blocks[number] = __libc_malloc(bench.sizes[number]);
}

static NOINLINE void
part_hooks(uint32_t number)
{
	free(bench.blocks[number]);
	bench.blocks[number] = malloc(bench.sizes[number]);
}

static NOINLINE void
part_begin(uint32_t number)
{
	(void)number;
	for (int i = 0; i < 2; i++) {
		struct thread *thread =
		    record_begin(__builtin_frame_address(0));

		if (thread)
			record_end(thread);
	}
}

static NOINLINE void
part_capture(uint32_t number)
{
	struct unwind_state state;

	(void)number;
	RECORD_CALLER(&state);
	bench.sum += capture_site(bench.thread, WIRE_DOMAIN_MALLOC, &state);
}

static NOINLINE void
part_live(uint32_t number)
{
	uint64_t address = (uint64_t)bench.blocks[number];
	size_t size = bench.sizes[number];

	if (!live_put_quick(address, bench.site, size))
		live_put(address, (struct block){size, bench.site, 0});
	bench.sum += live_take(address).size;
}

static NOINLINE void
part_counts(uint32_t number)
{
	struct leaf *leaf = counts_leaf(&bench.thread->counts, bench.site);

	counts_alloc(leaf, bench.site, bench.sizes[number], 1);
	leaf = counts_leaf(&bench.thread->counts, bench.site);
	counts_free(leaf, bench.site, bench.sizes[number], 1);
}

static double
now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static NOINLINE void
repeat(void (*part)(uint32_t), uint32_t mask)
{
	for (uint32_t i = 0; i < PAIRS; i++)
		part(bench.order[i & mask]);
}

/* Calls to a depth; the nop keeps the call from becoming a jump. */
static NOINLINE void
descend(int depth, void (*part)(uint32_t), uint32_t mask)
{
	if (depth == 0)
		repeat(part, mask);
	else
		descend(depth - 1, part, mask);
	__asm__ volatile("nop" ::: "memory");
}

/* The best of many short rounds: other work on the machine only ever adds. */
static double
measure(void (*part)(uint32_t), uint32_t mask)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		double taken;

		descend(DEPTH - OWN, part, mask);
		taken = (now_ns() - start) / PAIRS;
		if (taken < best)
			best = taken;
	}
	return best;
}

static void
print_part(const char *name, void (*part)(uint32_t), void (*less)(uint32_t))
{
	static const uint32_t masks[] = {0, BLOCKS - 1};

	printf("| %s |", name);
	for (int i = 0; i < 2; i++) {
		double base = measure(less, masks[i]);

		printf(" %.1f |", measure(part, masks[i]) - base);
	}
	printf("\n");
	fflush(stdout);
}

static void
make_blocks(void)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint32_t other;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bench.sizes[i] = 16 + (state >> 32) % 4080;
		bench.blocks[i] = __libc_malloc(bench.sizes[i]);
		other = (uint32_t)(state >> 8) % (i + 1);
		bench.order[i] = bench.order[other];
		bench.order[other] = i;
	}
	bench.sizes[bench.order[0]] = 48;
}

static void
print_exact(void)
{
	bool hushed;

	printf("| ns for a malloc and its free | one block | 4,096 blocks |\n"
	       "|---|---|---|\n");
	print_part("libc alone", part_libc, part_nothing);
	hushed = record_hush(__builtin_frame_address(0));
	print_part("inside another hook: forwarding", part_hooks, part_libc);
	record_unhush(hushed);
	print_part("begin and end, twice", part_begin, part_nothing);
	print_part("walk and site", part_capture, part_nothing);
	print_part("live map: put and take", part_live, part_nothing);
	print_part("counts: up and down", part_counts, part_nothing);
	print_part("the whole, exact", part_hooks, part_libc);
}

int
main(int argc, char **argv)
{
	struct unwind_state state;

	bench.thread = thread_self();
	if (!bench.thread)
		return 1;
	RECORD_CALLER(&state);
	bench.site = capture_site(bench.thread, WIRE_DOMAIN_MALLOC, &state);
	make_blocks();
	if (argc > 1) {
		print_part("the whole, sampled", part_hooks, part_libc);
		return bench.sum == 1;
	}
	print_exact();
	setenv("HEAPTOP_MODE", "sample:524288", 1);
	execl(argv[0], argv[0], "sampled", (char *)NULL);
	return 1;
}
