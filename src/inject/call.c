/*
 * call.c - what a borrowed thread does for us.
 *
 * It works on a mapping of its own, so that nothing of its stack is touched,
 * however small that is or wherever its stack pointer points:
 *
 *	+------+---------------------+-------------------------------+
 *	| code | plan, strings       | frame          <-- stack      |
 *	| page | page                | to return by itself           |
 *	+------+---------------------+-------------------------------+
 *
 * Nothing here raises a signal, which the program's handlers or masks would
 * have a say in: the code waits in a system call when it is done, and we look
 * at its plan.
 */
#include "config.h"

#include "inject/call.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "base/text.h"

enum {
	PAGE = 4096,
	ROOM = 512 << 10,
	STRINGS_AT = 2 * PAGE,
	STRINGS_ROOM = 4 * PAGE,
	FRAME_AT = STRINGS_AT + STRINGS_ROOM,
	FRAME_ROOM = ARCH_XSTATE_MAX + PAGE,
	WAIT_S = 3, /* how long the code waits for us when it is done */
	PAUSE_NS = 30000,
	STOP_NS = 1000000000,
	HURRY_NS = 5000000, /* the most that others may be kept waiting */
	TEXT_MAX = 300,
};

struct work {
	struct trace *trace;
	const struct arch_state *state;
	const struct call *call;
	uint64_t room; /* the mapping */
	uint64_t plan;
	uint64_t used; /* of the strings */
};

static uint64_t
plan_get(const struct work *work, size_t field)
{
	uint64_t value = 0;

	trace_peek(work->trace, work->plan + field, &value, sizeof(value));
	return value;
}

/* Puts a text into the mapping; returns its address there. */
static uint64_t
put(struct work *work, const void *text, size_t size)
{
	uint64_t at = work->room + STRINGS_AT + work->used;

	if (work->used + size > STRINGS_ROOM ||
	    !trace_poke(work->trace, at, text, size))
		return 0;
	work->used += (size + 15) & ~(uint64_t)15;
	return at;
}

static bool
write_frame(struct work *work)
{
	uint8_t *frame = mem_alloc(FRAME_ROOM);
	uint64_t at = work->room + FRAME_AT;
	size_t size = arch_frame_make(work->state, at, frame, FRAME_ROOM);
	bool good = size && trace_poke(work->trace, at, frame, size);

	free(frame);
	return good;
}

static bool
write_plan(struct work *work)
{
	const struct call *call = work->call;
	struct arch_plan plan = {
	    .errno_location = call->errno_location,
	    .dlopen = call->dlopen,
	    .dlsym = call->dlsym,
	    .dlerror = call->dlerror,
	    .entry = call->entry,
	    .flags = call->flags,
	    .seconds = WAIT_S,
	    .frame = work->room + FRAME_AT,
	    .hurries = work->trace->hurries,
	    .path = put(work, call->path, strlen(call->path) + 1),
	    .symbol = put(work, call->symbol, strlen(call->symbol) + 1),
	    .settings = put(work, call->settings, call->settings_size),
	};

	return plan.path && plan.symbol && plan.settings &&
	       trace_poke(work->trace, work->plan, &plan, sizeof(plan));
}

/* The mapping with everything in it. It may be run, and is written by us alone;
 * the code makes the rest of it writable. */
static bool
work_begin(struct work *work, struct err *err)
{
	const size_t code_size = (size_t)(arch_code_end - arch_code);
	int pid = (int)work->trace->pid;
	uint64_t args[6] = {0, ROOM, PROT_READ | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1};
	long at;

	if (!trace_syscall(work->trace, &work->state->regs, work->call->syscall,
			   SYS_mmap, args, &at))
		return err_set(err,
			       "process %d did not come back from a system "
			       "call; try again",
			       pid);
	if (at == -EACCES || at == -EPERM)
		return err_set(err,
			       "process %d may not have code that is in no "
			       "file (SELinux, or its service); start it with "
			       "heaptop run",
			       pid);
	if (at < 0 && at > -PAGE)
		return err_set(err,
			       "process %d gets no memory for the agent: %s; "
			       "see its limits in /proc/%d/limits",
			       pid, strerror((int)-at), pid);
	work->room = (uint64_t)at;
	work->plan = work->room + PAGE;
	if (!trace_poke(work->trace, work->room, arch_code, code_size) ||
	    !write_frame(work) || !write_plan(work))
		return err_set(err,
			       "cannot write into the memory of process %d; "
			       "start it with heaptop run",
			       pid);
	return true;
}

/* Signals wait, but for those that a fault raises. */
static bool
hold_signals(struct work *work)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	uint64_t signals = ~UINT64_C(0);

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		signals &= ~(UINT64_C(1) << (faults[i] - 1));
	return ptrace(PTRACE_SETSIGMASK, work->trace->tid, sizeof(signals),
		      &signals) == 0;
}

/* To the code. */
static bool
work_start(struct work *work)
{
	struct user_regs_struct regs = work->state->regs;

	arch_plan_prepare(&regs, work->room, work->plan, work->room + ROOM);
	if (work->trace->niced)
		trace_hurry_end(work->trace);
	return arch_regs_write(work->trace->tid, &regs) &&
	       trace_go(work->trace);
}

/* TRACE_STOP_ASKED: it is done, or time is up, and it runs on. */
static enum trace_stop
work_wait(struct work *work)
{
	uint64_t began = trace_now_ns();
	enum trace_stop stop;

	for (;;) {
		if (plan_get(work, offsetof(struct arch_plan, state)) !=
		    PLAN_RUNS)
			return TRACE_STOP_ASKED;
		stop = trace_look(work->trace);
		if (stop == TRACE_STOP_ASKED) /* SIGSTOP: first finish */
			trace_go(work->trace);
		else if (stop != TRACE_STOP_NONE)
			return stop;
		if (trace_now_ns() > work->trace->until_ns)
			return TRACE_STOP_ASKED;
		if (trace_now_ns() - began > HURRY_NS)
			trace_hurry_end(work->trace);
		trace_pause(PAUSE_NS);
	}
}

