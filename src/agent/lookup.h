/*
 * lookup.h - the function that the program's own objects would find.
 *
 * dlsym does not do: the search of the agent begins with the agent itself, that
 * of an object which came with the program is not set up, and of a program that
 * is not to be moved it answers with a stub, which leads to where the program's
 * calls go.
 *
 * Context: setup.
 */
#ifndef HEAPTOP_AGENT_LOOKUP_H
#define HEAPTOP_AGENT_LOOKUP_H

#include <stdint.h>

/* The first definition of the name, in the order in which objects were loaded;
 * NULL: there is none. */
void *lookup_first(const char *name);

/* What an object defines by that name, function or data: the ELF headers are at
 * `start`, addresses count from `bias`. *size: of it, in bytes; may be NULL.
 * NULL: nothing. Asks no loader, so it takes no lock. Context: hook, while the
 * object cannot go away. */
void *lookup_in(uint64_t start, uint64_t bias, const char *name,
		uint64_t *size);

/* libc's own definition, whoever stands before it; NULL: there is none. */
void *lookup_libc(const char *name);

#endif
