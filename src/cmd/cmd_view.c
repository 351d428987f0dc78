/* cmd_view.c - `heaptop [PID|NAME|FILE]`: the viewer. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "cmd/subcommand.h"
#include "cmd/open.h"
#include "cmd/view.h"

void
view_options(const struct options *options, struct viewer_options *out)
{
	*out = (struct viewer_options){
	    .delay_s = options->delay_s,
	    .ascii = options->ascii,
	    .no_mouse = options->no_mouse,
	    .theme = options->theme,
	    .script = options->script,
	    .group_by = options->group_by,
	    .inclusive = options->inclusive,
	    .mine = options->mine,
	    .sort_set = options->has_sort,
	    .sort = options->sort,
	    .ascending = options->ascending,
	    .filter = options->filter,
	    .plan = options->plan,
	    .history_bytes = (size_t)options->history,
	    .units = options->units,
	};
	memcpy(out->columns, options->columns, sizeof(out->columns));
	out->column_count = options->column_count;
	if (options->color && strcmp(options->color, "always") == 0)
		out->color = VIEWER_COLOR_ALWAYS;
	if (options->color && strcmp(options->color, "never") == 0)
		out->color = VIEWER_COLOR_NEVER;
}

bool
view_can_open(const struct options *options)
{
	return options->script ||
	       (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

static struct source *
open_view_family(const struct options *options, struct err *err)
{
	if (options->operand_count)
		return open_family(options->operands[0], err);
	err_set(err, "--family needs a PID or a NAME");
	return NULL;
}

int
cmd_view(const struct options *options)
{
	struct viewer_options viewer;
	struct source *source = NULL;
	struct err err;
	size_t many;
	int status;

	if (options->family) {
		source = open_view_family(options, &err);
		if (!source)
			return failed(&err);
	} else if (options->operand_count) {
		source = open_source(options->operands[0], &many, &err);
		/* Several with that name: the list lets the user choose. */
		if (!source && many < 2)
			return failed(&err);
	}
	if (!view_can_open(options)) {
		if (source)
			source_close(source);
		err_set(&err, "the viewer needs a terminal; use heaptop top "
			      "-b or heaptop report");
		return failed(&err);
	}
	view_options(options, &viewer);
	status = viewer_run(source, &viewer, NULL, &err);
	if (source)
		source_close(source);
	return status == STATUS_FAILED ? failed(&err) : status;
}
