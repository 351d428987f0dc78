/*
 * budget.h - what the agent costs the process, and how it keeps to a share.
 *
 * Some of the recorded blocks are timed (record.c); what passing over the
 * others costs is known well enough to be a constant, and the ticker's own time
 * is measured by the kernel. The sum, as a share of the process's CPU time, or
 * of a tenth of a processor if that is more, is the cost. Where a budget is
 * set, the sampling interval follows it: the smallest power of two that is
 * expected to cost less, or exact if that does.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_BUDGET_H
#define HEAPTOP_AGENT_BUDGET_H

#include <stdint.h>

#include "heaptop/wire.h"

#define BUDGET_INTERVAL_MIN (UINT64_C(8) << 10)
#define BUDGET_INTERVAL_MAX (UINT64_C(32) << 20)

/* Parts of a million; 0: no budget. Also setup. */
void budget_set(uint32_t ppm);

/* What the control page asks for since it was looked at last. */
void budget_wishes(const struct wire_control *);

/* Once a tick, with totals and agent_cpu_ns filled in: fills in sample_bytes,
 * budget_ppm and cost_ppm, and moves the interval. */
void budget_tick(struct wire_status *);

/* In a forked child: its clocks start anew. The budget stays. */
void budget_forked(void);

/* What a stretch of time held; for budget_interval. */
struct budget_load {
	double cpu_ns;	 /* of the process, at least a tenth of a processor */
	double agent_ns; /* of the ticker */
	double hook_ns;	 /* of recorded blocks */
	double recorded; /* blocks */
	double allocs;	 /* of all blocks, as estimated */
	double frees;
	double bytes;
};

/* ns for a recorded block, as measured so far. */
struct budget_prices {
	double exact_ns;
	double sampled_ns;
};

/* The agent's ns in that load, at that interval. */
double budget_cost(const struct budget_load *, uint64_t interval);
/* The interval to go on with after that load at `interval`. */
uint64_t budget_interval(const struct budget_load *,
			 const struct budget_prices *, uint64_t interval,
			 uint32_t ppm);

#endif
