/* call.h - what a borrowed thread does for us. */
#ifndef HEAPTOP_INJECT_CALL_H
#define HEAPTOP_INJECT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inject/arch.h"
#include "inject/trace.h"

/* What to call, and where it is in the process. */
struct call {
	uint64_t syscall; /* a system call's instruction */
	uint64_t errno_location;
	uint64_t dlopen;
	uint64_t dlsym;
	uint64_t dlerror; /* 0: none */
	uint64_t flags;	  /* of dlopen */
	uint64_t entry;	  /* 0: to be found by dlopen and dlsym */
	const char *path; /* of the library, as the process sees it */
	const char *symbol;
	const char *settings;
	size_t settings_size;
	uint64_t loader_start; /* of the loader's data and code */
	uint64_t loader_end;
};

enum call_end {
	CALL_DONE,   /* the entry has answered */
	CALL_FAILED, /* err says why; the thread is where it was */
	CALL_DENIED, /* err says why we may not; nothing has happened */
	CALL_AGAIN,  /* not here, not now: nothing has happened */
	CALL_LEFT,   /* err says why; the thread finishes by itself */
};

/*
 * The thread is stopped, and its state was read. Afterwards it is let go, in
 * any case; *answer is what the entry returned.
 */
enum call_end call_make(struct trace *, const struct arch_state *,
			const struct call *, int *answer, struct err *);

#endif
