/* cmd_snapshot.c - `heaptop snapshot PID -o FILE`: save all totals. */
#include "config.h"

#include "cmd/open.h"
#include "cmd/subcommand.h"
#include "export/export.h"

int
cmd_snapshot(const struct options *options)
{
	struct opened opened;
	struct err err;
	bool saved;

	if (!options->to) {
		err_set(&err, "no file to write to; name one with -o");
		return failed_usage(options->command, &err);
	}
	if (!open_operand(&opened, options, 0, &err))
		return failed(&err);
	/* Without it there is a snapshot still. */
	source_memory(opened.source, &err);
	saved =
	    export_saved(options->to, source_snapshot(opened.source),
			 source_saved(opened.source), options->replace, &err);
	open_close(&opened);
	return saved ? STATUS_DONE : failed(&err);
}
