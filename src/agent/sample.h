/*
 * sample.h - which blocks are recorded in sampled mode, and what for.
 *
 * A point falls on the bytes that a thread allocates, at random, once in an
 * interval on average (a Poisson process). A block on which a point falls is
 * recorded, but for a few that a second throw spares, so that the probability
 * for a block of `size` bytes is a whole part of one:
 *
 *	mass = size + 1, so that empty blocks are counted too
 *	k    = 1 when mass is more than half the interval,
 *	       else interval / mass, rounded up, + 1
 *	p    = 1 / k <= 1 - exp(-mass / interval), how often a point falls
 *
 * So a recorded block stands for k blocks and k * size bytes, both whole and
 * the same at its birth and at its free; sums over many blocks are right on
 * average (D. Horvitz and D. Thompson, 1952), and a block of more than half
 * the interval is always recorded, and exactly. What the sums may be off by is
 * estimated from the recorded blocks alone: each adds to the variance
 *
 *	of blocks  (1 - p) / p^2 = k * (k - 1)
 *	of bytes   size^2 * k * (k - 1)
 *
 * The interval may change at any time. A block keeps the level it was recorded
 * at: an index into the table of all intervals there were; 0 is exact.
 *
 * Context: hook; sample_rate_set: setup and ticker. No libm: the agent needs
 * libc only.
 */
#ifndef HEAPTOP_AGENT_SAMPLE_H
#define HEAPTOP_AGENT_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"

#define SAMPLE_LEVELS	    14
#define SAMPLE_DEFAULT	    (UINT64_C(512) << 10)
#define SAMPLE_INTERVAL_MAX (UINT64_C(1) << 40)

/* Changes whenever a thread has to look up before its next event: the rate has
 * changed, or the agent was switched off. 0 before there is one, and in a child
 * of fork until the next touch: it has a page of its own, which the kernel
 * clears there, so that a child of which libc was told nothing is noticed. */
extern HIDDEN uint32_t sample_rate;
/* With a level: a thread's copy that is no rate, so it looks up each time. */
#define SAMPLE_RATE_SLOW    (UINT32_C(1) << 31)
#define SAMPLE_LEVEL(rate_) ((rate_)&15u)
/* The level of a rate at which nothing new is recorded: no point falls. */
#define SAMPLE_LEVEL_NONE 15u

/* Every block was recorded at some time, or there was no rate yet: there may be
 * one anywhere, whatever the filter of the live map says. */
extern HIDDEN bool sample_was_exact;

/* From now on at this mean interval in bytes; 1: every block. There can be
 * SAMPLE_LEVELS - 1 of them in a process's life, later ones are replaced by the
 * nearest of those. */
void sample_rate_set(uint64_t interval);
/* Makes every thread look up. */
void sample_rate_touch(void);
/* The page is cleared in children from now on. Context: setup. */
void sample_setup(void);
/* 1 exact, else the interval; while stopped, that of before and after. */
uint64_t sample_interval(void);
/* From now on no new block is recorded, or they are again. Frees are counted
 * all the same. Any context. */
void sample_stop(bool stop);
bool sample_is_stopped(void);
/* No block is live: that some were recorded at a time is forgotten. Context:
 * ticker, stopped. */
void sample_begin_anew(void);

/* Where a thread is between two points. The countdown it is given is the mass
 * that it may allocate until it has to ask sample_hit. */
struct sampler {
	uint64_t random; /* never 0 once it has begun */
	uint64_t point;	 /* mass to the next point, when countdown was given */
	uint64_t given;	 /* the countdown */
};

/* At a new rate, or when what was allocated since is not to be counted: the
 * countdown. Points have no memory, so they may be thrown anew at any time. */
uint64_t sample_begin(struct sampler *, uint32_t level);
/* A block that the countdown does not cover: whether it is recorded. Sets the
 * countdown. */
bool sample_hit(struct sampler *, uint32_t level, uint64_t size,
		uint64_t *countdown);

/* What a recorded block stands for. */
struct weight {
	uint64_t bytes;
	uint64_t count;
};
struct weight sample_weight(uint64_t size, uint32_t level);
/* Rounded to 24 bits, so that sums of many are exact and a free takes away
 * what the birth added. */
struct variance {
	double bytes;
	double count;
};
struct variance sample_variance(uint64_t size, uint32_t level);

#endif
