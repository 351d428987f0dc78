/*
 * budget.c - what the agent costs the process, and how it keeps to a share.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/budget.h"

#include <string.h>
#include <time.h>

#include "agent/arch/arch.h"
#include "agent/life.h"
#include "agent/py/py.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/thread.h"

/* ns of a hook beside what is timed. */
#define PASS_NS	       1.0 /* a block or a free that is passed: 0.5 to 1 */
#define EXACT_ALLOC_NS 8.0
#define EXACT_FREE_NS  8.0

#define WINDOW_NS   20e6 /* of CPU, before a share means anything */
#define BUSY	    0.1	 /* of a processor: less counts as much */
#define BLOCKS_MIN  16	 /* timed for, before their price is believed */
#define FITS	    0.75 /* of the budget: what a new interval may take */
#define IDLE	    0.5	 /* of the budget: from here down it may be closer */
#define CLOSER_MOST 4	 /* times closer in one step */

/* Sums since the process began. */
struct sums {
	uint64_t mono_ns; /* when; 0: it has not begun */
	uint64_t cpu_ns;
	uint64_t agent_ns;
	uint64_t cycles;
	uint64_t recorded;
	uint64_t allocs;
	uint64_t frees;
	uint64_t bytes;
};

static struct {
	uint32_t ppm;
	uint32_t cost_ppm;
	uint64_t wished_bytes; /* last seen in the control page */
	uint32_t wished_ppm;
	uint32_t wished_stop;
	uint32_t rate; /* of all of the window */
	struct sums start;
	uint64_t cycles; /* when clocks were compared first; 0: never */
	uint64_t mono_ns;
	struct budget_prices prices;
} budget = {.prices = {80, 1500}};

void
budget_set(uint32_t ppm)
{
	budget.ppm = ppm < 1000000 ? ppm : 1000000;
}

/* False: not yet. */
static bool
rate_set(uint64_t interval)
{
	if (!py_rate_may(interval))
		return false;
	sample_rate_set(interval);
	return true;
}

void
budget_wishes(const struct wire_control *control)
{
	uint64_t bytes =
	    __atomic_load_n(&control->sample_bytes, __ATOMIC_RELAXED);
	uint32_t ppm = __atomic_load_n(&control->budget_ppm, __ATOMIC_RELAXED);
	uint32_t stop = __atomic_load_n(&control->stop, __ATOMIC_RELAXED);

	if (ppm && ppm != budget.wished_ppm)
		budget_set(ppm == ~UINT32_C(0) ? 0 : ppm);
	budget.wished_ppm = ppm;
	if (!bytes || bytes == budget.wished_bytes || rate_set(bytes))
		budget.wished_bytes = bytes;
	if (stop != budget.wished_stop && !life_is_asleep())
		sample_stop(stop == 1);
	budget.wished_stop = stop;
}

void
budget_forked(void)
{
	memset(&budget.start, 0, sizeof(budget.start));
	budget.cycles = 0;
	budget.rate = 0;
	budget.wished_bytes = 0;
	budget.wished_ppm = 0;
	budget.wished_stop = 0;
}

static void
sums_take(struct sums *sums, const struct wire_status *status)
{
	memset(sums, 0, sizeof(*sums));
	sums->mono_ns = safe_clock_ns(CLOCK_MONOTONIC);
	sums->cpu_ns = safe_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	sums->agent_ns = status->agent_cpu_ns;
	for (const struct thread *thread = threads_first(); thread;
	     thread = thread->next) {
		sums->cycles +=
		    __atomic_load_n(&thread->spent_cycles, __ATOMIC_RELAXED);
		sums->recorded +=
		    __atomic_load_n(&thread->spent_blocks, __ATOMIC_RELAXED);
	}
	for (int i = 0; i < WIRE_DOMAIN_COUNT; i++) {
		if (i == WIRE_DOMAIN_MMAP)
			continue;
		sums->allocs += status->totals[i].alloc_count;
		sums->frees += status->totals[i].free_count;
		sums->bytes += status->totals[i].alloc_bytes;
	}
}

/* Since the first tick: the longer, the better known. */
static double
ns_per_cycle(void)
{
	uint64_t cycles = arch_cycles();
	uint64_t mono_ns = safe_clock_ns(CLOCK_MONOTONIC);

	if (!budget.cycles) {
		budget.cycles = cycles;
		budget.mono_ns = mono_ns;
	}
	if (cycles - budget.cycles < 1000000)
		return 0.5;
	return (double)(mono_ns - budget.mono_ns) /
	       (double)(cycles - budget.cycles);
}

/* What the process would have used had it not been idle: all that an idle one
 * uses is the agent's own ticks, of which nobody takes harm. */
