/*
 * resolve.h - gives the native frames of a source their names: the glue
 * between symbol, which reads files, and names, which does no I/O.
 *
 * The viewer resolves in the background and shows addresses first; a report
 * resolves while it asks (background false) and needs nothing more than
 *
 *	struct resolve *resolve = resolve_new(&snapshot->process, false);
 *	resolve_names(resolve, source_names(source));
 *	... engine_run, export ...
 *	source_close(source);
 *	resolve_free(resolve);
 */
#ifndef HEAPTOP_VIEWER_RESOLVE_H
#define HEAPTOP_VIEWER_RESOLVE_H

#include <stdbool.h>

#include "model/names.h"
#include "model/snapshot.h"

struct resolve;

/* For the files that process sees: through /proc/PID/root when it lives in
 * another mount namespace. */
struct resolve *resolve_new(const struct process *, bool background);
/* Call it when nobody asks the names any more. */
void resolve_free(struct resolve *);

/* Makes names ask this one. */
void resolve_names(struct resolve *, struct names *);

/* Readable when answers came; -1 in the foreground. Then resolve_drain, and
 * names_retry. */
int resolve_fd(const struct resolve *);
void resolve_drain(struct resolve *);

/* Asks for all frames of names and waits until every answer is there, ten
 * seconds at most: for a file that has to hold them. Returns whether some
 * location changed, as names_retry does. */
bool resolve_all(struct resolve *, struct names *);

/* Put before paths of source files: "" or /proc/PID/root. */
const char *resolve_root(const struct resolve *);

#endif
