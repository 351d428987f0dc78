/* test_suspects.c - series whose ends are known, and who comes first. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these four before it. */
#include <cmocka.h>

#include "model/suspects.h"

#define SECOND	UINT64_C(1000000000)
#define MOMENTS 120
#define KIB	1024.0

/* Bytes live at a second; noise goes from 0 to 1. */
typedef double shape(double second, double noise);

static struct evidence
judge(shape *live, size_t moments, bool doubtful)
{
	uint64_t times[MOMENTS], values[MOMENTS];
	uint64_t seed = 42, born = 100, freed = 50;
	struct evidence evidence;

	for (size_t i = 0; i < moments; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695041;
		times[i] = 7 * SECOND + i * SECOND;
		values[i] =
		    (uint64_t)live((double)i, (double)(seed >> 40) / 0x1p24);
	}
	evidence_judge(times, values, moments, born, freed, doubtful,
		       &evidence);
	return evidence;
}

static double
linear(double second, double noise)
{
	(void)noise;
	return 1000 * KIB + second * 10 * KIB;
}

static double
churned(double second, double noise)
{
	return 1000 * KIB + second * 2 * KIB + noise * 100 * KIB;
}

static double
churn(double second, double noise)
{
	(void)second;
	return noise * 1e6 * KIB;
}

static double
cache(double second, double noise)
{
	(void)noise;
	return second < 50 ? second * 400 * KIB : 50 * 400 * KIB;
}

static double
sawtooth(double second, double noise)
{
	(void)noise;
	return (double)((int)second % 11) * 5000 * KIB;
}

static double
start(double second, double noise)
{
	(void)noise;
	return second < 10 ? second * 1000 * KIB : 10000 * KIB;
}

static double
shrinking(double second, double noise)
{
	(void)noise;
	return 5e6 * KIB - second * 1000 * KIB;
}

static void
test_linear(void **state)
{
	struct evidence evidence = judge(linear, MOMENTS, false);

	(void)state;
	assert_true(evidence.slope > 9 * KIB && evidence.slope < 11 * KIB);
	assert_true(evidence.lately > 9 * KIB && evidence.lately < 11 * KIB);
	assert_true(evidence.grew == 1);
	assert_true(evidence.kept == 0.5);
	assert_true(evidence.rank > 7 * KIB && evidence.rank < 9.5 * KIB);
}

static void
test_order(void **state)
{
	double leak = judge(linear, MOMENTS, false).rank;
	double slow = judge(churned, MOMENTS, false).rank;

	(void)state;
	assert_true(leak > slow);
	assert_true(slow > 0.5 * KIB);
	assert_true(judge(churn, MOMENTS, false).rank == 0);
	assert_true(judge(cache, MOMENTS, false).rank == 0);
	assert_true(judge(sawtooth, MOMENTS, false).rank == 0);
	assert_true(judge(start, MOMENTS, false).rank == 0);
	assert_true(judge(shrinking, MOMENTS, false).rank == 0);
}

/* A cache is suspected as long as it fills, and no longer. */
static void
test_cache_falls(void **state)
{
	struct evidence full = judge(cache, MOMENTS, false);
	struct evidence filling = judge(cache, 50, false);
	struct evidence levelling = judge(cache, 60, false);

	(void)state;
	assert_true(filling.rank > judge(linear, 50, false).rank);
	assert_true(levelling.rank < filling.rank);
	assert_true(full.slope > 0);
	assert_true(full.lately == 0);
}

static void
test_no_evidence(void **state)
{
	struct evidence doubtful = judge(linear, MOMENTS, true);
	struct evidence early = judge(linear, EVIDENCE_MOMENTS - 1, false);

	(void)state;
	assert_true(doubtful.slope > 0);
	assert_true(doubtful.rank == 0);
	assert_true(early.slope == 0);
	assert_true(early.rank == 0);
	assert_true(judge(linear, EVIDENCE_MOMENTS, false).rank > 0);
}

/* Of many moments at once nothing can be said of time. */
static void
test_bounds(void **state)
{
	uint64_t times[10] = {0}, values[10] = {0};
	struct evidence evidence;

	(void)state;
	evidence_judge(times, values, 10, 0, 0, false, &evidence);
	assert_true(evidence.rank == 0 && evidence.kept == 0);
	evidence_judge(NULL, NULL, 0, 3, 9, false, &evidence);
	assert_true(evidence.kept == 0);
	times[8] = 1; /* most quarters have no moment of their own */
	times[9] = UINT64_C(1) << 60;
	values[9] = UINT64_MAX;
	evidence_judge(times, values, 10, UINT64_MAX, 0, false, &evidence);
	assert_true(evidence.kept == 1);
	assert_true(evidence.rank >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_linear),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_cache_falls),
	    cmocka_unit_test(test_no_evidence),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
