/*
 * sample.c - which blocks are recorded in sampled mode, and what for.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/sample.h"

#define LN2 0.69314718055994530942

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

/* ln(value) for value > 0: the exponent apart, then the series of atanh. */
static double
logarithm(double value)
{
	union {
		double number;
		uint64_t bits;
	} mantissa = {.number = value};
	int exponent = (int)(mantissa.bits >> 52) - 1023;
	double z, square, sum = 0;

	mantissa.bits =
	    (mantissa.bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
	z = (mantissa.number - 1) / (mantissa.number + 1);
	square = z * z;
	for (int k = 23; k > 0; k -= 2)
		sum = sum * square + 1.0 / k;
	return exponent * LN2 + 2 * z * sum;
}

/* 1 - exp(-x) for x >= 0, exact for small x too. */
static double
one_less_exp(double x)
{
	double part = 0;
	int halves = 0;

	if (x > 40)
		return 1;
	for (; x > 0.5; halves++)
		x /= 2;
	for (int k = 14; k > 0; k--)
		part = (1 - part) * x / k;
	/* 1 - exp(-2x) = q (2 - q) with q = 1 - exp(-x) */
	while (halves-- > 0)
		part *= 2 - part;
	return part;
}

int64_t
sample_next(uint64_t *random, uint64_t interval)
{
	double unit =
	    (double)((random_next(random) >> 11) + 1) * 0x1p-53; /* (0, 1] */

	return 1 + (int64_t)(-logarithm(unit) * (double)interval);
}

/* The fraction is rounded up as often as it is large. */
static uint64_t
round_by(double value, uint64_t dice)
{
	return (uint64_t)(value + (double)(dice >> 11) * 0x1p-53);
}

struct weight
sample_weight(uint64_t size, uint64_t address, uint64_t interval)
{
	double p = one_less_exp((double)size / (double)interval);
	uint64_t dice = address * UINT64_C(0x9e3779b97f4a7c15);

	dice = (dice ^ dice >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (struct weight){
	    round_by((double)size / p, dice),
	    round_by(1 / p, dice * UINT64_C(0x2545f4914f6cdd1d))};
}
