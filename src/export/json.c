/* json.c - rows as one JSON document. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"
#include "export/label.h"
#include "model/shares.h"
#include "model/history.h"

static void
put_text(FILE *file, const char *key, const struct names *names,
	 uint32_t string)
{
	fprintf(file, "\"%s\":", key);
	text_json_write(file, string ? names_text(names, string) : NULL);
}

static void
put_line(FILE *file, uint32_t line)
{
	if (line)
		fprintf(file, ",\"line\":%" PRIu32, line);
	else
		fputs(",\"line\":null", file);
}

static const char *
kind_word(enum frame_kind kind)
{
	return kind == FRAME_PYTHON ? "python" : "native";
}

static void
put_location(FILE *file, const struct names *names, const struct frame *frame,
	     const struct location *location)
{
	fprintf(file, "{\"kind\":\"%s\",", kind_word(frame->kind));
	put_text(file, "function", names, location->function);
	putc(',', file);
	put_text(file, "file", names, location->file);
	put_line(file, location->line);
	putc(',', file);
	put_text(file, "module", names,
		 frame->module ? names_module(names, frame->module)->path : 0);
	if (location->flags & LOCATION_INLINED)
		fputs(",\"inlined\":true", file);
	putc('}', file);
}

static void
put_traceback(FILE *file, struct names *names, uint32_t stack)
{
	const char *comma = "";

	fputs(",\"traceback\":[", file);
	while (stack) {
		struct stack at = *names_stack(names, stack);
		size_t count;
		const struct location *location =
		    names_locations(names, at.frame, &count);
		const struct frame *frame = names_frame(names, at.frame);

		for (size_t i = 0; i < count; i++) {
			fputs(comma, file);
			put_location(file, names, frame, &location[i]);
			comma = ",";
		}
		stack = at.parent;
	}
	putc(']', file);
}

static void
put_errors(FILE *file, const struct row *row)
{
	fprintf(file,
		",\"size_error\":%.0f,\"count_error\":%.1f"
		",\"size_diff_error\":%.0f,\"count_diff_error\":%.1f",
		row->size_error, row->count_error, row->size_diff_error,
		row->count_diff_error);
}

/* types_sampled: one block in so many was looked into; 1 all. */
static void
put_types(FILE *file, const struct names *names, const struct types *types)
{
	fputs(",\"types\":[", file);
	for (size_t i = 0; i < types->count; i++) {
		fputs(i ? ",{\"type\":" : "{\"type\":", file);
		text_json_write(file, types_label(names, &types->totals[i]));
		fprintf(file, ",\"count\":%" PRIu64 ",\"size\":%" PRIu64 "}",
			types->totals[i].count, types->totals[i].size);
	}
	fprintf(file, "],\"types_sampled\":%" PRIu64, types->every);
	if (types->left_out)
		fprintf(file, ",\"types_left_out\":%zu", types->left_out);
	if (types->part)
		fputs(",\"types_part\":true", file);
}

/* What every row has beside its totals, where there is any. */
struct extras {
	bool errors;
	bool rates;
	uint64_t work; /* units since the mark */
};

static void
put_extras(FILE *file, const struct row *row, const struct extras *extras)
{
	if (extras->errors)
		put_errors(file, row);
	if (extras->rates)
		fprintf(file, ",\"rate_size\":%.3f,\"rate_count\":%.3f",
			row->rate_size, row->rate_count);
	if (extras->work)
		fprintf(file, ",\"size_per_work\":%.3f",
			row_per_work(row, extras->work));
}

static void
put_shares(FILE *file, const struct merge *merge, const struct shares *shares)
{
	fputs(",\"processes\":[", file);
	for (size_t i = 0; i < shares->count; i++)
		fprintf(file,
			"%s{\"pid\":%" PRIu32 ",\"size\":%" PRIu64
			",\"count\":%" PRIu64 ",\"size_diff\":%" PRId64 "}",
			i ? "," : "",
			merge_process(merge, shares->each[i].member)->pid,
			shares->each[i].size, shares->each[i].count,
			shares->each[i].size_diff);
	putc(']', file);
}

