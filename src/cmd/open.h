/*
 * open.h - from what a user names to a snapshot whose frames have names.
 */
#ifndef HEAPTOP_CMD_OPEN_H
#define HEAPTOP_CMD_OPEN_H

#include "base/err.h"
#include "cmd/option.h"
#include "model/ledger.h"
#include "source/source.h"
#include "viewer/resolve.h"

struct opened {
	struct source *source;
	struct resolve *resolve;
	const struct history *history; /* the caller's; NULL: none is kept */
	/* The caller's: what the ledger is compared with; NULL: nothing. */
	const struct ledger *base;
};

/*
 * Opens a PID, the NAME of one profiled process, a segment or a snapshot. A
 * live process is asked to publish first. False with one line.
 */
bool open_target(struct opened *, const char *what, struct err *);
/* One of the operands, with its family where the options say so. */
bool open_operand(struct opened *, const struct options *, int which,
		  struct err *);
bool open_segment(struct opened *, const char *path, struct err *);
void open_close(struct opened *);

/* Looks at what is resident. False when nothing is known; `what` was opened. */
bool open_ledger(struct opened *, const char *what, struct err *);

/* Takes in what a live process has now. False when its source broke. */
bool open_refresh(struct opened *, struct err *);

/*
 * What a user named, as above but not asked to publish: the caller closes it.
 * A NAME goes before a file in the current directory; ./FILE is always a file.
 * NULL with one line; *many is above 1 when several processes have the name.
 */
struct source *open_source(const char *what, size_t *many, struct err *err);

/* The same with the process's family, merged. Several processes with that
 * name are one answer when they are of one family. */
struct source *open_family(const char *what, struct err *err);

#endif
