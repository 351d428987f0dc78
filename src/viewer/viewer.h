/*
 * viewer.h - the screen: what a command calls to show a process to a person.
 *
 * One viewer at a time and from one thread: it owns the terminal, the locale
 * and the handlers of SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH while it
 * runs, and puts all of them back, whatever ends it.
 */
#ifndef HEAPTOP_VIEWER_VIEWER_H
#define HEAPTOP_VIEWER_VIEWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "model/plan.h"
#include "model/saved.h"
#include "model/query.h"
#include "source/source.h"
#include "viewer/output_log.h"

enum viewer_color {
	VIEWER_COLOR_AUTO,
	VIEWER_COLOR_ALWAYS,
	VIEWER_COLOR_NEVER
};

#define VIEWER_DELAY_S 0.5 /* between two updates, by default */

/* All zero is the default of everything. Strings are borrowed. */
struct viewer_options {
	double delay_s; /* between two updates; 0: 0.5 */
	bool ascii;	/* no character beyond ASCII */
	bool no_mouse;
	enum viewer_color color; /* auto obeys NO_COLOR and the terminal */
	const char *theme;  /* "dark", "light", "mono" or a path; NULL dark */
	const char *script; /* run this script instead of a terminal */
	/* How the list starts. `sort` is used only with `sort_set`: without,
	 * it is by live bytes, and by growth once the user has set a mark. */
	enum group group_by;
	bool inclusive;
	bool mine;
	const char *libraries; /* as classify_choose takes; NULL none */
	bool sort_set;
	enum column sort;
	bool ascending;
	const char *filter;
	struct mark_plan plan; /* when growth begins to count */
	size_t history_bytes;  /* that history may use; 0 its default */
	enum text_units units;
	/* Saves a snapshot under a name, as export_saved does; NULL: nothing
	 * can be saved. */
	bool (*save)(const char *path, const struct snapshot *,
		     const struct saved *, bool replace, struct err *);
	enum column columns[COLUMN_MAX];
	size_t column_count; /* 0: as heaptop has it */
	const char *config;  /* where settings are saved; NULL nowhere */
	const char *notice;  /* to be shown at the start, or NULL */
};

/* What became of the child when the viewer ended. */
enum viewer_left {
	VIEWER_LEFT_EXITED,  /* it had ended by itself, or there was none */
	VIEWER_LEFT_RUNNING, /* the user chose to leave it running */
	VIEWER_LEFT_STOPPED, /* the user had it stopped; stop() was called */
};

/*
 * What `heaptop run` adds: a child that the viewer watches but does not own.
 * Each function may be NULL. All are called from viewer_run, never from a
 * signal handler, and none may block.
 */
struct viewer_host {
	void *context;
	/* Descriptors to wait for, at most max; asked for before each wait. */
	size_t (*fds)(void *context, int *out, size_t max);
	/* One of them has something to read, or has reached its end. */
	void (*readable)(void *context, int fd);
	/* True once the child has ended, with the status as wait(2) has it.
	 * Asked for at each wake, at least 10 times a second. */
	bool (*exited)(void *context, int *status);
	/* Asks the child to end (SIGTERM; at the second call SIGKILL). */
	void (*stop)(void *context);
	/*
	 * A newer source, or NULL: asked for while there is none (the agent has
	 * not published yet) and after the current one has ended (exec). The
	 * host owns it, and those before it, until viewer_run has returned.
	 */
	struct source *(*source)(void *context);
	const struct output_log *output; /* pane `o`; NULL: no pane */
	const char *output_path;	 /* file with all of it, to be named */
	const char *waiting; /* shown while there is no source; NULL default */
	enum viewer_left left; /* set by viewer_run */
};

/*
 * Shows source until the user leaves. Resolves native frames by itself, in the
 * background. source may be NULL: with a host, its `source` is asked for one;
 * without, the list of processes to choose from comes first. The caller keeps
 * its source. Returns the exit status: 0; 1 with err filled: no terminal that
 * can show it, or a script that failed; 128 + N when signal N ended it.
 */
int viewer_run(struct source *, const struct viewer_options *,
	       struct viewer_host *, struct err *);

#endif
