/*
 * python.h - a request to a CPython that runs, by the protocol of its PEP 768
 * (3.14 and later): the path of a script is written into the state of the main
 * thread, which runs it when it next looks whether somebody wants something of
 * it. Nothing stops for that. It is what sys.remote_exec does; where everything
 * lies is published at the start of _PyRuntime.
 *
 * What is read is the process's to make up: numbers are bounded before they
 * become addresses, and only memory of that process is ever read or written.
 */
#ifndef HEAPTOP_INJECT_PYTHON_H
#define HEAPTOP_INJECT_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inject/object.h"

enum python_state {
	PYTHON_NONE,  /* no CPython of a version that we know to have it */
	PYTHON_OFF,   /* it takes no requests: that was switched off */
	PYTHON_ENDS,  /* the interpreter has no main thread, or not any more */
	PYTHON_READY, /* it takes one */
};

struct python {
	int memory;	  /* /proc/PID/mem, the caller's */
	uint64_t breaker; /* the lowest byte of its word */
	uint64_t pending; /* an int32_t */
	uint64_t path;	  /* of the script, ended by a NUL */
	uint64_t path_room;
};

/* Looks for the interpreter in all that is mapped. */
enum python_state python_find(struct python *, const struct regions *,
			      int memory);

/* Asks for a script, named as the process sees it. False: nothing has been
 * asked, for the name is too long or the memory is gone. */
bool python_ask(const struct python *, const char *script);

/* 1: a request waits, of ours or of somebody else; 0: none does; -1: the
 * process is not there any more. */
int python_waits(const struct python *);

/* Nothing waits any more, and nothing tells what did. */
void python_forget(const struct python *);

#endif
