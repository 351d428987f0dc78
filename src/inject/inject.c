/* inject.c - puts the agent into a process that already runs. */
#include "config.h"

#include "inject/inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/mem.h"
#include "inject/call.h"
#include "inject/moment.h"
#include "inject/object.h"
#include "inject/place.h"
#include "inject/remote.h"
#include "inject/target.h"
#include "inject/thread.h"

enum {
	PAUSE_MIN_NS = 500000,
	PAUSE_MAX_NS = 20000000,
	BEFORE_ALL = 2, /* a priority above that of a thread that hurries */
	LIBC_OPEN = (int)0x80000000, /* what __libc_dlopen_mode wants set */
};

/* One attempt at all of it. */
struct injection {
	const struct inject_request *request;
	struct inject_result *result;
	struct target target;
	struct regions regions;
	struct moments moments;
	struct place place;
	struct threads threads;
	struct call call;
	uint64_t until_ns;
};

static const struct region *
find_libc(const struct regions *regions)
{
	const struct region *found = regions_named(regions, "libc.so.6");

	return found ? found : regions_named(regions, "libc-2.*.so");
}

/* A program that has only just begun has no libc yet. */
static const struct region *
wait_for_libc(struct injection *injection, struct err *err)
{
	const struct region *libc;
	bool musl;

	for (;;) {
		if (!regions_read(&injection->regions, injection->target.pid)) {
			err_set(err,
				"process %d has just ended; see heaptop list",
				(int)injection->target.pid);
			return NULL;
		}
		libc = find_libc(&injection->regions);
		musl = regions_named(&injection->regions, "ld-musl-*") ||
		       regions_named(&injection->regions, "libc.so");
		if (libc)
			return libc;
		if (musl || !injection->target.loader ||
		    trace_now_ns() > injection->until_ns)
			break;
		regions_fini(&injection->regions);
		trace_pause(PAUSE_MAX_NS);
	}
	target_no_libc(&injection->target, musl, err);
	return NULL;
}

/* The instruction of a system call: libc has many. */
static uint64_t
find_syscall(int memory, const struct object *libc)
{
	static const char *const names[] = {"syscall", "getpid", "mmap",
					    "read"};
	struct trace trace = {.memory = memory};
	uint8_t code[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t size = 0;
		uint64_t at = object_find(libc, names[i], &size);
		size_t found;

		if (size > sizeof(code))
			size = sizeof(code);
		if (!at || !trace_peek(&trace, at, code, size))
			continue;
		found = arch_syscall_find(code, size);
		if (found < size)
			return at + found;
	}
	return 0;
}

/* dlopen is in libc since 2.34, before in a library that a program need not
 * have; then libc has one for its own use. */
static bool
find_dlopen(struct call *call, const struct regions *regions, int memory,
	    const struct object *libc)
{
	const struct region *at = regions_named(regions, "libdl[.-]*");
	struct object libdl;

	call->flags = RTLD_NOW;
	call->dlopen = object_find(libc, "dlopen", NULL);
	call->dlsym = object_find(libc, "dlsym", NULL);
	call->dlerror = object_find(libc, "dlerror", NULL);
	if (!call->dlopen && at && object_read(&libdl, memory, at->start)) {
		call->dlopen = object_find(&libdl, "dlopen", NULL);
		call->dlsym = object_find(&libdl, "dlsym", NULL);
		call->dlerror = object_find(&libdl, "dlerror", NULL);
		object_fini(&libdl);
	}
	if (!call->dlopen) {
		call->dlopen = object_find(libc, "__libc_dlopen_mode", NULL);
		call->dlsym = object_find(libc, "__libc_dlsym", NULL);
		call->dlerror = 0;
		call->flags |= (uint32_t)LIBC_OPEN;
	}
	return call->dlopen && call->dlsym;
}

/* The entry of an agent that is there from an earlier attach. */
static void
find_agent(struct injection *injection)
{
	const struct regions *regions = &injection->regions;
	struct object object;

	for (size_t i = 0; i < regions->count && !injection->call.entry; i++) {
		const struct region *region = &regions->list[i];
		const char *base = strrchr(region->path, '/');

		if (!base || region->offset != 0 ||
		    fnmatch("/heaptop-agent*", base, 0) != 0 ||
		    !object_read(&object, injection->target.memory,
				 region->start))
			continue;
		injection->call.entry =
		    object_find(&object, injection->request->symbol, NULL);
		object_fini(&object);
	}
}

