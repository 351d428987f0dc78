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
	opened->history = saved->history;
	*mark = &saved->marks[saved->baseline];
	return true;
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
