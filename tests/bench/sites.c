/*
 * sites.c - a block from each of many stacks, of few functions.
 *
 *   sites DEPTH
 *
 * Each of 2^DEPTH ways through two functions that call each other is a stack of
 * its own, with a block that stays. Then one site in a hundred allocates ten
 * times a second, until it is stopped.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOINLINE __attribute__((noinline, noclone))

typedef void walk_fn(uint32_t way, unsigned depth);
static walk_fn left, right;

static void
step(uint32_t way, unsigned depth)
{
	void *block;

	if (depth) {
		(way & 1 ? right : left)(way >> 1, depth - 1);
		return;
	}
	block = malloc(48);
	__asm__ volatile("" : : "r"(block) : "memory");
}

static NOINLINE void
left(uint32_t way, unsigned depth)
{
	step(way, depth);
	__asm__ volatile("" : : : "memory");
}

static NOINLINE void
right(uint32_t way, unsigned depth)
{
	step(way, depth);
	__asm__ volatile("nop" : : : "memory");
}

int
main(int argc, char **argv)
{
	unsigned depth = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	struct timespec rest = {.tv_nsec = 100000000};
	uint32_t next = 0;

	if (!depth || depth > 24)
		return 2;
	/* One call for all of it, so that the stacks stay the same. */
	for (uint32_t i = 0, way = 0;; i++) {
		step(way, depth);
		if (i + 1 < 1u << depth) {
			way = i + 1;
			continue;
		}
		if (i + 1 == 1u << depth) {
			puts("ready");
			fflush(stdout);
		}
		next = next * 1664525 + 1013904223;
		way = next >> (32 - depth);
		if (i % ((1u << depth) / 100) == 0)
			nanosleep(&rest, NULL);
	}
}
