/* place.h - the agent's file, and others, where the process can see them. */
#ifndef HEAPTOP_INJECT_PLACE_H
#define HEAPTOP_INJECT_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct place {
	char *path; /* as the process names it */
	char *name; /* of our file in directory; NULL: there is none */
	int directory;
};

/*
 * The file itself where the process sees it under the same name and may read
 * it, else a copy that only we can write. False with one line. That nobody else
 * may have written the file is the caller's to know.
 */
bool place_make(struct place *, const char *agent, pid_t, uid_t, struct err *);

/*
 * A new and empty file of the process's user, whom alone it lets read and
 * write. Returns it open for both, or -1 with one line.
 */
int place_file(struct place *, pid_t, uid_t, struct err *);

/* Removes what was made: a copy that is mapped stays. */
void place_remove(struct place *);

#endif
