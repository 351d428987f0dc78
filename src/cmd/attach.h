/* attach.h - an agent for a process that runs, whichever way it takes. */
#ifndef HEAPTOP_CMD_ATTACH_H
#define HEAPTOP_CMD_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/option.h"

/* What there is of an agent in a process. */
enum agent_state {
	AGENT_NONE,   /* none that answers */
	AGENT_ON,     /* it records */
	AGENT_ASLEEP, /* it is there and can be woken */
};
enum agent_state attach_state(uint32_t pid);

struct attached {
	enum agent_state before;
	bool by_script;	   /* its Python loaded the agent, and not ptrace */
	uint64_t stood_ns; /* how long a thread stood still; 0 none did */
};

/*
 * Puts the agent into a process, or wakes it, and waits until it records. False
 * with one line: what is in the way and the next command to try.
 */
bool attach_process(const struct options *, uint32_t pid, struct attached *,
		    struct err *);

/* The PID that an operand names. */
bool attach_pid(const char *operand, uint32_t *pid, struct err *);

/* One line on stdout of what was done, and one of how to undo it. */
void attach_print(uint32_t pid, const struct attached *);

#endif
