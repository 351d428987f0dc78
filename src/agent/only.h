/*
 * only.h - one process is looked at, and not those that it starts.
 *
 * The environment names it (HEAPTOP_ONLY), and not just by the lack of
 * something: so a program that is started by way of others, each of which execs
 * the next, is looked at all the same.
 *
 * Context: setup.
 */
#ifndef HEAPTOP_AGENT_ONLY_H
#define HEAPTOP_AGENT_ONLY_H

#include <stdbool.h>

/* Whether a process is named; excludes: and it is not this one. */
bool only_is_set(void);
bool only_excludes(void);
/* The agent is not to be loaded by what this process starts. Takes it out of
 * the environment, before the program could have read that. */
void only_leave(void);

#endif
