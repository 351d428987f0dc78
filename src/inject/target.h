/* target.h - what /proc says of a process, and why it takes no agent. */
#ifndef HEAPTOP_INJECT_TARGET_H
#define HEAPTOP_INJECT_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct target {
	pid_t pid;
	uid_t uid;	 /* effective */
	pid_t tracer;	 /* who traces it already; 0 nobody */
	int memory;	 /* /proc/PID/mem; closed by target_close */
	uint64_t loader; /* where the dynamic loader is mapped, 0 unknown */
};

/* False with one line when the process takes no agent or we may not ask. */
bool target_open(struct target *, pid_t, const char *scope_file, struct err *);
void target_close(struct target *);
/* Whether ptrace is taken by another; err says by whom. */
bool target_is_traced(const struct target *, struct err *);
/* What is in the way of a process that has no libc as we need it. */
bool target_no_libc(const struct target *, bool musl, struct err *);

/* 0 to 3; 0 where there is no such file. NULL: the file of Yama. */
unsigned target_scope(const char *scope_file);
/* Whether we may trace what is not ours. */
bool target_may_trace_all(void);

#endif
