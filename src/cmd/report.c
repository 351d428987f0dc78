/* report.c - the table as `report`, `diff` and `top -b` print it. */
#include "config.h"

#include "cmd/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "cmd/columns.h"
#include "cmd/subcommand.h"
#include "cmd/suspects.h"
#include "export/export.h"
#include "model/rate.h"
#include "model/shares.h"
#include "model/trend.h"
#include "symbol/symbol.h"

#define MARKS_SHOWN 10 /* the last ones, as text */

void
report_query(const struct options *options, const struct mark *mark,
	     struct query *query)
{
	*query = (struct query){
	    .group_by = options->group_by,
	    .inclusive = options->inclusive,
	    .mine = options->mine,
	    .sort = mark ? COLUMN_SIZE_DIFF : COLUMN_SIZE,
	    .ascending = options->ascending,
	    .filter = options->filter,
	    .mark = mark,
	    .top = options->suspects ? 0 : options->top,
	};
	if (options->has_sort)
		query->sort = options->sort;
}

static const char *
source_line(void *context, const char *file, uint32_t line)
{
	const struct opened *opened = context;

	return source_text_line(resolve_root(opened->resolve), file, line);
}

/*
 * "mark 'after warm-up' at 2026-11-22 12:03:20: size=1.2 MiB, since then
 * +3.1 MiB, 30 units, per_work=+106 KiB": of all that is live.
 */
static void
print_mark(const struct snapshot *snapshot, const struct program_mark *mark)
{
	uint64_t units = snapshot->work_units - mark->work_units;
	int64_t growth = (int64_t)(snapshot->live_bytes - mark->live_bytes);
	char clock[TEXT_TIME_MAX];
	char size[TEXT_SIZE_MAX], diff[TEXT_SIZE_MAX];

	printf("mark '");
	text_clean_write(stdout, names_text(snapshot->names, mark->text));
	printf("' at %s: size=%s, since then %s",
	       text_time(clock, mark->time_ns),
	       text_size(size, mark->live_bytes), text_size_diff(diff, growth));
	if (snapshot->work_units > mark->work_units)
		printf(", %" PRIu64 " units, per_work=%s", units,
		       text_size_diff(size,
				      llround((double)growth / (double)units)));
	putchar('\n');
}

/* "work: 1204 units (+30), per_work=+1.2 KiB" and the program's marks. */
static void
print_said(const struct snapshot *snapshot, const struct query *query,
	   const struct row *total)
{
	uint64_t work = query_work(query, snapshot);
	size_t first = snapshot->mark_count > MARKS_SHOWN
			   ? snapshot->mark_count - MARKS_SHOWN
			   : 0;
	char size[TEXT_SIZE_MAX];

	if (snapshot->work_units)
		printf("work: %" PRIu64 " units", snapshot->work_units);
	if (snapshot->work_units && query->mark && !query->mark->apart)
		printf(" (+%" PRIu64 ")", work);
	if (work)
		printf(
		    ", per_work=%s",
		    text_size_diff(size, llround(row_per_work(total, work))));
	if (snapshot->work_units)
		putchar('\n');
	if (first)
		printf("%zu earlier marks, see --json\n", first);
	for (size_t i = first; i < snapshot->mark_count; i++)
		print_mark(snapshot, &snapshot->marks[i]);
}

/* "3 of 20 entries, total: size=..., count=..." and what is not in it. */
static void
print_totals(const struct snapshot *snapshot, const struct query *query,
	     const struct rows *rows)
{
	struct export_numbers which = export_numbers_of(query, snapshot);
	char text[RATE_TEXT_MAX];
	size_t i;

	printf("%zu of %zu %s, total: ", rows->count, rows->matched,
	       rows->matched == 1 ? "entry" : "entries");
	export_numbers(stdout, &rows->total, which);
	putchar('\n');
	print_said(snapshot, query, &rows->total);
	if (which.errors)
		printf("estimates, ± is one standard error: %s\n",
		       rate_text_cost(text, &snapshot->process));
	if (snapshot->merge)
		printf("the sum of %zu processes%s\n",
		       merge_members(snapshot->merge),
		       merge_members(snapshot->merge) <
			       merge_count(snapshot->merge)
			   ? ", without those that have ended"
			   : "");
	for (i = 0; i < snapshot->loss_count; i++)
		printf("not in it: %" PRIu64 " %s\n", snapshot->losses[i].count,
		       snapshot->losses[i].text);
}

static bool
print_text(const struct options *options, struct opened *opened,
	   const struct snapshot *snapshot, const struct query *query,
	   const struct rows *rows, struct err *err)
{
	struct export_source source = {.context = opened, .line = source_line};
	struct ledger ledger;

	if (options->ledger && ledger_make(&ledger, snapshot))
		export_ledger(stdout, &ledger, opened->base);
	if (rows->suspects)
		export_watched(stdout, rows->suspects);
	if (options->column_count)
		columns_print(stdout, options, snapshot, query, rows);
	else if (!export_text(stdout, snapshot, query, rows, &source, err))
		return false;
	print_totals(snapshot, query, rows);
	return true;
}

/* Puts rows from `first` on into a question, as many as it has room for;
 * returns where the next one begins. */
static size_t
ask_fill(struct types_ask *ask, struct engine *engine,
	 const struct snapshot *snapshot, const struct rows *rows, size_t first,
	 struct types *types)
{
	uint32_t *sites = mem_array(snapshot->site_count, sizeof(*sites));
	size_t i = first;