/* Takes the mapping away and lets the thread go on where it was. */
static void
work_end(struct work *work)
{
	uint64_t args[6] = {work->room, ROOM};
	uint64_t until = trace_now_ns() + STOP_NS;

	if (work->trace->until_ns < until)
		work->trace->until_ns = until;
	trace_syscall_last(work->trace, &work->state->regs, work->call->syscall,
			   work->room ? SYS_munmap : -1, args);
	trace_hurry_end(work->trace);
	arch_write(work->trace->tid, work->state);
	trace_end(work->trace);
}

/*
 * Whether the thread, in the middle of dlopen, has got no further than to wait
 * for the loader's lock, which is the first that it takes: then it holds none
 * and may as well not have begun. Of the loader's locks, which stand side by
 * side, it must own none.
 */
static bool
waits_for_loader(const struct work *work)
{
	enum { LOCK_SIZE = 40, OWNER_AT = 8, LOCKS = 3 };
	struct user_regs_struct regs;
	uint64_t args[6];

	if (!arch_regs_read(work->trace->tid, &regs) ||
	    arch_call(&regs, args) != SYS_futex ||
	    ((int)args[1] & FUTEX_CMD_MASK) != FUTEX_WAIT ||
	    args[0] < work->call->loader_start ||
	    args[0] >= work->call->loader_end)
		return false;
	for (uint64_t i = 0; i < LOCKS; i++) {
		uint32_t owner;

		if (!trace_peek(work->trace, args[0] - i * LOCK_SIZE + OWNER_AT,
				&owner, sizeof(owner)) ||
		    owner == (uint32_t)work->trace->tid)
			return false;
	}
	return true;
}

/* Time is up: it is taken back, or left to finish by itself. */
static enum call_end
work_late(struct work *work, struct err *err)
{
	int pid = (int)work->trace->pid;
	uint64_t yes = 1;

	if (waits_for_loader(work)) {
		work_end(work);
		err_set(err,
			"process %d is busy loading a library, which takes "
			"longer than we may; try again with --timeout",
			pid);
		return CALL_FAILED;
	}
	trace_poke(work->trace, work->plan + offsetof(struct arch_plan, cancel),
		   &yes, sizeof(yes));
	trace_end(work->trace);
	err_set(err,
		"process %d has not finished loading the agent in time; it "
		"goes on by itself; try again with --timeout",
		pid);
	return CALL_LEFT;
}

/* What dlerror said, as far as it can be shown. */
static void
problem_read(const struct work *work, struct err *err)
{
	char text[TEXT_MAX] = "its C library does not say why", clean[TEXT_MAX];
	uint64_t at = plan_get(work, offsetof(struct arch_plan, problem));
	size_t size;

	if (at)
		for (size = 0; size < sizeof(text) - 1; size++)
			if (!trace_peek(work->trace, at + size, text + size,
					1) ||
			    !text[size])
				break;
	text[sizeof(text) - 1] = '\0';
	text_clean(clean, sizeof(clean), text, strlen(text));
	err_set(err,
		"process %d cannot load the agent: %s; start it with heaptop "
		"run",
		(int)work->trace->pid, clean);
}

static enum call_end
work_result(struct work *work, int *answer, struct err *err)
{
	struct user_regs_struct regs;
	uint64_t state = plan_get(work, offsetof(struct arch_plan, state));
	bool called = plan_get(work, offsetof(struct arch_plan, found)) != 0;

	*answer = (int)plan_get(work, offsetof(struct arch_plan, answer));
	if (!called)
		problem_read(work, err);
	/* Left to itself for too long, it may have gone. */
	if (!arch_regs_read(work->trace->tid, &regs) || state == PLAN_LEAVES ||
	    arch_pc(&regs) < work->room || arch_pc(&regs) >= work->room + PAGE)
		trace_end(work->trace);
	else
		work_end(work);
	return called ? CALL_DONE : CALL_FAILED;
}

enum call_end
call_make(struct trace *trace, const struct arch_state *state,
	  const struct call *call, int *answer, struct err *err)
{
	struct work work = {.trace = trace, .state = state, .call = call};
	enum trace_stop stop;

	if (!hold_signals(&work)) {
		trace_end(trace);
		return CALL_AGAIN;
	}
	if (!work_begin(&work, err)) {
		work_end(&work);
		return CALL_FAILED;
	}
	if (!work_start(&work)) {
		work_end(&work);
		return CALL_AGAIN;
	}
	stop = work_wait(&work);
	if (stop == TRACE_STOP_ASKED) {
		trace_hurry(trace);
		stop = trace_stop(trace, STOP_NS);
	}
	switch (stop) {
	case TRACE_STOP_ASKED:
		if (plan_get(&work, offsetof(struct arch_plan, state)) ==
		    PLAN_RUNS)
			return work_late(&work, err);
		return work_result(&work, answer, err);
	case TRACE_STOP_SIGNAL:
		work_end(&work);
		err_set(err,
			"the agent failed in process %d, which goes on without "
			"it; please report this",
			(int)trace->pid);
		return CALL_FAILED;
	default:
		trace_end(trace);
		err_set(err,
			"process %d has ended or become another program "
			"meanwhile; see heaptop list",
			(int)trace->pid);
		return CALL_LEFT;
	}
}
