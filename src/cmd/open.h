/*
 * open.h - from what a user names to a snapshot whose frames have names.
 */
#ifndef HEAPTOP_CMD_OPEN_H
#define HEAPTOP_CMD_OPEN_H

#include "base/err.h"
#include "source/source.h"
#include "viewer/resolve.h"

struct opened {
	struct source *source;
	struct resolve *resolve;
};

/*
 * Opens a PID, the NAME of one profiled process, a segment or a snapshot. A
 * live process is asked to publish first. False with one line.
 */
bool open_target(struct opened *, const char *what, struct err *);
bool open_segment(struct opened *, const char *path, struct err *);
void open_close(struct opened *);

/* Takes in what a live process has now. False when its source broke. */
bool open_refresh(struct opened *, struct err *);

/*
 * What a NAME stands for: the path of a segment, owned by the caller. NULL
 * with one line when there is no such process, or several; then *many is how
 * many.
 */
char *open_name(const char *name, size_t *many, struct err *);
/* Whether it can only be a NAME: no number and no file. */
bool open_is_name(const char *what);

#endif
