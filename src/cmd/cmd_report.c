/* cmd_report.c - `heaptop report SRC`: the table once. */
#include "config.h"

#include "cmd/report.h"
#include "cmd/subcommand.h"

/* What was before is in a file that the viewer saved, and nowhere else. */
static bool
past_find(struct opened *opened, const char *what, const struct mark **mark,
	  struct err *err)
{
	struct saved *saved = source_saved(opened->source);

	if (!saved || !saved->history || saved->baseline >= saved->mark_count)
		return err_set(
		    err,
		    "there is no history of '%.80s'; --suspects "
		    "needs a file that key S of the viewer saved, or "
		    "heaptop top -b --suspects",
		    what);
	*mark = &saved->marks[saved->baseline];
	return true;
}

/* Rows and columns that tell how it went need the history of a file. */
static bool
wants_past(const struct options *options)
{
	bool wants = options->suspects ||
		     (options->has_sort && column_is_past(options->sort));

	for (size_t i = 0; i < options->column_count; i++)
		wants |= column_is_past(options->columns[i]);
	return wants;
}

int
cmd_report(const struct options *options)
{
	struct engine *engine;
	struct opened opened;
	struct query query;
	const struct mark *mark = NULL;
	struct err err;
	int status;

	if (!open_operand(&opened, options, 0, &err))
		return failed(&err);
	if (options->ledger &&
	    !open_ledger(&opened, options->operands[0], &err)) {
		open_close(&opened);
		return failed(&err);
	}
	if (wants_past(options) && source_saved(opened.source))
		opened.history = source_saved(opened.source)->history;
	if (options->suspects &&
	    !past_find(&opened, options->operands[0], &mark, &err)) {
		open_close(&opened);
		return failed(&err);
	}
	report_query(options, mark, &query);
	engine = engine_new();
	status = report_print(engine, options, &opened,
			      source_snapshot(opened.source), &query);
	engine_free(engine);
	open_close(&opened);
	return status;
}
