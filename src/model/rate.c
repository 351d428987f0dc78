/* rate.c - how much is recorded, compared and in words. */
#include "config.h"

#include "model/rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool
rate_is_met(const struct rate *rate, const struct process *process)
{
	return process->budget_ppm == rate->budget_ppm &&
	       (rate->budget_ppm ||
		process->sample_bytes == rate->sample_bytes);
}

bool
rate_is_near(const struct rate *rate, const struct process *process)
{
	return !rate->budget_ppm && !process->budget_ppm &&
	       rate->sample_bytes > 1 && process->sample_bytes > 1;
}

const char *
rate_percent(char out[RATE_TEXT_MAX], uint32_t ppm)
{
	double percent = ppm / 1e4;

	if (ppm < 1000)
		snprintf(out, RATE_TEXT_MAX, "%.2g", percent);
	else
		snprintf(out, RATE_TEXT_MAX, percent < 9.95 ? "%.1f" : "%.0f",
			 percent);
	return out;
}

/* Intervals are mostly powers of two, which need no fraction. */
static const char *
interval_text(char out[TEXT_SIZE_MAX], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
	size_t unit = 0;
	uint64_t value = bytes;

	while (unit < 3 && value && value % 1024 == 0) {
		value /= 1024;
		unit++;
	}
	if (value >= 1024)
		return text_size(out, bytes);
	snprintf(out, TEXT_SIZE_MAX, "%" PRIu64 " %s", value, units[unit]);
	return out;
}

const char *
rate_text(char out[RATE_TEXT_MAX], const struct process *process)
{
	char size[TEXT_SIZE_MAX];

	if (process->sample_bytes > 1)
		snprintf(out, RATE_TEXT_MAX, "sampled %s",
			 interval_text(size, process->sample_bytes));
	else
		snprintf(out, RATE_TEXT_MAX, "exact");
	return out;
}

const char *
rate_text_cost(char out[RATE_TEXT_MAX], const struct process *process)
{
	char part[RATE_TEXT_MAX];
	size_t used;

	rate_text(out, process);
	used = strlen(out);
	if (process->cost_ppm)
		used += (size_t)snprintf(out + used, RATE_TEXT_MAX - used,
					 "  cost %.20s %%",
					 rate_percent(part, process->cost_ppm));
	if (process->budget_ppm)
		snprintf(out + used, RATE_TEXT_MAX - used,
			 process->cost_ppm ? " of %g %% budget"
					   : "  %g %% budget",
			 process->budget_ppm / 1e4);
	return out;
}
