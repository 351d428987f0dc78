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
	report_query(options, NULL, &query);
	engine = engine_new();
	status = report_print(engine, options, &opened,
			      source_snapshot(opened.source), &query);
	engine_free(engine);
	open_close(&opened);
	return status;
}
