/*
 * helper.h - the process that reads the target's ELF and DWARF files.
 *
 * Those files are hostile and may be truncated while they are read; libdw may
 * then crash, loop or eat memory. So it runs in a child of its own, with
 * limits, that can die: whoever asked gets no names, and nothing else happens.
 */
#ifndef HEAPTOP_SYMBOL_HELPER_H
#define HEAPTOP_SYMBOL_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "symbol/message.h"

/* How the last one ended. */
enum helper_death {
	HELPER_LOST,	  /* no telling: killed by somebody, say */
	HELPER_TIMED_OUT, /* a question took longer than it may */
	HELPER_CRASHED,
};

struct helper {
	pid_t pid;  /* 0: none runs */
	int socket; /* -1: none; packets of message.h */
};

/* Starts one; false when there can be none. */
bool helper_start(struct helper *, const char *root);
/* Ends it, whatever it does, and leaves none behind. */
enum helper_death helper_stop(struct helper *);

/* What the helper does: answers until the socket ends. Does not return. */
void helper_serve(int socket, const char *root) __attribute__((noreturn));

#endif
