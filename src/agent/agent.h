/*
 * agent.h - the agent's life: off, on, forked, gone.
 */
#ifndef HEAPTOP_AGENT_AGENT_H
#define HEAPTOP_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"

/* Whether hooks record. Read by every hook; set in set-up, and cleared for
 * good when something that must not fail has failed. */
extern HIDDEN bool agent_on;

/* At the first call of a hook, which may be before any constructor: begins to
 * record. What needs threads and the environment waits for agent_begin. */
void agent_early(void);

/* Finds the true functions and begins to record; false: they are being looked
 * for. Any hook's first call does this. In hooks.c. */
bool hooks_ready(void);

/* Hooks record no more; they only forward. */
void agent_off(void);

/* In a child of which libc was told nothing: goes on as after any fork. False:
 * nothing is recorded, for now or at all. Context: hook. */
bool agent_child(void);

/* From now on the program's end has no system call of ours, and its totals are
 * those of the last tick. Context: hook. */
void agent_seal(void);

/* The process ends: publishes the final totals. */
void agent_exit(void);

/* What the environment asked for; see agent.c. Constant after set-up
 * but for keep, in a forked child. */
struct agent_config {
	const char *directory; /* HEAPTOP_DIR, NULL: the default */
	uint64_t run_id;       /* HEAPTOP_RUN */
	uint64_t start_ns;     /* realtime, when recording began; 0: now */
	uint64_t sample_bytes; /* at start: 1 exact, else the interval */
	uint32_t unwinder;     /* HEAPTOP_UNWINDER, enum wire_unwinder */
	uint32_t native;       /* HEAPTOP_NATIVE, enum wire_native */
	bool keep_all;	       /* HEAPTOP_KEEP: 1 */
	bool keep;	       /* this process's file outlives a clean exit */
	bool only;	       /* HEAPTOP_ONLY: its children go quiet */
	bool rests;	       /* the ticker is not there while it forks */
};
extern HIDDEN struct agent_config agent_config;

#endif
