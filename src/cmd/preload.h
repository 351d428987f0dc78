/*
 * preload.h - the agent's file and the environment that loads it.
 *
 * The names below are all that the agent reads:
 *   LD_PRELOAD        the agent first, then what the user had
 *   HEAPTOP_MODE      exact, or sample:BYTES; behind "dormant:" for later
 *   HEAPTOP_BUDGET    parts per million of CPU time to keep within
 *   HEAPTOP_UNWINDER  rules, libunwind or check
 *   HEAPTOP_NATIVE    none, leaf or full
 *   HEAPTOP_FREELISTS 1, or not set
 *   HEAPTOP_RUN       16 hexadecimal digits, the same for all processes
 *   HEAPTOP_KEEP      the process whose segment stays after a clean exit, or
 *                     1: all of them
 *   HEAPTOP_ONLY      the process that is looked at, and none it starts
 *   HEAPTOP_DIR       the directory of segments
 */
#ifndef HEAPTOP_CMD_PRELOAD_H
#define HEAPTOP_CMD_PRELOAD_H

#include "cmd/option.h"

/*
 * Absolute path of the agent, owned by the caller: $HEAPTOP_AGENT if set,
 * else the one beside this program (a build tree), else the installed one.
 * NULL with one line when it is not a regular file that can be read, or when
 * others than its owner could have put it there.
 */
char *preload_find(struct err *);

/* Whether segments can be made: makes the directory if it is missing. */
bool preload_directory(struct err *);

/* A random number that is not 0. */
uint64_t preload_run_id(void);

/* Says what the agent is to know of the options, in the names above. A value of
 * NULL: it must not be set. Values last as long as the call. */
typedef void preload_teller(void *context, const char *name, const char *value);
void preload_tell(const struct options *, uint64_t run_id, preload_teller *,
		  void *context);

/* Sets the environment of this process: to be called in the child. */
void preload_set(const char *agent, const struct options *, uint64_t run_id,
		 bool keep);

/* The value of LD_PRELOAD with the agent first; owned by the caller. */
char *preload_value(const char *agent);

#endif
