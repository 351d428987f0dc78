/* cmd_report.c - `heaptop report SRC`: the table once. */
#include "config.h"

#include "cmd/report.h"
#include "cmd/subcommand.h"

int
cmd_report(const struct options *options)
{
	struct engine *engine;
	struct opened opened;
	struct query query;
	struct err err;
	int status;

	if (!open_operand(&opened, options, 0, &err))
		return failed(&err);
	if (options->ledger && !source_memory(opened.source, &err)) {
		struct err why = err;

		open_close(&opened);
		err_set(&err, "cannot make the ledger of '%.80s': %.120s",
			options->operands[0], why.text);
		return failed(&err);
	}
	report_query(options, NULL, &query);
	engine = engine_new();
	status = report_print(engine, options, &opened,
			      source_snapshot(opened.source), &query);
	engine_free(engine);
	open_close(&opened);
	return status;
}
