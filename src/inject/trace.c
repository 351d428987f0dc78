/* trace.c - one thread of another process, stopped and let go by ptrace. */
#include "config.h"

#include "inject/trace.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOK_NS = 100000, /* by so much ran_ns may be wrong */
	HURRY = 1,	  /* the priority of a thread that hurries */
};

uint64_t
trace_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
trace_pause(uint64_t ns)
{
	struct timespec pause = {(time_t)(ns / 1000000000),
				 (long)(ns % 1000000000)};

	nanosleep(&pause, NULL);
}

/* Until something has stopped: of that SIGCHLD tells, which is blocked. */
static void
wait_for_news(uint64_t ns)
{
	struct timespec pause = {0, (long)(ns < LOOK_NS ? ns : LOOK_NS)};
	sigset_t news;

	sigemptyset(&news);
	sigaddset(&news, SIGCHLD);
	sigtimedwait(&news, NULL, &pause);
}

bool
trace_begin(struct trace *trace)
{
	trace->on = ptrace(PTRACE_SEIZE, trace->tid, 0,
			   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) == 0;
	return trace->on;
}

static bool
is_fault(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL ||
	       number == SIGFPE || number == SIGTRAP;
}

/* A signal that is on its way goes on. TRACE_STOP_NONE: the thread runs. */
static enum trace_stop
understand(struct trace *trace, int status)
{
	int number = WSTOPSIG(status);

	if (!WIFSTOPPED(status)) {
		trace->on = false;
		return TRACE_STOP_GONE;
	}
	if (status >> 16 == PTRACE_EVENT_EXEC)
		return TRACE_STOP_EXEC;
	if (status >> 16 == PTRACE_EVENT_STOP)
		return TRACE_STOP_ASKED;
	if (number == (SIGTRAP | 0x80))
		return TRACE_STOP_CALL;
	if (is_fault(number)) {
		siginfo_t info;

		if (ptrace(PTRACE_GETSIGINFO, trace->tid, 0, &info) == 0 &&
		    info.si_code > 0)
			return TRACE_STOP_SIGNAL;
	}
	ptrace(PTRACE_CONT, trace->tid, 0, number);
	return TRACE_STOP_NONE;
}

enum trace_stop
trace_look(struct trace *trace)
{
	int status;
	pid_t got = waitpid(trace->tid, &status, __WALL | WNOHANG);

	if (got == trace->tid)
		return understand(trace, status);
	if (got < 0 && errno != EINTR) {
		trace->on = false;
		return TRACE_STOP_GONE;
	}
	return TRACE_STOP_NONE;
}

static enum trace_stop
wait_until(struct trace *trace, uint64_t until_ns)
{
	for (;;) {
		uint64_t now = trace_now_ns();
		enum trace_stop stop = trace_look(trace);

		if (stop != TRACE_STOP_NONE || now > until_ns)
			return stop;
		trace->ran_ns = now;
		wait_for_news(until_ns - now);
	}
}

enum trace_stop
trace_stop(struct trace *trace, uint64_t patience_ns)
{
	enum trace_stop stop;

	trace->ran_ns = trace_now_ns();
	if (ptrace(PTRACE_INTERRUPT, trace->tid, 0, 0) != 0)
		return TRACE_STOP_GONE;
	stop = wait_until(trace, trace_now_ns() + patience_ns);
	/* A fault of the program's own is the program's business. */
	while (stop == TRACE_STOP_SIGNAL) {
		siginfo_t info;

		if (ptrace(PTRACE_GETSIGINFO, trace->tid, 0, &info) != 0)
			return TRACE_STOP_GONE;
		ptrace(PTRACE_CONT, trace->tid, 0, info.si_signo);
		stop = wait_until(trace, trace_now_ns() + patience_ns);
	}
	return stop;
}

bool
trace_go(struct trace *trace)
{
	return ptrace(PTRACE_CONT, trace->tid, 0, 0) == 0;
}

void
trace_hurry(struct trace *trace)
{
	const struct sched_param param = {.sched_priority = HURRY};

	if (sched_getscheduler(trace->tid) != SCHED_OTHER)
		return;
	trace->niced = getpriority(PRIO_PROCESS, (id_t)trace->tid) != 0;
	trace->hurries =
	    sched_setscheduler(trace->tid, SCHED_FIFO | SCHED_RESET_ON_FORK,
			       &param) == 0;
}

void
trace_hurry_end(struct trace *trace)
{
	const struct sched_param param = {0};

	if (trace->hurries)
		sched_setscheduler(trace->tid, SCHED_OTHER, &param);
	trace->hurries = false;
}

void
trace_end(struct trace *trace)
{
	trace_hurry_end(trace);
	if (trace->on)
		ptrace(PTRACE_DETACH, trace->tid, 0, 0);
	trace->on = false;
}

/* To the next stop at a system call; that of a group, of SIGSTOP, is passed. */
static bool
go_to_call(struct trace *trace)
{
	enum trace_stop stop;

	do {
		if (ptrace(PTRACE_SYSCALL, trace->tid, 0, 0) != 0)
			return false;
		stop = wait_until(trace, trace->until_ns);
	} while (stop == TRACE_STOP_ASKED);
	return stop == TRACE_STOP_CALL;
}

bool
trace_syscall(struct trace *trace, const struct user_regs_struct *from,
	      uint64_t pc, long call, const uint64_t args[6], long *result)
{
	struct user_regs_struct regs = *from;

	arch_syscall_prepare(&regs, pc, call, args);
	if (!arch_regs_write(trace->tid, &regs))
		return false;
	trace_hurry(trace);
	if (!go_to_call(trace) || !go_to_call(trace) ||
	    !arch_regs_read(trace->tid, &regs))
		return false;
	*result = arch_syscall_result(&regs);
	return true;
}

bool
trace_syscall_last(struct trace *trace, const struct user_regs_struct *from,
		   uint64_t pc, long call, const uint64_t args[6])
{
	struct user_regs_struct regs = *from;

	if (call >= 0) {
		arch_syscall_prepare(&regs, pc, call, args);
		if (!arch_regs_write(trace->tid, &regs) || !go_to_call(trace))
			return false;
	}
	return ptrace(PTRACE_INTERRUPT, trace->tid, 0, 0) == 0 &&
	       trace_go(trace) &&
	       wait_until(trace, trace->until_ns) == TRACE_STOP_ASKED;
}

bool
trace_peek(const struct trace *trace, uint64_t address, void *out, size_t size)
{
	return pread(trace->memory, out, size, (off_t)address) == (ssize_t)size;
}

bool
trace_poke(const struct trace *trace, uint64_t address, const void *from,
	   size_t size)
{
	return pwrite(trace->memory, from, size, (off_t)address) ==
	       (ssize_t)size;
}
