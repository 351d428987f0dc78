/*
 * script.h - what a Python that is asked for it runs: a thread of its own loads
 * the agent and says in the script's own file how that went.
 *
 * In a thread, since the main one may be anywhere: deep in a recursion, traced,
 * about to be sent an exception by a handler of signals, none of which a new
 * thread is met by. Nothing is imported but what is written in C.
 */
#ifndef HEAPTOP_INJECT_SCRIPT_H
#define HEAPTOP_INJECT_SCRIPT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "inject/call.h"
#include "inject/place.h"

struct script {
	struct place place;
	int fd;
	off_t size; /* of what we have written; the answer comes behind it */
};

/* Makes the file, which only the process's user may read. False with one line.
 */
bool script_make(struct script *, const struct call *, pid_t, uid_t,
		 struct err *);
void script_remove(struct script *);

/* CALL_AGAIN: it has not answered yet. CALL_DONE: the entry has, with *answer.
 * CALL_FAILED: err says what went wrong. */
enum call_end script_answer(const struct script *, pid_t, int *answer,
			    struct err *);

#endif
