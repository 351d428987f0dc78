/*
 * child.h - starts the program of `run`, forwards signals to it and waits.
 */
#ifndef HEAPTOP_CMD_CHILD_H
#define HEAPTOP_CMD_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
	pid_t pid;
	bool ended;
	int status;	   /* as wait(2) has it, once ended */
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	bool own_terminal; /* it has a session and terminal of its own */
	/* as they were before, for the program */
	sigset_t mask;
	struct sigaction on_child;
};

struct child_setup {
	char **argv;
	int input;    /* descriptors, -1: as ours */
	int output;   /* standard output and error */
	int terminal; /* becomes its terminal in a session of its own, or -1 */
	void (*prepare)(void *context); /* called in the child, before exec */
	void *context;
};

/* Holds signals back, so that none is lost between start and wait. */
void child_init(struct child *);

/*
 * Starts the program. Returns 0, or the errno of fork (errno of exec has
 * *executed true) with nothing started.
 */
int child_start(struct child *, const struct child_setup *, bool *executed);

/*
 * Waits until the program has ended or timeout_ms have passed (-1: no end),
 * forwarding HUP, INT, QUIT, TERM, USR1 and USR2. A signal from the keyboard
 * goes to the program by itself when it shares our terminal. Returns whether
 * it has ended.
 */
bool child_wait(struct child *, int timeout_ms);

/* Looks without waiting. */
bool child_ended(struct child *);

/* Puts back what child_init did: while a viewer has signals of its own. */
void child_signals_release(struct child *);
void child_signals_hold(struct child *);

/* The exit status that tells a shell how it ended. */
int child_exit_status(const struct child *);

#endif
