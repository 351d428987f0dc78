/*
 * tracing.c - what Python allocated since the program asked for it.
 *
 * Each beginning has sums of its own, so that a thread which is late with an
 * event of the time before spoils none that came after. They are never freed;
 * there are few beginnings.
 *
 *	peak >= live after each event, and was live at some moment
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/tracing.h"

#include <stddef.h>

#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/sites.h"

struct sums {
	uint32_t era; /* of the sites that are counted */
	int64_t live;
	int64_t peak;
};

bool tracing_on;
static struct sums *tracing; /* of the newest beginning; NULL: it is off */

static struct sums *
sums_get(void)
{
	return __atomic_load_n(&tracing, __ATOMIC_ACQUIRE);
}

static void
peak_raise(struct sums *sums, int64_t live)
{
	int64_t peak = __atomic_load_n(&sums->peak, __ATOMIC_RELAXED);

	while (live > peak &&
	       !__atomic_compare_exchange_n(&sums->peak, &peak, live, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void
tracing_add(uint32_t site, int64_t bytes)
{
	struct sums *sums = sums_get();
	const struct site *of = sites_get(site);
	int64_t live;

	if (!sums || !tracing_is_python(of->domain) ||
	    __atomic_load_n(&of->era, __ATOMIC_ACQUIRE) != sums->era)
		return;
	live = __atomic_add_fetch(&sums->live, bytes, __ATOMIC_RELAXED);
	if (bytes > 0)
		peak_raise(sums, live);
}

static void
publish(void *fresh, uint32_t era)
{
	struct sums *sums = fresh;

	sums->era = era;
	__atomic_store_n(&tracing, sums, __ATOMIC_RELEASE);
	__atomic_store_n(&tracing_on, true, __ATOMIC_RELEASE);
}

bool
tracing_begin(void)
{
	struct sums *sums = safe_alloc(sizeof(*sums));

	if (!sums)
		return false;
	sites_begin(publish, sums);
	/* Threads remember sites that get no more blocks. */
	sample_rate_touch();
	return true;
}

void
tracing_end(void)
{
	__atomic_store_n(&tracing_on, false, __ATOMIC_RELEASE);
	__atomic_store_n(&tracing, NULL, __ATOMIC_RELEASE);
}

uint64_t
tracing_live(void)
{
	struct sums *sums = sums_get();

	return sums ? (uint64_t)__atomic_load_n(&sums->live, __ATOMIC_RELAXED)
		    : 0;
}

uint64_t
tracing_peak(void)
{
	struct sums *sums = sums_get();

	return sums ? (uint64_t)__atomic_load_n(&sums->peak, __ATOMIC_RELAXED)
		    : 0;
}

void
tracing_peak_reset(void)
{
	struct sums *sums = sums_get();

	if (sums)
		__atomic_store_n(&sums->peak,
				 __atomic_load_n(&sums->live, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}
