/* cmd_view.c - `heaptop [PID|NAME|FILE]`: the viewer. */
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/life.h"
#include "cmd/open.h"
#include "cmd/subcommand.h"
#include "cmd/view.h"
#include "export/export.h"
#include "inject/inject.h"
#include "viewer/settings.h"

/* What the user wrote down; NO_COLOR counts more than that. */
static void
settings_take(struct viewer_options *out)
{
	static char notice[256];
	static char path[4096];
	const char *no_color = getenv("NO_COLOR");
	char *found = settings_path("config");

	if (!found)
		return;
	snprintf(path, sizeof(path), "%s", found);
	free(found);
	settings_read(out, path, notice, sizeof(notice));
	out->config = path;
	out->notice = *notice ? notice : NULL;
	if (no_color && *no_color)
		out->color = VIEWER_COLOR_AUTO;
}

static void
list_take(const struct options *options, struct viewer_options *out)
{
	if (options->has_group_by)
		out->group_by = options->group_by;
	if (options->has_sort) {
		out->sort_set = true;
		out->sort = options->sort;
		out->ascending = options->ascending;
	}
	if (options->column_count) {
		memcpy(out->columns, options->columns, sizeof(out->columns));
		out->column_count = options->column_count;
	}
	if (options->has_units)
		out->units = options->units;
	if (options->libraries)
		out->libraries = options->libraries;
	out->inclusive |= options->inclusive;
	out->mine |= options->mine;
	out->filter = options->filter;
	out->plan = options->plan;
	out->history_bytes = (size_t)options->history;
}

void
view_options(const struct options *options, struct viewer_options *out)
{
	*out = (struct viewer_options){.save = export_saved};
	if (!options->no_config)
		settings_take(out);
	list_take(options, out);
	if (options->delay_s > 0)
		out->delay_s = options->delay_s;
	if (options->theme)
		out->theme = options->theme;
	out->ascii |= options->ascii;
	out->no_mouse |= options->no_mouse;
	out->script = options->script;
	if (options->color)
		out->color =
		    strcmp(options->color, "always") == 0  ? VIEWER_COLOR_ALWAYS
		    : strcmp(options->color, "never") == 0 ? VIEWER_COLOR_NEVER
							   : VIEWER_COLOR_AUTO;
}

static bool
on_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool
view_is_dumb(void)
{
	const char *term = getenv("TERM");

	return on_terminal() && term && strcmp(term, "dumb") == 0;
}

bool
view_can_open(const struct options *options)
{
	return options->script || (on_terminal() && !view_is_dumb());
}

/* Whoever opens a process wants to see what it does from now on. */
static struct source *
wake(struct source *source, struct err *err)
{
	const struct process *process = &source_snapshot(source)->process;
	uint32_t pid = process->pid;

	if (!process->asleep)
		return source;
	fprintf(stderr,
		"heaptop: the agent in process %u was asleep; it records from "
		"now on, until heaptop detach %u\n",
		pid, pid);
	source_close(source);
	if (!life_switch(pid, true, NULL, err))
		return NULL;
	return source_open_pid(pid, err);
}

static struct source *
open_view_family(const struct options *options, struct err *err)
{
	if (options->operand_count)
		return open_family(options->operands[0], err);
	err_set(err, "--family needs a PID or a NAME");
	return NULL;
}

/* What is about to happen, before it does. */
static bool
agree(uint32_t pid, struct err *err)
{
	char answer[16];

	if (!on_terminal())
		return err_set(err,
			       "process %" PRIu32
			       " has no agent; heaptop attach %" PRIu32
			       " puts one into it while it runs",
			       pid, pid);
	printf("Process %" PRIu32 " has no agent yet. One of its threads will "
	       "stand still for some milliseconds\nto load it; from then on "
	       "what it allocates is counted. heaptop detach %" PRIu32
	       " undoes that.\nGo on? [Y/n] ",
	       pid, pid);
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) &&
	    (*answer == '\n' || *answer == 'y' || *answer == 'Y'))
		return true;
	return err_set(err, "process %" PRIu32 " was left as it is", pid);
}

/* A process that runs without an agent gets one. */
static bool
attach_bare(const struct options *options, struct err *err)
{
	struct attached attached;
	struct err ignored;
	uint32_t pid;

	/* What is dead may have left its segment. */
	if (!attach_pid(options->operands[0], &pid, &ignored) ||
	    kill((pid_t)pid, 0) != 0 || attach_state(pid) != AGENT_NONE)
		return true;
	return inject_may((pid_t)pid, NULL, err) && agree(pid, err) &&
	       attach_process(options, pid, &attached, err);
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
		if (!attach_bare(options, &err))
			return failed(&err);
		source = open_source(options->operands[0], &many, &err);
		/* Several with that name: the list lets the user choose. */
		if (!source && many < 2)
			return failed(&err);
	}
	if (!view_can_open(options)) {
		if (source)
			source_close(source);
		err_set(&err,
			"the viewer needs a terminal%s; use heaptop top -b or "
			"heaptop report",
			view_is_dumb() ? " that can do more than TERM=dumb"
				       : "");
		return failed(&err);
	}
	if (source && !(source = wake(source, &err)))
		return failed(&err);
	view_options(options, &viewer);
	status = viewer_run(source, &viewer, NULL, &err);
	if (source)
		source_close(source);
	return status == STATUS_FAILED ? failed(&err) : status;
}
