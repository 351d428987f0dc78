/*
 * cmd_top.c - `heaptop top -b PID`: the table again and again.
 *
 * The first time shows totals; the later ones the growth since the first, or
 * since the mark that was asked for.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cmd/child.h"
#include "cmd/report.h"
#include "cmd/subcommand.h"
#include "model/history.h"
#include "model/merge.h"
#include "model/rate.h"

#define DELAY_S 2.0

struct top {
	const struct options *options;
	struct opened *opened;
	struct engine *engine;
	struct history *history;
	struct mark_plan plan;
	struct mark mark;
};

static void
print_heading(const struct top *top, bool since)
{
	const struct snapshot *snapshot = source_snapshot(top->opened->source);
	const struct process *process = &snapshot->process;
	char rss[TEXT_SIZE_MAX], live[TEXT_SIZE_MAX];
	char rate[RATE_TEXT_MAX];
	char clock[TEXT_TIME_MAX];

	printf("heaptop - %s, ", text_time(clock, snapshot->time_ns));
	if (snapshot->merge)
		printf("%zu processes of %u (", merge_members(snapshot->merge),
		       process->pid);
	else
		printf("process %u (", process->pid);
	text_clean_write(stdout, process->command);
	printf("), ");
	text_clean_write(stdout, process->state);
	printf("\nRSS %s, live %s in %llu blocks\n",
	       process->rss_bytes ? text_size(rss, process->rss_bytes) : "-",
	       text_size(live, snapshot->live_bytes),
	       (unsigned long long)snapshot->live_count);
	if (snapshot_is_sampled(snapshot) || process->budget_ppm)
		printf("%s\n", rate_text_cost(rate, process));
	if (since && *top->mark.name) {
		printf("growth since '");
		text_clean_write(stdout, top->mark.name);
		printf("', %s\n", text_time(clock, top->mark.time_ns));
	}
	putchar('\n');
}

/* Takes in what the source has; growth may count from now on. */
static void
take_in(struct top *top)
{
	const struct snapshot *snapshot = source_snapshot(top->opened->source);
	const char *name;

	if (!snapshot->tick)
		return;
	history_add(top->history, snapshot);
	name = plan_step(&top->plan, snapshot);
	if (!name)
		return;
	mark_fini(&top->mark);
	mark_take(&top->mark, snapshot, name);
}

/* Until the time comes, an interrupt does, or the process has ended. Returns
 * whether to go on. */
static bool
wait_until(struct top *top, uint64_t end_ns)
{
	const uint64_t step_ns = 500000000u;
	struct source *source = top->opened->source;
	struct err ignored;
	uint64_t now;

	while ((now = clock_ns()) < end_ns) {
		uint64_t rest = end_ns - now < step_ns ? end_ns - now : step_ns;
		struct timespec pause = {(time_t)(rest / 1000000000u),
					 (long)(rest % 1000000000u)};

		/* Without a viewer the agent publishes once a second. */
		source_watch(source);
		if (nanosleep(&pause, NULL) != 0)
			return false;
		if (!source_is_live(source))
			return false;
		if (source_refresh(source, &ignored) > 0)
			take_in(top);
	}
	return true;
}

static int
print_once(struct top *top, uint64_t turn)
{
	const struct options *options = top->options;
	const struct snapshot *snapshot = source_snapshot(top->opened->source);
	struct query query;
	int status;

	report_query(options, turn || options->suspects ? &top->mark : NULL,
		     &query);
	query.rate = query.mark;
	if (!options->has_sort)
		query.sort = turn ? COLUMN_SIZE_DIFF : COLUMN_SIZE;
	if (!options->json && turn)
		putchar('\n');
	if (!options->json)
		print_heading(top, turn > 0);
	status =
	    report_print(top->engine, options, top->opened, snapshot, &query);
	return fflush(stdout) == 0 ? status : STATUS_FAILED;
}

/* All begins anew: with the first totals, or after exec. */
static void
begin(struct top *top)
{
	mark_fini(&top->mark);
	mark_take(&top->mark, source_snapshot(top->opened->source), "");
	history_free(top->history);
	top->history = history_new((size_t)top->options->history);
	top->opened->history = top->history;
	top->plan = top->options->plan;
	take_in(top);
}

static int
print_all(struct top *top)
{
	const struct options *options = top->options;
	double delay_s = options->delay_s > 0 ? options->delay_s : DELAY_S;
	uint64_t delay_ns = (uint64_t)(delay_s * 1e9);
	uint64_t next_ns = clock_ns();
	int status = STATUS_DONE;
	bool last = false;
	struct err err;
	uint64_t turn;

	for (turn = 0; !last; turn++) {
		status = print_once(top, turn);
		if (status == STATUS_FAILED ||
		    turn + 1 == options->iterations ||
		    !source_is_live(top->opened->source))
			break;
		next_ns += delay_ns;
		/* A process that has ended is shown once more, as it was. */
		last = !wait_until(top, next_ns);
		if (!open_refresh(top->opened, &err)) {
			status = failed(&err);
			break;
		}
		/* It called exec: the next times are of what it is now. */
		if (last && source_is_live(top->opened->source)) {
			begin(top);
			last = false;
		}
		take_in(top);
	}
	return status;
}

int
cmd_top(const struct options *options)
{
	struct opened opened = {0};
	struct top top = {.options = options, .opened = &opened};
	struct err err;
	int status;

	if (!options->batch)
		return cmd_view(options);
	if (!open_operand(&opened, options, 0, &err))
		return failed(&err);
	top.engine = engine_new();
	begin(&top);
	status = print_all(&top);
	mark_fini(&top.mark);
	history_free(top.history);
	engine_free(top.engine);
	open_close(&opened);
	return status;
}