static void
find_loader(struct injection *injection)
{
	const struct regions *regions = &injection->regions;
	const struct region *loader =
	    injection->target.loader
		? regions_at(regions, injection->target.loader)
		: regions_named(regions, "ld-[2l]*");

	if (!loader)
		return;
	injection->target.loader = loader->start;
	injection->call.loader_start = loader->start;
	for (; loader < regions->list + regions->count; loader++)
		if (loader->start == injection->call.loader_start ||
		    strcmp(loader->path, loader[-1].path) == 0 ||
		    !*loader->path)
			injection->call.loader_end = loader->end;
		else
			break;
}

/* Everything that can be found out while the process runs. */
static bool
prepare(struct injection *injection, struct err *err)
{
	const struct region *at = wait_for_libc(injection, err);
	struct call *call = &injection->call;
	int memory = injection->target.memory;
	struct object libc;
	bool good;

	if (!at)
		return false;
	if (!object_read(&libc, memory, at->start))
		return err_set(err,
			       "cannot make out the C library of process %d; "
			       "start it with heaptop run",
			       (int)injection->target.pid);
	call->syscall = find_syscall(memory, &libc);
	call->errno_location = object_find(&libc, "__errno_location", NULL);
	good = find_dlopen(call, &injection->regions, memory, &libc) &&
	       call->syscall && call->errno_location;
	find_loader(injection);
	find_agent(injection);
	moments_init(&injection->moments, &injection->regions, memory, &libc,
		     at, injection->target.loader);
	object_fini(&libc);
	if (!good)
		return err_set(err,
			       "process %d has a C library that cannot load "
			       "the agent; start it with heaptop run",
			       (int)injection->target.pid);
	return true;
}

/* Somebody has changed what we could know before. */
static enum call_end
not_traced(const struct injection *injection, int error, struct err *err)
{
	struct target target;

	if (error == ESRCH)
		return CALL_AGAIN; /* a thread that has ended */
	if (target_open(&target, injection->target.pid, NULL, err)) {
		target_close(&target);
		if (target_is_traced(&target, err))
			return CALL_DENIED;
		err_set(err,
			"may not trace process %d: %s; start it with heaptop "
			"run",
			(int)injection->target.pid, strerror(error));
		return CALL_DENIED;
	}
	return CALL_FAILED;
}

/* Lets a thread go that will not do, or not here. */
static void
let_go(struct trace *trace, const struct thread *thread)
{
	struct user_regs_struct regs;

	if (arch_regs_read(trace->tid, &regs) &&
	    arch_call_again(&regs, thread->slept_ns / 1000000))
		arch_regs_write(trace->tid, &regs);
	trace_end(trace);
}

static enum call_end
borrow_stopped(struct injection *injection, struct trace *trace,
	       const struct thread *thread, struct err *err)
{
	struct arch_state *state = mem_alloc(sizeof(*state));
	enum call_end end = CALL_AGAIN;

	if (!arch_read(trace->tid, state) ||
	    !moment_is_good(&injection->moments, trace, &state->regs,
			    thread->parked)) {
		let_go(trace, thread);
	} else {
		arch_call_again(&state->regs, thread->slept_ns / 1000000);
		end = call_make(trace, state, &injection->call,
				&injection->result->answer, err);
	}
	free(state);
	return end;
}

/* Somebody stands still each time that we wait for our turn: where we may, we
 * need not. */
static void
hurry(bool now)
{
	const struct sched_param first = {.sched_priority = BEFORE_ALL};
	const struct sched_param usual = {0};
	int policy = sched_getscheduler(0);

	prctl(PR_SET_TIMERSLACK, now ? 1 : 0, 0, 0, 0);
	if (now && policy == SCHED_OTHER)
		sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first);
	else if (!now && policy == (SCHED_FIFO | SCHED_RESET_ON_FORK))
		sched_setscheduler(0, SCHED_OTHER, &usual);
}

/* Tries one thread. */
static enum call_end
borrow(struct injection *injection, struct thread *thread, struct err *err)
{
	struct trace trace = {
	    .pid = injection->target.pid,
	    .tid = thread->tid,
	    .memory = injection->target.memory,
	    .until_ns = injection->until_ns,
	};
	uint64_t began;
	enum trace_stop stop;
	enum call_end end = CALL_AGAIN;

	thread_look(thread, trace.pid);
	if (thread->stuck)
		return CALL_AGAIN;
	if (!trace_begin(&trace))
		return not_traced(injection, errno, err);
	hurry(true);
	/* We cannot leave it before it has stopped. */
	stop = trace_stop(&trace, injection->until_ns > trace_now_ns()
				      ? injection->until_ns - trace_now_ns()
				      : 0);
	began = trace.ran_ns;
	if (stop == TRACE_STOP_ASKED) {
		end = borrow_stopped(injection, &trace, thread, err);
		injection->result->stood_ns += trace_now_ns() - began;
	} else {
		trace_end(&trace);
	}
	injection->result->thread = thread->tid;
	hurry(false);
	return end;
}

