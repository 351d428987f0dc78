/* thread.h - the threads of a process, and which of them to borrow first. */
#ifndef HEAPTOP_INJECT_THREAD_H
#define HEAPTOP_INJECT_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the kernel says that a thread is. */
struct thread {
	pid_t tid;
	int rank;	/* lower is better; see thread.c */
	char call[256]; /* /proc's line: "running", or the call it waits in */
	uint64_t since_ns; /* that the line has been the same */
	uint64_t slept_ns; /* how long it has been waiting by the scheduler's
			      clock, 0 unknown */
	bool parked; /* it has been there for a while, and holds nothing */
	bool stuck;  /* it cannot be stopped, or has ended */
	bool seen;
};

struct threads {
	struct thread *list; /* best first */
	size_t count;
	size_t room;
};

/* Looks at all threads again, and sorts them. */
void threads_look(struct threads *, pid_t);
void threads_fini(struct threads *);
/* Looks once more at one, right before it is stopped. */
void thread_look(struct thread *, pid_t);

#endif