	for (; i < rows->count; i++) {
		size_t count = engine_sites(engine, &rows->rows[i], sites,
					    snapshot->site_count);

		if (!types_ask_row(ask, &types[i], snapshot, sites, count))
			break;
	}
	free(sites);
	return i;
}

/* What the blocks of each row are: types, one for each of rows. */
static bool
ask_types(struct engine *engine, struct opened *opened,
	  const struct snapshot *snapshot, const struct rows *rows,
	  struct types *types, struct err *err)
{
	struct types_ask *ask = mem_alloc(sizeof(*ask));
	struct err why;
	size_t end = 0;
	bool good;

	do {
		size_t first = end;

		*ask = (struct types_ask){0};
		end = ask_fill(ask, engine, snapshot, rows, first, types);
		good = source_types(opened->source, ask, &types[first], &why);
	} while (good && end < rows->count);
	free(ask);
	return good || err_set(err, "cannot tell the types of process %u: %s",
			       snapshot->process.pid, why.text);
}

static bool
print(const struct options *options, struct opened *opened,
      const struct snapshot *snapshot, const struct query *query,
      const struct rows *rows, struct err *err)
{
	return options->json
		   ? export_json(stdout, snapshot, query, rows, err)
		   : print_text(options, opened, snapshot, query, rows, err);
}

static bool
print_with_types(struct engine *engine, const struct options *options,
		 struct opened *opened, const struct snapshot *snapshot,
		 const struct query *query, const struct rows *rows,
		 struct err *err)
{
	struct rows with = *rows;
	struct types *types = mem_array(rows->count, sizeof(*types));
	bool good = ask_types(engine, opened, snapshot, rows, types, err);

	with.types = types;
	if (good)
		good = print(options, opened, snapshot, query, &with, err);
	else
		warn(err);
	for (size_t i = 0; i < rows->count; i++)
		types_fini(&types[i]);
	free(types);
	return good;
}

static bool
wants_trends(const struct options *options)
{
	bool wants = false;

	for (size_t i = 0; i < options->column_count; i++)
		wants |= column_is_past(options->columns[i]);
	return wants;
}

/* That of a file is taken in when it is asked for. False: rows are to be sorted
 * by what nobody has kept. */
static bool
history_find(const struct options *options, struct opened *opened,
	     const struct query *query)
{
	bool sorts = column_is_past(query->sort);
	const struct saved *saved = sorts || wants_trends(options)
					? source_saved(opened->source)
					: NULL;

	if (!opened->history && saved)
		opened->history = saved->history;
	return opened->history || !sorts;
}

/* How each row has gone, where that is kept and asked for; else NULL. */
static struct trend *
trends_make(struct engine *engine, const struct options *options,
	    const struct opened *opened, const struct snapshot *snapshot,
	    const struct rows *rows)
{
	const struct history *history = opened->history;
	struct trend *trends;

	if (!history || !history_count(history) ||
	    !(options->json || wants_trends(options)))
		return NULL;
	trends = mem_array(rows->count, sizeof(*trends));
	trend_rows(engine, history, history_at(history, snapshot->mono_ns),
		   rows->rows, rows->count, snapshot->site_count, trends);
	return trends;
}

/* What each process has of each row, of a merged snapshot; else NULL. */
static struct shares *
shares_of(struct engine *engine, const struct snapshot *snapshot,
	  const struct mark *mark, const struct rows *rows)
{
	struct shares *shares;

	if (!snapshot->merge)
		return NULL;
	shares = mem_array(rows->count, sizeof(*shares));
	for (size_t i = 0; i < rows->count; i++)
		shares_make(&shares[i], engine, snapshot, mark, &rows->rows[i]);
	return shares;
}

static void
shares_free(struct shares *shares, size_t count)
{
	for (size_t i = 0; shares && i < count; i++)
		shares_fini(&shares[i]);
	free(shares);
}

int
report_print(struct engine *engine, const struct options *options,
	     struct opened *opened, const struct snapshot *snapshot,
	     const struct query *query)
{
	struct query asked = *query;
	struct rows with;
	const struct rows *rows = &with;
	struct judged *judged = NULL;
	struct trend *trends = NULL;
	struct shares *shares;
	struct err err;
	bool good;

	if (!history_find(options, opened, query)) {
		err_set(&err,
			"there is no history to sort by '%s'; it is in "
			"files that key S of the viewer saved, and kept by "
			"heaptop top -b",
			column_infos[query->sort].word);
		return failed(&err);
	}
	asked.history = opened->history;
	with = *engine_run(engine, snapshot, &asked);
	if (options->suspects) {
		judged = mem_alloc(sizeof(*judged));
		judged_make(judged, engine, options, opened->history, snapshot,
			    query, &with);
	} else {
		trends = trends_make(engine, options, opened, snapshot, &with);
		with.trends = trends;
	}
	with.ledger_base = opened->base;
	shares = shares_of(engine, snapshot, query->mark, &with);
	with.shares = shares;
	good = options->types
		   ? print_with_types(engine, options, opened, snapshot, query,
				      rows, &err)
		   : print(options, opened, snapshot, query, rows, &err);
	free(judged);
	free(trends);
	shares_free(shares, with.count);
	/* A write that failed is told once, when the output is closed. */
	if (!good)
		return STATUS_FAILED;
	if (options->has_fail_above &&
	    (query->mark
		 ? rows->total.size_diff > 0 &&
		       (uint64_t)rows->total.size_diff > options->fail_above
		 : rows->total.size > options->fail_above))
		return STATUS_THRESHOLD;
	return STATUS_DONE;
}