/* One after the other, again and again, until one will do. */
static enum call_end
borrow_any(struct injection *injection, struct err *err)
{
	uint64_t pause = PAUSE_MIN_NS;
	enum call_end end = CALL_AGAIN;

	while (trace_now_ns() < injection->until_ns) {
		threads_look(&injection->threads, injection->target.pid);
		for (size_t i = 0; i < injection->threads.count; i++) {
			end =
			    borrow(injection, &injection->threads.list[i], err);
			if (end != CALL_AGAIN)
				return end;
			if (trace_now_ns() > injection->until_ns)
				break;
		}
		trace_pause(pause);
		if (pause < PAUSE_MAX_NS)
			pause *= 2;
	}
	err_set(err,
		"no thread of process %d came to a point where the agent can "
		"be loaded within %u ms; try again with --timeout, or start it "
		"with heaptop run",
		(int)injection->target.pid, injection->request->timeout_ms);
	return CALL_FAILED;
}

static enum call_end
by_ptrace(struct injection *injection, struct err *err)
{
	if (target_is_traced(&injection->target, err))
		return CALL_DENIED;
	return borrow_any(injection, err);
}

static enum call_end
by_remote(struct injection *injection, struct err *err)
{
	return remote_call(&injection->target, &injection->regions,
			   &injection->call, injection->until_ns,
			   &injection->result->answer, err)
		   ? CALL_DONE
		   : CALL_FAILED;
}

/* In this order: the next one where one is denied. */
static enum call_end (*const ways[])(struct injection *, struct err *) = {
    [INJECT_PTRACE] = by_ptrace,
    [INJECT_REMOTE] = by_remote,
};

static bool
go_some_way(struct injection *injection, struct err *err)
{
	enum call_end end = CALL_DENIED;

	for (size_t i = 0;
	     end == CALL_DENIED && i < sizeof(ways) / sizeof(*ways); i++) {
		injection->result->way = (enum inject_way)i;
		end = ways[i](injection, err);
	}
	return end == CALL_DONE;
}

/* A signal that ends us would only leave things lying about; SIGCHLD is how we
 * hear of stops. */
static bool
go_quietly(struct injection *injection, struct err *err)
{
	const struct sigaction usual = {.sa_handler = SIG_DFL};
	struct sigaction before;
	sigset_t all, mask;
	bool good;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	sigaction(SIGCHLD, &usual, &before);
	good = go_some_way(injection, err);
	sigaction(SIGCHLD, &before, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return good;
}

bool
inject(const struct inject_request *request, struct inject_result *result,
       struct err *err)
{
	struct injection injection = {
	    .request = request,
	    .result = result,
	    .place.directory = -1,
	    .until_ns =
		trace_now_ns() + request->timeout_ms * UINT64_C(1000000),
	    .call.symbol = request->symbol,
	    .call.settings = request->settings,
	    .call.settings_size = request->settings_size,
	};
	bool good = false;

	*result = (struct inject_result){0};
	if (!target_open(&injection.target, request->pid, NULL, err))
		return false;
	if (place_make(&injection.place, request->agent, request->pid,
		       injection.target.uid, err)) {
		injection.call.path = injection.place.path;
		good = prepare(&injection, err) && go_quietly(&injection, err);
	}
	place_remove(&injection.place);
	threads_fini(&injection.threads);
	moments_fini(&injection.moments);
	regions_fini(&injection.regions);
	target_close(&injection.target);
	return good;
}

bool
inject_may(pid_t pid, const char *scope_file, struct err *err)
{
	struct regions regions;
	struct target target;
	bool good;

	if (!target_open(&target, pid, scope_file, err))
		return false;
	good = !target_is_traced(&target, err);
	if (!good && regions_read(&regions, pid)) {
		good = remote_may(&target, &regions);
		regions_fini(&regions);
	}
	target_close(&target);
	return good;
}

bool
inject_allowed(const char *scope_file, struct err *text)
{
	unsigned scope = target_scope(scope_file);
	bool all = target_may_trace_all();

	if (scope == 3)
		return err_set(text, "nobody may attach (ptrace_scope is 3); "
				     "use heaptop run");
	if (scope > 0 && !all)
		return err_set(text,
			       "only with sudo, or start it with heaptop run "
			       "(ptrace_scope is %u)",
			       scope);
	err_set(text, all ? "any process may be attached to"
			  : "any process of yours may be attached to");
	return true;
}
