/*
 * cmd_run.c - starts a program with the agent in it.
 *
 * Whatever fails on our side, the program runs: without the agent, without
 * the screen, but with its own arguments, input, output and exit status.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/preload.h"
#include "cmd/program.h"
#include "cmd/run.h"
#include "cmd/view.h"

enum {
	APPEAR_MS = 2000, /* a segment is there by then, or never */
	LOOK_MS = 50,
	LOOK_MAX_MS = 1000,
	REST_MS = 1000, /* for output that is still on its way */
};

/* The agent's path, or NULL after one line that says why the program runs
 * without it. */
static char *
choose_agent(const char *program)
{
	struct err err;
	char *agent = preload_find(&err);

	if (agent && preload_directory(&err) &&
	    program_takes_agent(program, &err))
		return agent;
	free(agent);
	warn(&err);
	return NULL;
}

static int
refuse_program(const char *name, int error)
{
	bool missing = error == ENOENT || error == ENOTDIR;
	bool searched = !strchr(name, '/');
	struct err err;

	err_set(&err, "cannot start '%s': %s; %s", name, strerror(error),
		!missing   ? "chmod +x makes a file a program"
		: searched ? "a program outside of PATH needs its folder, as ./"
			   : "check its path");
	failed(&err);
	return missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

static void
prepare_program(void *context)
{
	const struct run *run = context;

	if (run->agent)
		preload_set(run->agent, run->options, run->run_id, run->keep);
}

static bool
wants_pane(const struct run *run)
{
	const char *output = run->options->output;

	return run->viewed && (!output || strcmp(output, "pane") == 0);
}

/* Where the program's output goes: a descriptor, -1 ours. False with err. */
static bool
open_output(struct run *run, int *fd, struct err *err)
{
	const char *output = run->options->output;

	*fd = -1;
	if (wants_pane(run)) {
		run->capture = capture_open(err);
		if (run->capture)
			*fd = capture_terminal(run->capture);
		return run->capture != NULL;
	}
	if (!output || strcmp(output, "pane") == 0 ||
	    strcmp(output, "inherit") == 0)
		return true;
	*fd =
	    strcmp(output, "null") == 0
		? open("/dev/null", O_WRONLY | O_CLOEXEC)
		: open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (*fd < 0)
		return err_set(err,
			       "cannot write to '%s': %s; choose another place",
			       output, strerror(errno));
	return true;
}

/* Returns 0, or the exit status after one line. */
static int
start(struct run *run)
{
	struct child_setup setup = {
	    .argv = run->options->operands,
	    .input = -1,
	    .terminal = -1,
	    .prepare = prepare_program,
	    .context = run,
	};
	bool executed;
	struct err err;
	int error;

	if (!open_output(run, &setup.output, &err)) {
		failed(&err);
		return STATUS_RUN_FAILED;
	}
	if (run->capture)
		setup.input = setup.terminal = setup.output;
	error = child_start(&run->child, &setup, &executed);
	if (!run->capture && setup.output >= 0)
		close(setup.output);
	if (!error)
		return 0;
	if (run->capture)
		capture_close(run->capture, 0, NULL);
	if (executed)
		return refuse_program(setup.argv[0], error);
	errno = error;
	err_errno(&err, "cannot start a process");
	failed(&err);
	return STATUS_RUN_FAILED;
}

/* Looks ever more seldom whether the agent has come up: what is started may be
 * a script or a wrapper that comes to the program late. */
static void
wait_quietly(struct run *run)
{
	int waited = 0;

	while (run->agent && !run_segments_seen(run)) {
		int step = LOOK_MS + waited / 8;

		if (child_wait(&run->child, step))
			return;
		if (step < LOOK_MAX_MS)
			waited += step;
	}
	child_wait(&run->child, -1);
}

static void
say_it_goes_on(const struct run *run)
{
	struct err err;

	err_set(&err,
		"process %d goes on; press Ctrl-C to end it, heaptop %d to see "
		"it again",
		(int)run->child.pid, (int)run->child.pid);
	warn(&err);
}

/* Where the screen ends, or cannot begin, the program has our terminal. */
static void
show(struct run *run)
{
	struct err err;
	int status;

	if (run->capture && !capture_start(run->capture, run->child.pid, &err))
		warn(&err);
	status = run_view(run, &err);
	if (status == STATUS_FAILED)
		warn(&err);
	else if (status > STATUS_SIGNAL && !child_ended(&run->child))
		kill(run->child.pid, status - STATUS_SIGNAL);
	else if (!status && !run->stopped && !child_ended(&run->child))
		say_it_goes_on(run);
	if (run->capture && (status || !child_ended(&run->child)))
		capture_pass(run->capture);
	child_wait(&run->child, -1);
}

/* Without a screen the segment of a short program, which ended well, may have
 * come and gone unseen. */
static bool
agent_was_missed(struct run *run)
{
	uint64_t lived_ns = clock_ns() - run->child.start_ns;

	return run->agent && !run_segments_seen(run) &&
	       (run->keep || lived_ns > APPEAR_MS * UINT64_C(1000000));
}

static void
say_output(char *path)
{
	struct err err;

	if (!path)
		return;
	err_set(&err, "the program's output is in '%s'", path);
	warn(&err);
	free(path);
}

/* What is left to do when the program has ended. Returns our own status. */
static int
finish(struct run *run)
{
	const char *save = run->options->save;
	int status = 0;
	char *path = NULL;
	struct err err;

	if (run->capture) {
		capture_close(run->capture, REST_MS, &path);
		say_output(path);
	}
	if (!run->agent)
		return save ? STATUS_RUN_FAILED : 0;
	if (agent_was_missed(run)) {
		err_set(&err,
			"no totals of '%s' have appeared: it clears its "
			"environment, or starts only programs that take no "
			"agent",
			run->options->operands[0]);
		warn(&err);
	}
	if (save && !run_segments_save(run, save, &err)) {
		failed(&err);
		status = STATUS_RUN_FAILED;
	}
	if (run->options->keep)
		return status;
	run_segments_remove(run, &path);
	if (path && run->viewed) {
		err_set(&err, "its last totals are in '%s'", path);
		warn(&err);
	}
	free(path);
	return status;
}

static void
warn_dumb(void)
{
	struct err err;

	err_set(&err, "a terminal of TERM=dumb shows no screen; heaptop top -b "
		      "or heaptop report of the program tells the same");
	warn(&err);
}

/* Nothing is started for a screen that cannot be driven. */
static bool
script_is_there(const struct options *options)
{
	struct err err;

	if (!options->script || access(options->script, R_OK) == 0)
		return true;
	err_errno(&err, "cannot read script '%s'", options->script);
	failed(&err);
	return false;
}

int
cmd_run(const struct options *options)
{
	struct run run = {.options = options};
	char *program;
	int status;

	if (!script_is_there(options))
		return STATUS_RUN_FAILED;
	program = program_find(options->operands[0]);
	if (!program)
		return refuse_program(options->operands[0], errno);
	run.agent = choose_agent(program);
	free(program);
	run.run_id = preload_run_id();
	run.viewed = run.agent && view_can_open(options) && !options->headless;
	if (run.agent && view_is_dumb() && !options->headless)
		warn_dumb();
	run.keep = run.viewed || options->keep || options->save;
	child_init(&run.child);
	status = start(&run);
	if (status == 0) {
		if (run.viewed)
			show(&run);
		else
			wait_quietly(&run);
		status = finish(&run);
		if (child_exit_status(&run.child) != 0)
			status = child_exit_status(&run.child);
	}
	free(run.agent);
	return status;
}