static double
busy_ns(const struct sums *then, const struct sums *now)
{
	double used = (double)(now->cpu_ns - then->cpu_ns);
	double least = (double)(now->mono_ns - then->mono_ns) * BUSY;

	return then->mono_ns && used < least ? least : used;
}

static void
load_take(struct budget_load *load, const struct sums *now, double per_cycle)
{
	const struct sums *then = &budget.start;

	load->cpu_ns = busy_ns(then, now);
	load->agent_ns = (double)(now->agent_ns - then->agent_ns);
	load->hook_ns = (double)(now->cycles - then->cycles) * per_cycle;
	load->recorded = (double)(now->recorded - then->recorded);
	load->allocs = (double)(now->allocs - then->allocs);
	load->frees = (double)(now->frees - then->frees);
	load->bytes = (double)(now->bytes - then->bytes);
}

/* What it takes beside recording. */
static double
hooks_cost(const struct budget_load *load, uint64_t interval)
{
	if (interval <= 1)
		return load->allocs * EXACT_ALLOC_NS +
		       load->frees * EXACT_FREE_NS;
	return (load->allocs + load->frees) * PASS_NS;
}

double
budget_cost(const struct budget_load *load, uint64_t interval)
{
	return load->agent_ns + load->hook_ns + hooks_cost(load, interval);
}

/* Blocks recorded per interval of mass: more than one where blocks are large.
 */
static double
density(const struct budget_load *load, uint64_t interval)
{
	double mass = load->bytes + load->allocs;

	if (interval <= 1 || load->recorded < 1 || mass < 1)
		return 1;
	return load->recorded * (double)interval / mass;
}

/* What the same load would have cost at another interval. */
static double
cost_at(const struct budget_load *load, const struct budget_prices *prices,
	double per_interval, uint64_t interval)
{
	double fixed = load->agent_ns + hooks_cost(load, interval);
	double recorded =
	    (load->bytes + load->allocs) / (double)interval * per_interval;

	if (interval <= 1)
		return fixed + load->allocs * prices->exact_ns;
	if (recorded > load->allocs)
		recorded = load->allocs;
	return fixed + recorded * prices->sampled_ns;
}

uint64_t
budget_interval(const struct budget_load *load,
		const struct budget_prices *prices, uint64_t interval,
		uint32_t ppm)
{
	double cost = budget_cost(load, interval);
	double most = load->cpu_ns * ppm / 1e6;
	double per_interval = density(load, interval);
	uint64_t from = BUDGET_INTERVAL_MIN;
	uint64_t next;

	if (cost <= most && (cost > most * IDLE || interval <= 1))
		return interval;
	if (cost <= most) {
		if (cost_at(load, prices, 1, 1) <= most * FITS)
			return 1;
		if (interval / CLOSER_MOST > from)
			from = interval / CLOSER_MOST;
	} else if (interval * 2 > from) {
		from = interval * 2;
	}
	for (next = BUDGET_INTERVAL_MIN; next < BUDGET_INTERVAL_MAX; next *= 2)
		if (next >= from &&
		    cost_at(load, prices, per_interval, next) <= most * FITS)
			break;
	if (cost <= most && next > interval)
		return interval;
	return next;
}

static void
prices_learn(const struct budget_load *load, bool exact)
{
	double *price =
	    exact ? &budget.prices.exact_ns : &budget.prices.sampled_ns;

	if (load->recorded >= BLOCKS_MIN * (exact ? 64 : 1))
		*price = (*price + load->hook_ns / load->recorded) / 2;
}

static void
window_end(const struct budget_load *load)
{
	uint64_t interval = sample_interval();
	double cost = budget_cost(load, interval);
	uint64_t next;

	budget.cost_ppm = cost < load->cpu_ns
			      ? (uint32_t)(cost / load->cpu_ns * 1e6)
			      : 1000000;
	prices_learn(load, interval <= 1);
	if (!budget.ppm)
		return;
	next = budget_interval(load, &budget.prices, interval, budget.ppm);
	if (next != interval)
		rate_set(next);
}

void
budget_tick(struct wire_status *status)
{
	uint32_t rate = __atomic_load_n(&sample_rate, __ATOMIC_RELAXED);
	struct budget_load load;
	struct sums now;

	sums_take(&now, status);
	load_take(&load, &now, ns_per_cycle());
	if (load.cpu_ns >= WINDOW_NS || rate != budget.rate) {
		/* A window with two rates in it says nothing of either. */
		if (rate == budget.rate)
			window_end(&load);
		budget.rate = rate;
		budget.start = now;
	}
	status->sample_bytes = sample_interval();
	status->budget_ppm = budget.ppm;
	status->cost_ppm = budget.cost_ppm;
}
