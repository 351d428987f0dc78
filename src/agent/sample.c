/*
 * sample.c - which blocks are recorded in sampled mode, and what for.
 *
 * Context: hook, ticker.
 */
#include "config.h"

#include "agent/sample.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/live.h"
#include "agent/safe.h"

#define LN2	 0.69314718055994530942
#define MANTISSA ((UINT64_C(1) << 52) - 1)
#define ROOT_2	 UINT64_C(0x6a09e667f3bcc) /* of the root of 2 */

_Static_assert((int)SAMPLE_LEVELS == (int)LIVE_LEVELS, "levels");

#define RATE_FIRST 16
#define PAGE	   4096

/* So that nothing else is on its page. */
static union {
	uint32_t rate;
	char page[PAGE];
} rate_page __attribute__((aligned(PAGE)));
extern uint32_t sample_rate __attribute__((alias("rate_page")));
bool sample_was_exact = true;

/* interval[0] is 1. A level, once given, keeps its interval. */
static struct {
	uint64_t interval[SAMPLE_LEVELS];
	uint32_t count;	 /* of levels given, without 0 */
	uint32_t wanted; /* that of now, or of after the stop */
	bool stopped;
} levels;

/* xorshift64, G. Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t
random_next(uint64_t *random)
{
	uint64_t x = *random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *random = x;
}

/* In (0, 1]. */
static double
random_unit(uint64_t *random)
{
	return (double)((random_next(random) >> 11) + 1) * 0x1p-53;
}

/* ln(value) for value > 0: the exponent apart, so that the rest is near 1, then
 * the series of atanh. */
static double
logarithm(double value)
{
	static const double series[] = {1 / 13.0, 1 / 11.0, 1 / 9.0, 1 / 7.0,
					1 / 5.0,  1 / 3.0,  1};
	union {
		double number;
		uint64_t bits;
	} part = {.number = value};
	uint64_t root = (part.bits & MANTISSA) > ROOT_2;
	int exponent = (int)(part.bits >> 52) - 1023 + (int)root;
	double z, square, sum = 0;

	part.bits = (part.bits & MANTISSA) | (1023 - root) << 52;
	z = (part.number - 1) / (part.number + 1);
	square = z * z;
	for (size_t i = 0; i < sizeof(series) / sizeof(*series); i++)
		sum = sum * square + series[i];
	return exponent * LN2 + 2 * z * sum;
}

/* 1 - exp(-x) for 0 <= x < 1, exact for small x too. */
static double
one_less_exp(double x)
{
	double sum = 0;

	for (int k = 16; k > 0; k--)
		sum = (1 - sum) * x / k;
	return sum;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a / b : b / a;
}

static uint32_t
level_nearest(uint64_t interval)
{
	uint32_t best = 1;

	for (uint32_t i = 2; i <= levels.count; i++)
		if (distance(levels.interval[i], interval) <
		    distance(levels.interval[best], interval))
			best = i;
	return best;
}

static uint32_t
level_of(uint64_t interval)
{
	if (interval <= 1)
		return 0;
	if (interval > SAMPLE_INTERVAL_MAX)
		interval = SAMPLE_INTERVAL_MAX;
	for (uint32_t i = 1; i <= levels.count; i++)
		if (levels.interval[i] == interval)
			return i;
	if (levels.count == SAMPLE_LEVELS - 1)
		return level_nearest(interval);
	levels.interval[++levels.count] = interval;
	return levels.count;
}

static uint32_t
rate_after(uint32_t rate, uint32_t level)
{
	uint32_t next = ((rate | 15u) + 1) & ~SAMPLE_RATE_SLOW;

	return (next ? next : RATE_FIRST) | level;
}

static uint32_t
level_now(void)
{
	return sample_is_stopped()
		   ? SAMPLE_LEVEL_NONE
		   : __atomic_load_n(&levels.wanted, __ATOMIC_SEQ_CST);
}

