/* run_view.c - the viewer on a program that `run` has started. */
#include "config.h"

#include "base/clock.h"
#include "cmd/run.h"

#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cmd/view.h"
#include "source/source.h"

enum { SOURCES_MAX = 256, LOOK_AGAIN_MS = 50 };

/* The viewer may still read from an older source: all are kept. */
struct showing {
	struct run *run;
	struct output_log *log;
	struct source *sources[SOURCES_MAX];
	size_t count;
	uint64_t looked_ns;
	bool asked_to_stop;
};

static size_t
host_fds(void *context, int *out, size_t max)
{
	struct showing *showing = context;

	if (!showing->run->capture || max == 0)
		return 0;
	capture_resize(showing->run->capture);
	out[0] = capture_fd(showing->run->capture);
	return 1;
}

static void
host_readable(void *context, int fd)
{
	struct showing *showing = context;

	(void)fd;
	capture_take(showing->run->capture, showing->log);
}

static bool
host_exited(void *context, int *status)
{
	struct showing *showing = context;
	struct child *child = &showing->run->child;

	if (!child_ended(child))
		return false;
	*status = child->status;
	return true;
}

static void
host_stop(void *context)
{
	struct showing *showing = context;
	struct child *child = &showing->run->child;

	if (child_ended(child))
		return;
	if (!showing->asked_to_stop)
		kill(child->pid, SIGTERM);
	else
		kill(child->own_terminal ? -child->pid : child->pid, SIGKILL);
	showing->asked_to_stop = true;
}

/* After exec, or when somebody cut it short, the process is the same and its
 * segment another. */
static struct source *
host_source(void *context)
{
	struct showing *showing = context;
	uint64_t now = clock_ns();
	struct source *source;
	struct err ignored;

	if (showing->count == SOURCES_MAX ||
	    now - showing->looked_ns < LOOK_AGAIN_MS * UINT64_C(1000000))
		return NULL;
	showing->looked_ns = now;
	if (showing->count &&
	    !source_is_replaced(showing->sources[showing->count - 1]))
		return NULL;
	source = source_open_pid((uint32_t)showing->run->child.pid, &ignored);
	if (!source)
		return NULL;
	showing->run->seen = true;
	showing->sources[showing->count++] = source;
	return source;
}

int
run_view(struct run *run, struct err *err)
{
	struct showing showing = {.run = run};
	struct viewer_options options;
	struct viewer_host host = {
	    .context = &showing,
	    .fds = host_fds,
	    .readable = host_readable,
	    .exited = host_exited,
	    .stop = host_stop,
	    .source = host_source,
	    .waiting = "waiting for the program's first totals",
	};
	int status;

	view_options(run->options, &options);
	if (run->capture) {
		showing.log = output_log_new(0);
		host.output = showing.log;
		host.output_path = capture_path(run->capture);
	}
	child_signals_release(&run->child);
	status = viewer_run(NULL, &options, &host, err);
	child_signals_hold(&run->child);
	run->stopped = host.left == VIEWER_LEFT_STOPPED;
	while (showing.count)
		source_close(showing.sources[--showing.count]);
	if (showing.log)
		output_log_free(showing.log);
	return status;
}
