/*
 * sample.h - which blocks are recorded in sampled mode, and what for.
 *
 * A point falls on the bytes that a thread allocates, at random, once in
 * `interval` bytes on average (a Poisson process); a block is recorded when a
 * point falls on it. So a block of `size` bytes is recorded with probability
 *
 *	p = 1 - exp(-size / interval)
 *
 * and stands for 1/p blocks and size/p bytes, which makes sums over many
 * blocks right on average. What a block stands for is rounded by its address,
 * so that its free takes away exactly what its birth added.
 *
 * Context: hook. No libm: the agent needs libc only.
 */
#ifndef HEAPTOP_AGENT_SAMPLE_H
#define HEAPTOP_AGENT_SAMPLE_H

#include <stdint.h>

struct weight {
	uint64_t bytes;
	uint64_t count;
};

/* Bytes until the next point: exponentially distributed, at least 1. random is
 * the thread's state, not 0. */
int64_t sample_next(uint64_t *random, uint64_t interval);

/* What a recorded block stands for. */
struct weight sample_weight(uint64_t size, uint64_t address, uint64_t interval);

#endif
