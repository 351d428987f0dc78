/*
 * program.h - the program that `run` is to start: which file it is, and
 * whether the dynamic loader will put the agent into it.
 */
#ifndef HEAPTOP_CMD_PROGRAM_H
#define HEAPTOP_CMD_PROGRAM_H

#include <stdbool.h>

#include "base/err.h"

/* The file that execvp would start, owned by the caller; NULL when there is
 * none, with errno as execvp sets it. */
char *program_find(const char *name);

/*
 * False, with one line that says why, when LD_PRELOAD will not reach the
 * program: static, set-user-ID, another architecture or another C library.
 * Follows the interpreter of a script. A file that cannot be read is taken as
 * good: the agent is harmless where it is not loaded.
 */
bool program_takes_agent(const char *path, struct err *);

#endif
