/*
 * capture.h - a terminal for the program, and what it writes to it.
 *
 * A thread of its own reads, so that the program never waits for the screen,
 * writes everything to a file, and keeps the newest bytes for the viewer's
 * pane until they are taken.
 */
#ifndef HEAPTOP_CMD_CAPTURE_H
#define HEAPTOP_CMD_CAPTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "viewer/output_log.h"

struct capture;

/* Opens a terminal with the size of ours. NULL with one line. */
struct capture *capture_open(struct err *);
/* The program's end; closed by capture_start. */
int capture_terminal(const struct capture *);

/*
 * Begins to read. The file is run-PID.log in $XDG_STATE_HOME/heaptop or
 * ~/.local/state/heaptop. False when it cannot be written, with one line;
 * reading goes on without it.
 */
bool capture_start(struct capture *, pid_t, struct err *);
/* Path of that file, or NULL. */
const char *capture_path(const struct capture *);

/* Readable when there are bytes to take. */
int capture_fd(const struct capture *);
void capture_take(struct capture *, struct output_log *);
/* Gives the program's terminal the size that ours has now. */
void capture_resize(struct capture *);

/* From now on everything goes to our own standard output, with what has not
 * been taken yet. */
void capture_pass(struct capture *);

/* Reads what is left, for at most timeout_ms, and frees. *path is the file,
 * which the caller frees, or NULL when nothing was written; then it is
 * removed. path may be NULL. */
void capture_close(struct capture *, int timeout_ms, char **path);

#endif