/* Every process that is or was merged. */
static void
put_members(FILE *file, const struct merge *merge)
{
	fputs(",\"processes\":[", file);
	for (size_t i = 0; i < merge_count(merge); i++) {
		const struct process *process = merge_process(merge, i);
		struct share has = merge_total(merge, i);

		fprintf(file,
			"%s{\"pid\":%" PRIu32 ",\"parent_pid\":%" PRIu32
			",\"alive\":%s,\"counted\":%s,\"rss\":%" PRIu64
			",\"size\":%" PRIu64 ",\"count\":%" PRIu64
			",\"state\":",
			i ? "," : "", process->pid, process->parent_pid,
			process->alive ? "true" : "false",
			merge_has(merge, i) ? "true" : "false",
			process->rss_bytes, has.size, has.count);
		text_json_write(file, process->state);
		fputs(",\"command\":", file);
		text_json_write(file, process->command);
		putc('}', file);
	}
	putc(']', file);
}

static void
put_row(FILE *file, const struct snapshot *snapshot, const struct row *row,
	const struct types *types, const struct trend *trend,
	const struct shares *shares, const struct evidence *evidence,
	const struct extras *extras)
{
	struct names *names = snapshot->names;

	putc('{', file);
	put_text(file, "file", names, row->file);
	put_line(file, row->line);
	putc(',', file);
	put_text(file, "function", names, row->function);
	putc(',', file);
	put_text(file, "module", names, row->module);
	fputs(",\"domain\":", file);
	text_json_write(file, row->domain < DOMAIN_COUNT
				  ? domain_names[row->domain]
				  : NULL);
	fprintf(file,
		",\"size\":%" PRIu64 ",\"count\":%" PRIu64
		",\"average\":%" PRIu64 ",\"size_diff\":%" PRId64
		",\"count_diff\":%" PRId64 ",\"total_size\":%" PRIu64
		",\"total_count\":%" PRIu64 ",\"peak_size\":%" PRIu64
		",\"sites\":%" PRIu32,
		row->size, row->count, row_average(row), row->size_diff,
		row->count_diff, row->total_size, row->total_count,
		row->peak_size, row->site_count);
	put_extras(file, row, extras);
	if (trend)
		fprintf(file, ",\"growing_seconds\":%.3f",
			(double)trend->grew_ns / 1e9);
	if (types)
		put_types(file, names, types);
	if (shares)
		put_shares(file, snapshot->merge, shares);
	if (evidence)
		evidence_json(file, evidence);
	put_traceback(file, names, row->stack);
	putc('}', file);
}

static void
put_process(FILE *file, const struct snapshot *snapshot)
{
	const struct process *process = &snapshot->process;

	fprintf(file,
		",\"process\":{\"pid\":%" PRIu32 ",\"command\":", process->pid);
	text_json_write(file, process->command);
	fputs(",\"exe\":", file);
	text_json_write(file, process->exe);
	fputs(",\"state\":", file);
	text_json_write(file, process->state);
	if (process->python)
		fprintf(file, ",\"python\":\"%u.%u.%u\"", process->python >> 24,
			process->python >> 16 & 255,
			process->python >> 8 & 255);
	fprintf(file,
		",\"rss\":%" PRIu64 ",\"peak_rss\":%" PRIu64
		",\"live\":{\"size\":%" PRIu64 ",\"count\":%" PRIu64
		"},\"allocated\":{\"size\":%" PRIu64 ",\"count\":%" PRIu64
		"},\"tick\":%" PRIu64 ",\"time_ns\":%" PRIu64
		",\"agent_cpu_ns\":%" PRIu64 ",\"agent_bytes\":%" PRIu64 "}",
		process->rss_bytes, process->peak_rss_bytes,
		snapshot->live_bytes, snapshot->live_count,
		snapshot->alloc_bytes, snapshot->alloc_count, snapshot->tick,
		snapshot->time_ns, snapshot->agent_cpu_ns,
		snapshot->agent_bytes);
	fputs(",\"mode\":", file);
	text_json_write(file, process->mode);
	if (process->sample_bytes > 1)
		fprintf(file, ",\"sample_bytes\":%" PRIu64,
			process->sample_bytes);
	if (process->budget_ppm)
		fprintf(file, ",\"budget_ppm\":%" PRIu32,
			process->budget_ppm);
	if (process->budget_ppm || process->cost_ppm)
		fprintf(file, ",\"cost_ppm\":%" PRIu32, process->cost_ppm);
	fputs(",\"losses\":{", file);
	for (size_t i = 0; i < snapshot->loss_count; i++) {
		fputs(i ? "," : "", file);
		text_json_write(file, snapshot->losses[i].name);
		fprintf(file, ":%" PRIu64, snapshot->losses[i].count);
	}
	putc('}', file);
}

