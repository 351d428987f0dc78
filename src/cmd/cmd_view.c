/* cmd_view.c - `heaptop [PID|NAME|FILE]`: the viewer. */
#include "config.h"

#include <stdlib.h>
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
	};
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

/*
 * What to show. NULL with *many above 1: the user has to choose, as with no
 * operand at all; else NULL with one line.
 */
static struct source *
view_source(const char *what, size_t *many, struct err *err)
{
	struct source *source;
	char *path;

	*many = 0;
	if (!open_is_name(what))
		return source_open(what, err);
	path = open_name(what, many, err);
	source = path ? source_open_segment(path, err) : NULL;
	free(path);
	return source;
}

int
cmd_view(const struct options *options)
{
	struct viewer_options viewer;
	struct source *source = NULL;
	struct err err;
	size_t many;
	int status;

	if (options->operand_count) {
		source = view_source(options->operands[0], &many, &err);
		if (!source && many < 2)
			return fail(&err);
	}
	if (!view_can_open(options)) {
		if (source)
			source_close(source);
		err_set(&err, "the viewer needs a terminal; use heaptop top "
			      "-b or heaptop report");
		return fail(&err);
	}
	view_options(options, &viewer);
	status = viewer_run(source, &viewer, NULL, &err);
	if (source)
		source_close(source);
	return status ? fail(&err) : STATUS_DONE;
}
