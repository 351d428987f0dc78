/*
 * cmd_top.c - `heaptop top -b PID`: the table again and again.
 *
 * The first time shows totals; the later ones the growth since the first.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/text.h"
#include "cmd/child.h"
#include "cmd/report.h"
#include "cmd/subcommand.h"
#include "model/rate.h"

#define DELAY_S 2.0

static void
print_heading(const struct snapshot *snapshot)
{
	const struct process *process = &snapshot->process;
	char rss[TEXT_SIZE_MAX], live[TEXT_SIZE_MAX];
	char rate[RATE_TEXT_MAX];
	char clock[TEXT_TIME_MAX];

	printf("heaptop - %s, process %u (",
	       text_time(clock, snapshot->time_ns), process->pid);
	text_clean_write(stdout, process->command);
	printf("), ");
	text_clean_write(stdout, process->state);
	printf("\nRSS %s, live %s in %llu blocks\n",
	       process->rss_bytes ? text_size(rss, process->rss_bytes) : "-",
	       text_size(live, snapshot->live_bytes),
	       (unsigned long long)snapshot->live_count);
	if (snapshot_is_sampled(snapshot) || process->budget_ppm)
		printf("%s\n", rate_text_cost(rate, process));
	putchar('\n');
}

/* Until the time comes, an interrupt does, or the process has ended. Returns
 * whether to go on. */
static bool
wait_until(struct opened *opened, uint64_t end_ns)
{
	const uint64_t step_ns = 1000000000u;
	uint64_t now;

	while ((now = clock_ns()) < end_ns) {
		uint64_t rest = end_ns - now < step_ns ? end_ns - now : step_ns;
		struct timespec pause = {(time_t)(rest / 1000000000u),
					 (long)(rest % 1000000000u)};

		/* Without a viewer the agent publishes once a second. */
		source_watch(opened->source);
		if (nanosleep(&pause, NULL) != 0)
			return false;
		if (!source_is_live(opened->source))
			return false;
	}
	return true;
}

static int
print_once(struct engine *engine, const struct options *options,
	   struct opened *opened, const struct mark *mark, uint64_t turn)
{
	const struct snapshot *snapshot = source_snapshot(opened->source);
	struct query query;
	int status;

	report_query(options, turn ? mark : NULL, &query);
	query.rate = query.mark;
	if (!options->has_sort)
		query.sort = turn ? COLUMN_SIZE_DIFF : COLUMN_SIZE;
	if (!options->json && turn)
		putchar('\n');
	if (!options->json)
		print_heading(snapshot);
	status = report_print(engine, options, opened, snapshot, &query);
	return fflush(stdout) == 0 ? status : STATUS_FAILED;
}

static int
print_all(const struct options *options, struct opened *opened)
{
	double delay_s = options->delay_s > 0 ? options->delay_s : DELAY_S;
	uint64_t delay_ns = (uint64_t)(delay_s * 1e9);
	struct engine *engine = engine_new();
	uint64_t next_ns = clock_ns();
	int status = STATUS_DONE;
	bool last = false;
	struct mark mark;
	struct err err;
	uint64_t turn;

	mark_take(&mark, source_snapshot(opened->source), "");
	for (turn = 0; !last; turn++) {
		status = print_once(engine, options, opened, &mark, turn);
		if (status == STATUS_FAILED ||
		    turn + 1 == options->iterations ||
		    !source_is_live(opened->source))
			break;
		next_ns += delay_ns;
		/* A process that has ended is shown once more, as it was. */
		last = !wait_until(opened, next_ns);
		if (!open_refresh(opened, &err)) {
			status = failed(&err);
			break;
		}
		/* It called exec: the next times are of what it is now. */
		if (last && source_is_live(opened->source)) {
			mark_fini(&mark);
			mark_take(&mark, source_snapshot(opened->source), "");
			last = false;
		}
	}
	mark_fini(&mark);
	engine_free(engine);
	return status;
}

int
cmd_top(const struct options *options)
{
	struct opened opened;
	struct err err;
	int status;

	if (!options->batch)
		return cmd_view(options);
	if (!open_target(&opened, options->operands[0], &err))
		return failed(&err);
	status = print_all(options, &opened);
	open_close(&opened);
	return status;
}