/* What the program says: units of work, all and since the mark, and marks. */
static void
put_said(FILE *file, const struct snapshot *snapshot, uint64_t work)
{
	if (snapshot->work_units)
		fprintf(file,
			",\"work\":{\"units\":%" PRIu64
			",\"units_diff\":%" PRIu64 "}",
			snapshot->work_units, work);
	fputs(",\"marks\":[", file);
	for (size_t i = 0; i < snapshot->mark_count; i++) {
		const struct program_mark *mark = &snapshot->marks[i];

		fputs(i ? ",{" : "{", file);
		put_text(file, "text", snapshot->names, mark->text);
		fprintf(file,
			",\"time\":%.6f,\"tick\":%" PRIu64 ",\"size\":%" PRIu64
			",\"count\":%" PRIu64 ",\"work_units\":%" PRIu64 "}",
			(double)mark->time_ns / 1e9, mark->tick,
			mark->live_bytes, mark->live_count, mark->work_units);
	}
	putc(']', file);
}

/* The mark that growth counts from, when it has a name. */
static void
put_since(FILE *file, const struct mark *mark)
{
	if (!mark || !mark->name || !*mark->name)
		return;
	fputs(",\"since\":{\"name\":", file);
	text_json_write(file, mark->name);
	fprintf(
	    file, ",\"time\":%.3f,\"size\":%" PRIu64 ",\"count\":%" PRIu64 "}",
	    (double)mark->time_ns / 1e9, mark->live_bytes, mark->live_count);
}

bool
export_json(FILE *file, const struct snapshot *snapshot,
	    const struct query *query, const struct rows *rows, struct err *err)
{
	struct ledger ledger;
	struct extras extras = {
	    .errors = query_estimates(query, snapshot),
	    .rates = query->rate && snapshot->mono_ns > query->rate->mono_ns,
	    .work = query_work(query, snapshot),
	};
	bool first = true;

	fprintf(
	    file,
	    "{\"group_by\":\"%s\",\"inclusive\":%s,\"mine\":%s,"
	    "\"total\":{\"size\":%" PRIu64 ",\"count\":%" PRIu64
	    ",\"size_diff\":%" PRId64 ",\"count_diff\":%" PRId64,
	    group_names[query->group_by], query->inclusive ? "true" : "false",
	    query->mine ? "true" : "false", rows->total.size, rows->total.count,
	    rows->total.size_diff, rows->total.count_diff);
	put_extras(file, &rows->total, &extras);
	putc('}', file);
	put_process(file, snapshot);
	if (snapshot->merge)
		put_members(file, snapshot->merge);
	put_said(file, snapshot, extras.work);
	if (ledger_make(&ledger, snapshot))
		ledger_json(file, &ledger, rows->ledger_base);
	put_since(file, query->mark);
	if (rows->suspects)
		suspects_json(file, rows->suspects);
	fprintf(file, ",\"matched\":%zu,\"entries\":[", rows->matched);
	for (size_t i = 0; i < rows->count; i++) {
		if (!label_row_counts(&rows->rows[i]))
			continue;
		fputs(first ? "" : ",", file);
		put_row(file, snapshot, &rows->rows[i],
			rows->types ? &rows->types[i] : NULL,
			rows->trends ? &rows->trends[i] : NULL,
			rows->shares ? &rows->shares[i] : NULL,
			rows->suspects ? &rows->suspects->list[i].evidence
				       : NULL,
			&extras);
		first = false;
	}
	fputs("]}\n", file);
	return label_finish(file, err);
}
