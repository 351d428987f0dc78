/* cmd_rate.c - `heaptop rate PID RATE`: more or less is recorded from now on.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cmd/child.h"
#include "cmd/open.h"
#include "cmd/subcommand.h"
#include "model/rate.h"

enum { WAIT_MS = 5000, FLUSH_MS = 250, NEAR_MS = 1500 };

static bool
rate_parse(const char *text, struct rate *rate, struct err *err)
{
	struct err ignored;

	*rate = (struct rate){.sample_bytes = 1};
	if (strcmp(text, "exact") == 0)
		return true;
	if (strchr(text, '%')) {
		rate->sample_bytes = 0;
		return budget_parse(text, &rate->budget_ppm, err);
	}
	if (size_parse(text, &rate->sample_bytes, &ignored) &&
	    rate->sample_bytes > 1)
		return true;
	return err_set(err,
		       "'%s' is no rate; write exact, a size such as 512K or a "
		       "budget such as 2%%",
		       text);
}

/* Until the process says that it does so. An interval near the one that was
 * asked for will do when no better one has come for a while. */
static bool
wait_until_met(struct source *source, const struct rate *rate)
{
	const struct process *process = &source_snapshot(source)->process;
	uint64_t start_ns = clock_ns();
	struct err ignored;

	for (;;) {
		uint64_t waited_ms = (clock_ns() - start_ns) / 1000000;
		bool answered = source_flush(source, FLUSH_MS);

		source_watch(source);
		if (source_refresh(source, &ignored) < 0)
			return false;
		if (rate_is_met(rate, process))
			return true;
		if (answered && waited_ms > NEAR_MS &&
		    rate_is_near(rate, process))
			return true;
		if (waited_ms > WAIT_MS || !source_is_live(source))
			return false;
	}
}

static int
change(struct source *source, const struct rate *rate)
{
	const struct process *process = &source_snapshot(source)->process;
	char before[RATE_TEXT_MAX], after[RATE_TEXT_MAX];
	struct err why, err;

	rate_text(before, process);
	if (!source_ask_rate(source, rate, &why)) {
		err_set(&err, "cannot change the rate of process %u: %s",
			process->pid, why.text);
		return failed(&err);
	}
	if (!wait_until_met(source, rate)) {
		err_set(&err, "process %u has not changed its rate: %s",
			process->pid,
			source_is_live(source)
			    ? "its agent does not answer; try again when the "
			      "process is not stopped"
			    : "it has ended; see 'heaptop list'");
		return failed(&err);
	}
	printf("process %u: was %s, is %s\n", process->pid, before,
	       rate_text_cost(after, process));
	return STATUS_DONE;
}

int
cmd_rate(const struct options *options)
{
	struct source *source;
	struct rate rate;
	struct err err;
	size_t many;
	int status;

	if (!rate_parse(options->operands[1], &rate, &err))
		return failed_usage(options->command, &err);
	source = open_source(options->operands[0], &many, &err);
	if (!source)
		return failed(&err);
	status = change(source, &rate);
	source_close(source);
	return status;
}
