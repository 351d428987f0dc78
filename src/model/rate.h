/*
 * rate.h - how much of what a process allocates is recorded: everything, one
 * block in so many bytes, or as much as a budget of CPU time allows.
 */
#ifndef HEAPTOP_MODEL_RATE_H
#define HEAPTOP_MODEL_RATE_H

#include "model/snapshot.h"

#define RATE_TEXT_MAX 96

struct rate {
	uint64_t sample_bytes; /* 1 exact, else the interval; with a budget 0 */
	uint32_t budget_ppm;   /* of the process's CPU time; 0 none */
};

/* Whether the process records at this rate by now. */
bool rate_is_met(const struct rate *, const struct process *);
/* Whether it samples without a budget, at an interval that need not be the
 * rate's: an agent keeps a few intervals and takes the nearest. */
bool rate_is_near(const struct rate *, const struct process *);

/*
 * In words, "exact" or "sampled 512 KiB"; the second also with the cost and
 * the budget, where they are known: "sampled 512 KiB  cost 1.3 % of 2 %
 * budget". Both return out.
 */
const char *rate_text(char out[RATE_TEXT_MAX], const struct process *);
const char *rate_text_cost(char out[RATE_TEXT_MAX], const struct process *);
/* "1.3", "12", "0.5" of 13000, 120000, 5000. */
const char *rate_percent(char out[RATE_TEXT_MAX], uint32_t ppm);

#endif
