/*
 * trace.h - one thread of another process, stopped and let go by ptrace.
 *
 * All of it happens on the thread that called trace_stop first, which has
 * SIGCHLD blocked and not ignored. Signals that are on their way when the
 * thread is stopped are passed on; while it works for us they wait in the
 * kernel.
 */
#ifndef HEAPTOP_INJECT_TRACE_H
#define HEAPTOP_INJECT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "inject/arch.h"

struct trace {
	pid_t pid;
	pid_t tid;
	int memory;	   /* /proc/PID/mem */
	uint64_t until_ns; /* CLOCK_MONOTONIC: no wait lasts longer */
	bool on;	   /* we are its tracer */
	bool hurries;	   /* trace_hurry has changed it */
	bool niced;	   /* and threads that it makes would not be */
	uint64_t ran_ns;   /* when it had not yet stopped, as last seen */
};

/* Why a thread stopped, or that it does not. */
enum trace_stop {
	TRACE_STOP_ASKED, /* the stop that was asked for, or that of a group */
	TRACE_STOP_CALL,
	TRACE_STOP_SIGNAL, /* one that the thread itself raised */
	TRACE_STOP_GONE,
	TRACE_STOP_EXEC,
	TRACE_STOP_NONE, /* not in time */
};

uint64_t trace_now_ns(void);
void trace_pause(uint64_t ns);

/* Becomes the tracer. False with errno. */
bool trace_begin(struct trace *);
/* Asks for a stop and waits for it, at most for patience_ns. */
enum trace_stop trace_stop(struct trace *, uint64_t patience_ns);
/* What has happened to the thread since it runs; does not wait. */
enum trace_stop trace_look(struct trace *);
/* Lets it run until it is asked to stop. */
bool trace_go(struct trace *);

/*
 * Makes the thread go before all others that are not real-time ones, if it is
 * an ordinary one and we may: each time that it was stopped it would have to
 * wait for its turn, which on a busy machine is long. trace_end undoes it, but
 * nobody does if we are killed: only for a thread whose registers are ours.
 */
void trace_hurry(struct trace *);
void trace_hurry_end(struct trace *);

/* It is no longer ours; it goes on. */
void trace_end(struct trace *);

/*
 * Has the stopped thread make a system call, by the instruction at pc, from the
 * registers of its state. Afterwards the thread's registers are not its own,
 * and it hurries. False: it did not return; *result may be an error as the
 * kernel has it.
 */
bool trace_syscall(struct trace *, const struct user_regs_struct *, uint64_t pc,
		   long call, const uint64_t args[6], long *result);

/* The same with a call that returns soon, whatever it says. The thread is
 * stopped as by trace_stop afterwards, where it may be given other registers:
 * its own system call is begun again by the kernel only behind such a stop.
 * call -1: none is made. */
bool trace_syscall_last(struct trace *, const struct user_regs_struct *,
			uint64_t pc, long call, const uint64_t args[6]);

/* Memory of the process, all of it or false. */
bool trace_peek(const struct trace *, uint64_t address, void *, size_t size);
bool trace_poke(const struct trace *, uint64_t address, const void *,
		size_t size);

#endif