void
sample_rate_touch(void)
{
	uint32_t rate = __atomic_load_n(&sample_rate, __ATOMIC_SEQ_CST);

	/* The level is looked at after the rate: who changes it meanwhile
	 * changes the rate too. */
	while (!__atomic_compare_exchange_n(&sample_rate, &rate,
					    rate_after(rate, level_now()), true,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

void
sample_setup(void)
{
	safe_syscall(SYS_madvise, (long)&rate_page, sizeof(rate_page),
		     MADV_WIPEONFORK, 0, 0, 0);
}

void
sample_rate_set(uint64_t interval)
{
	uint32_t level = level_of(interval);
	uint32_t rate = __atomic_load_n(&sample_rate, __ATOMIC_RELAXED);

	/* The first rate decides; later ones can only add exact blocks. */
	if (!level || !rate)
		__atomic_store_n(&sample_was_exact, !level, __ATOMIC_RELEASE);
	__atomic_store_n(&levels.wanted, level, __ATOMIC_SEQ_CST);
	sample_rate_touch();
}

void
sample_begin_anew(void)
{
	__atomic_store_n(&sample_was_exact,
			 !__atomic_load_n(&levels.wanted, __ATOMIC_SEQ_CST),
			 __ATOMIC_RELEASE);
}

void
sample_stop(bool stop)
{
	if (__atomic_exchange_n(&levels.stopped, stop, __ATOMIC_SEQ_CST) !=
	    stop)
		sample_rate_touch();
}

bool
sample_is_stopped(void)
{
	return __atomic_load_n(&levels.stopped, __ATOMIC_SEQ_CST);
}

uint64_t
sample_interval(void)
{
	uint32_t level = __atomic_load_n(&levels.wanted, __ATOMIC_ACQUIRE);

	return level ? levels.interval[level] : 1;
}

/* The mass to a new point, at least 1: rounded up, so that points have no
 * memory in whole bytes either. */
static uint64_t
throw_point(struct sampler *sampler, uint64_t interval)
{
	return 1 + (uint64_t)(-logarithm(random_unit(&sampler->random)) *
			      (double)interval);
}

/* At most half an interval, so that every larger block asks. */
static uint64_t
give(struct sampler *sampler, uint64_t interval)
{
	uint64_t most = interval / 2;

	/* The point itself is to ask. */
	sampler->given = sampler->point - 1 < most ? sampler->point - 1 : most;
	return sampler->given;
}

uint64_t
sample_begin(struct sampler *sampler, uint32_t level)
{
	uint64_t interval;

	sampler->given = 0;
	if (!level)
		return 0;
	if (level == SAMPLE_LEVEL_NONE)
		return UINT64_MAX;
	interval = levels.interval[level];
	sampler->point = throw_point(sampler, interval);
	return give(sampler, interval);
}

static inline uint64_t
copies(uint64_t mass, uint64_t interval)
{
	if (mass > interval / 2 || !mass)
		return 1;
	return (interval + mass - 1) / mass + 1;
}

/* A point fell on the block: is it not to be recorded after all? A point falls
 * with 1 - exp(-x), which is less than x: most often that is all it takes. */
static bool
is_spared(struct sampler *sampler, uint64_t mass, uint64_t interval)
{
	double throw =
	    random_unit(&sampler->random) * (double)copies(mass, interval);
	double x = (double)mass / (double)interval;

	return throw *x > 1 && throw *one_less_exp(x) > 1;
}

bool
sample_hit(struct sampler *sampler, uint32_t level, uint64_t size,
	   uint64_t *countdown)
{
	uint64_t interval;
	uint64_t mass = size + 1;
	uint64_t left = sampler->point - (sampler->given - *countdown);
	bool hit = left <= mass;
	bool large;

	if (level == SAMPLE_LEVEL_NONE) {
		*countdown = UINT64_MAX;
		return false;
	}
	interval = levels.interval[level];
	large = mass > interval / 2 || !mass;
	sampler->point = left - mass;
	if (hit || large)
		sampler->point = throw_point(sampler, interval);
	*countdown = give(sampler, interval);
	if (large)
		return true;
	return hit && !is_spared(sampler, mass, interval);
}

struct weight
sample_weight(uint64_t size, uint32_t level)
{
	uint64_t k = copies(size + 1, levels.interval[level]);

	return (struct weight){size * k, k};
}

struct variance
sample_variance(uint64_t size, uint32_t level)
{
	double k = (double)copies(size + 1, levels.interval[level]);
	double count = k * (k - 1);

	return (struct variance){(float)((double)size * (double)size * count),
				 (float)count};
}
