/*
 * check.h - what all tests of this room begin with: cmocka, numbers at random
 * that are the same in each run, and waiting with a deadline.
 */
#ifndef HEAPTOP_TESTS_AGENT_CHECK_H
#define HEAPTOP_TESTS_AGENT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <time.h>

#define CHECK_DEADLINE_S 60

/* xorshift64*; zero is no seed. */
static inline uint64_t
random_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t
random_below(uint64_t *seed, uint64_t limit)
{
	return (random_next(seed) >> 11) % limit;
}

/* Waits until the condition holds; false when it does not in time. */
#define WAIT_FOR(condition_)                                 \
	({                                                   \
		time_t end_ = time(NULL) + CHECK_DEADLINE_S; \
		while (!(condition_) && time(NULL) < end_)   \
			poll(NULL, 0, 1);                    \
		(condition_);                                \
	})

#endif
