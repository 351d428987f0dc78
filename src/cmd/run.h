/*
 * run.h - what the parts of `run` share: cmd_run.c starts and ends, run_view.c
 * shows, run_segments.c looks after what the agent leaves behind.
 */
#ifndef HEAPTOP_CMD_RUN_H
#define HEAPTOP_CMD_RUN_H

#include "cmd/capture.h"
#include "cmd/child.h"
#include "cmd/subcommand.h"

struct run {
	const struct options *options;
	struct child child;
	uint64_t run_id;
	char *agent;  /* NULL: the program runs without it */
	bool viewed;  /* there is a screen */
	bool keep;    /* segments outlive a clean exit, until we end */
	bool stopped; /* the user has ended the program */
	bool seen;    /* a segment of this run has appeared */
	struct capture *capture; /* NULL: output does not come to us */
};

/* Shows the program until the user leaves. Returns 0, 1 with one line, or 128
 * and the number of the signal that ended the screen. */
int run_view(struct run *, struct err *);

/* Whether a segment of this run is there; remembers it in seen. */
bool run_segments_seen(struct run *);
/* Saves the totals of the program itself, which has ended. */
bool run_segments_save(struct run *, const char *file, struct err *);
/*
 * Removes what the processes of this run have left. Segments of processes
 * that were killed stay when the program crashed: they are for
 * `heaptop FILE`. *left is the program's own, if it stays (the caller frees
 * it), else NULL.
 */
void run_segments_remove(struct run *, char **left);

#endif
