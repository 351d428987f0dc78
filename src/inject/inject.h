/*
 * inject.h - puts the agent into a process that already runs.
 *
 * By ptrace where that is allowed. One thread of the process is borrowed for
 * some milliseconds: it is stopped where it holds no lock that loading a
 * library needs, runs dlopen and the agent's entry on a stack of ours, and goes
 * on with every register as it was; a system call that it was in begins again.
 * All other threads run on. If we are killed meanwhile, the thread finishes and
 * goes on by itself.
 *
 * Where it is not, since another traces the process or a filter denies the
 * call, a CPython that runs scripts of debuggers (3.14 and later) is asked to
 * load it: remote.h.
 */
#ifndef HEAPTOP_INJECT_INJECT_H
#define HEAPTOP_INJECT_INJECT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct inject_request {
	pid_t pid;
	const char *agent;  /* absolute path of the file, as we see it, which
			       nobody else may have written */
	const char *symbol; /* int symbol(const char *settings) in it */
	const char *settings;
	size_t settings_size;
	unsigned timeout_ms; /* for all of it */
};

enum inject_way { INJECT_PTRACE, INJECT_REMOTE };

struct inject_result {
	enum inject_way way;
	pid_t thread;	   /* that was borrowed; 0 none */
	uint64_t stood_ns; /* how long it, and others that would not do, were
			      kept from their own work: one at a time; 100 us
			      too much at most each time */
	int answer;	   /* what the entry returned */
};

/*
 * False, with one line of what is in the way and the next command to try: then
 * nothing has changed in the process.
 */
bool inject(const struct inject_request *, struct inject_result *,
	    struct err *);

/* Whether a process may be attached to at all, as far as can be told without
 * touching it. The file of ptrace_scope is named for the tests; NULL: Yama's.
 */
bool inject_may(pid_t, const char *scope_file, struct err *);

/*
 * In a word or two whether this user may attach to processes of their own, for
 * `doctor`; scope_file as above. False: they may not.
 */
bool inject_allowed(const char *scope_file, struct err *text);

#endif
