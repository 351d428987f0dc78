/*
 * ticker.c - the agent's only thread, and the only writer of the segment.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/ticker.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/alone.h"
#include "agent/budget.h"
#include "agent/changes.h"
#include "agent/counts.h"
#include "agent/got.h"
#include "agent/life.h"
#include "agent/live.h"
#include "agent/names.h"
#include "agent/pools.h"
#include "agent/py/py.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/rest.h"
#include "agent/ring.h"
#include "agent/safe.h"
#include "agent/said.h"
#include "agent/sample.h"
#include "agent/segment.h"
#include "agent/thread.h"
#include "agent/ticker_thread.h"
#include "agent/types.h"

#define WATCHED_NS  UINT64_C(100000000)
#define IDLE_NS	    UINT64_C(1000000000)
#define CLOSEST_NS  UINT64_C(5000000)  /* between two ticks, whoever asks */
#define DELAY_NS    UINT64_C(10000000) /* before there is a segment */
#define STOP_NS	    UINT64_C(2000000000)
#define APART_NS    UINT64_C(500000000)
#define WATCH_LIMIT UINT64_C(60000000000)
#define FIRST_SLOTS 1024
#define FIRST_NAMES (128u << 10)

enum { STOP_EXIT = 1, STOP_REST = 2 };

static struct {
	bool started;
	bool forked;
	long pid;	 /* of the process that started the thread */
	uint32_t stop;	 /* futex: why it is to stop, STOP_ */
	uint32_t begun;	 /* 1: set by whoever is first, segment or exit */
	uint32_t ready;	 /* the segment exists; control->wake can be used */
	uint32_t asked;	 /* 1: the program wants a tick */
	uint32_t leaves; /* 1: it will end, though the process goes on */
	uint32_t done;	 /* futex: 1 the thread has ended */
	uint64_t cpu_ns; /* of its times before a rest */
	uint64_t interval_ns; /* of ticks, when it began to rest */
	long held; /* descriptor of the segment in the program's table, or 0 */
	/* Large, and in a process without a segment never touched. */
	struct segment segment;
	struct wire_status status;
} ticker;

/* False: the time is over. */
static bool
futex_wait(uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec limit = {(time_t)(ns / 1000000000),
				 (long)(ns % 1000000000)};

	return safe_syscall(SYS_futex, (long)word, FUTEX_WAIT, value,
			    (long)&limit, 0, 0) != -ETIMEDOUT;
}

static void
futex_wake(uint32_t *word)
{
	safe_syscall(SYS_futex, (long)word, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

static uint32_t
load(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void
fill_status(uint32_t state)
{
	struct wire_status *status = &ticker.status;
	struct rusage usage = {0};

	safe_syscall(SYS_getrusage, RUSAGE_SELF, (long)&usage, 0, 0, 0, 0);
	status->time_ns = safe_clock_ns(CLOCK_REALTIME);
	status->mono_ns = safe_clock_ns(CLOCK_MONOTONIC);
	status->state = state == WIRE_STATE_RUNNING && sample_is_stopped()
			    ? WIRE_STATE_DORMANT
			    : state;
	status->file_size = ticker.segment.size;
	status->sites = changes_named();
	status->agent_cpu_ns =
	    ticker.cpu_ns + safe_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	status->agent_bytes = safe_held() + live_measure() +
			      threads_resident() + ticker.segment.held;
	status->peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
	status->asleep = life_is_asleep();
	budget_tick(status);
	status->live_map = live.kind;
	status->pool_bytes = pools_bytes();
	status->threads = threads_count();
	status->python = py_version();
	for (int i = 0; i < WIRE_LOST_COUNT; i++)
		status->lost[i] = record_losses(i);
	names_status(status);
	ring_status(status);
}

uint64_t
ticker_agent_bytes(void)
{
	return __atomic_load_n(&ticker.status.agent_bytes, __ATOMIC_RELAXED);
}

static void
tick(uint32_t state)
{
	uint32_t flush = load(&ticker.segment.control->flush_wanted);
	uint32_t number = (uint32_t)++ticker.status.tick;

	/* Before what was said is looked at. */
	__atomic_exchange_n(&ticker.asked, 0, __ATOMIC_ACQ_REL);
	/* In a forked child the loader's lock may be held for ever. */
	if (!ticker.forked && number % 10 == 1)
		unwind_modules_scan();
	budget_wishes(ticker.segment.control);
	life_tend(ticker.forked);
	changes_collect(ticker.status.totals);
	said_publish(&ticker.status);
	changes_write(number);
	if (changes_count())
		ring_tick(number, safe_clock_ns(CLOCK_REALTIME));
	types_serve(&ticker.segment, &ticker.status, changes_named(),
		    &ticker.stop);
	fill_status(state);
	ticker.status.flush_done = flush;
	segment_publish(&ticker.segment, &ticker.status);
	changes_commit();
	ring_settle();
	threads_tend();
	py_tend();
}

/* How long to wait for somebody to ask for a tick. Their clock is a wish. */
static uint64_t
interval(void)
{
	uint64_t until = __atomic_load_n(&ticker.segment.control->watch_until,
					 __ATOMIC_RELAXED);
	uint64_t now = safe_clock_ns(CLOCK_MONOTONIC);

	if (got_is_urgent())
		return CLOSEST_NS;
	return until > now && until - now < WATCH_LIMIT ? WATCHED_NS : IDLE_NS;
}

/* Sleeps once, unless somebody asks for a tick, or wakes us for nothing. */
static void
wait_for_tick(void)
{
	struct wire_control *control = ticker.segment.control;
	uint64_t start = safe_clock_ns(CLOCK_MONOTONIC);

	while (!segment_is_cut(&ticker.segment)) {
		uint32_t wake = load(&control->wake);
		bool asked =
		    load(&ticker.asked) || life_is_wished(control) ||
		    load(&control->flush_wanted) != ticker.status.flush_done;
		uint64_t wanted = asked ? CLOSEST_NS : interval();
		uint64_t spent = safe_clock_ns(CLOCK_MONOTONIC) - start;

		if (load(&ticker.stop) || spent >= wanted)
			return;
		if (asked)
			futex_wait(&ticker.stop, 0, wanted - spent);
		/* A wake that asks for nothing costs at most this often. */
		else if (futex_wait(&control->wake, wake, wanted - spent) &&
			 !load(&ticker.stop))
			futex_wait(&ticker.stop, 0, CLOSEST_NS / 5);
	}
}

static bool
segment_begin(void)
{
	bool sampled = sample_interval() > 1;
	uint64_t ring_bytes =
	    FIRST_SLOTS * (sampled ? WIRE_RECORD_SAMPLED : WIRE_RECORD_EXACT);
	void *body;

	if (!segment_create(&ticker.segment, ring_bytes + FIRST_NAMES, &body))
		return false;
	if (!ring_init(&ticker.segment, body, WIRE_BODY_OFFSET, FIRST_SLOTS,
		       sampled)) {
		segment_unlink(&ticker.segment);
		return false;
	}
	names_init(&ticker.segment, (char *)body + ring_bytes,
		   WIRE_BODY_OFFSET + ring_bytes, FIRST_NAMES);
	life_wish_forget();
	return true;
}

/* A new file in the place of the old one, from nothing. */
static bool
segment_again(void)
{
	segment_unlink(&ticker.segment);
	ring_close();
	segment_close(&ticker.segment);
	names_close();
	types_forget();
	budget_forked();
	memset(&ticker.status, 0, sizeof(ticker.status));
	changes_forget();
	return segment_begin();
}

/* As after an exec. */
static bool
life_anew(void)
{
	agent_config.start_ns = 0;
	return segment_again();
}

/* When somebody has cut the file short, a store behind its end would be a
 * SIGBUS: all is told again, to a new one. False: there can be none. */
static bool
segment_mend(void)
{
	if (!segment_is_cut(&ticker.segment))
		return true;
	record_lost(WIRE_LOST_SEGMENT_CUT, 1);
	counts_restart();
	return segment_again();
}

/* False: this was the last tick. */
static bool
live_on(void)
{
	switch (life_wish(ticker.segment.control)) {
	case WIRE_LIFE_ON:
		budget_wishes(ticker.segment.control);
		return !life_on() || life_anew();
	case WIRE_LIFE_DETACH:
		life_off();
		__atomic_store_n(&ticker.leaves, real_is_late,
				 __ATOMIC_RELEASE);
		/* Until those that are inside a hook are out of it. */
		futex_wait(&ticker.stop, 0, CLOSEST_NS);
		return !real_is_late;
	default:
		return true;
	}
}

/* The state to end in; 0: there is no segment any more. */
static uint32_t
run_ticks(void)
{
	uint32_t stop;

	for (;;) {
		if (!segment_mend())
			return 0;
		stop = load(&ticker.stop);
		if (stop || alone_is_last())
			break;
		if (!live_on())
			return WIRE_STATE_DETACHED;
		tick(WIRE_STATE_RUNNING);
		wait_for_tick();
	}
	return stop == STOP_REST ? WIRE_STATE_RUNNING : WIRE_STATE_EXITED;
}

/* Nothing could be shown: cost nothing either. */
static void
give_up(void)
{
	life_off();
	agent_off();
}

/* False: there is nothing to tick for. */
static bool
begin(void)
{
	/* Many a process is a child that calls exec at once, or a command that
	 * is over in a moment: nobody could look at it, so it gets no file.
	 * One that says something is meant to be looked at. */
	if (!agent_config.keep && !real_is_late && !load(&ticker.asked))
		futex_wait(&ticker.stop, 0, DELAY_NS);
	if (__atomic_exchange_n(&ticker.begun, 1, __ATOMIC_ACQ_REL))
		return false;
	if (ticker.forked)
		counts_restart();
	life_begin();
	if (segment_begin()) {
		__atomic_store_n(&ticker.ready, 1, __ATOMIC_RELEASE);
		return true;
	}
	give_up();
	return false;
}

/* What the thread had of its own went with it. */
static void
begin_again(void)
{
	segment_reopen(&ticker.segment, ticker_thread_kept());
	if (life_is_asleep())
		got_point(false);
}

/* Hooks are to find out when the rest is over, also those that are not called
 * while the agent is asleep. */
static void
end_for_now(void)
{
	ticker.cpu_ns += safe_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	/* Others do not read the control page: somebody may cut the file. */
	ticker.interval_ns = interval();
	if (life_is_asleep())
		got_point(true);
}

/* Whether it is to be run again. */
static bool
run(void)
{
	uint32_t state;

	if (load(&ticker.ready))
		begin_again();
	else if (!begin())
		return false;
	state = run_ticks();
	if (!state) {
		__atomic_store_n(&ticker.ready, 0, __ATOMIC_RELEASE);
		give_up();
		return false;
	}
	tick(state);
	if (state == WIRE_STATE_RUNNING) {
		end_for_now();
		return true;
	}
	if (state == WIRE_STATE_DETACHED) {
		__atomic_store_n(&ticker.ready, 0, __ATOMIC_RELEASE);
		agent_off();
	}
	if (!agent_config.keep)
		segment_unlink(&ticker.segment);
	return false;
}

/* Whether the thread may begin again. */
static bool
serve(void)
{
	if (run())
		return true;
	__atomic_store_n(&ticker.done, 1, __ATOMIC_RELEASE);
	futex_wake(&ticker.done);
	return false;
}

void
ticker_start(bool forked, bool again)
{
	uint64_t guard = thread_tls.guard;

	ticker.forked = forked;
	ticker.pid = safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	thread_tls.guard = GUARD_FOREVER; /* its stack is not the program's */
	/* Not when there is a segment: a child may be sooner with its own. */
	agent_config.start_ns = safe_clock_ns(CLOCK_REALTIME);
	/* The parent's may not have come to run yet. */
	again = again && ticker_thread_can_again(0);
	ticker.started =
	    again ? ticker_thread_again() : ticker_thread_start(serve, forked);
	thread_tls.guard = guard;
	if (!ticker.started)
		agent_off();
}

static void
wake(void)
{
	uint32_t *word;

	if (!load(&ticker.ready)) {
		futex_wake(&ticker.stop);
		return;
	}
	word = &ticker.segment.control->wake;
	/* The kernel adds 1 and wakes: of a file that somebody has cut short
	 * it says so, where a store would be a SIGBUS. */
	safe_syscall(SYS_futex, (long)word, FUTEX_WAKE_OP, INT_MAX, 0,
		     (long)word, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0));
}

static void
stop(uint32_t why)
{
	__atomic_fetch_or(&ticker.stop, why, __ATOMIC_SEQ_CST);
	futex_wake(&ticker.stop);
	wake();
}

/* A process that may make no thread any more ticks for the last time itself. */
static void
end_rest(void)
{
	uint64_t guard = thread_tls.guard;

	if (!rest_take() || !ticker_thread_wait_end(STOP_NS) || ticker_wake())
		return;
	thread_tls.guard = GUARD_FOREVER;
	serve();
	thread_tls.guard = guard;
}

void
ticker_stop(void)
{
	uint64_t end = safe_clock_ns(CLOCK_MONOTONIC) + STOP_NS;
	uint64_t now;

	/* A child that was made without telling libc has no ticker, and one
	 * made by vfork would stop its parent's. */
	if (!ticker.started || !ticker_is_ours())
		return;
	if (!agent_config.keep &&
	    !__atomic_exchange_n(&ticker.begun, 1, __ATOMIC_ACQ_REL))
		return;
	stop(STOP_EXIT);
	while (!load(&ticker.done) &&
	       (now = safe_clock_ns(CLOCK_MONOTONIC)) < end) {
		if (rest_is_on())
			end_rest();
		/* Each round: the thread may only now have come to wait. */
		wake();
		futex_wait(&ticker.done, 0, 10000000);
	}
	/* It may get no CPU for long: nobody is to find the file for ever. */
	if (!load(&ticker.done) && load(&ticker.ready) && !agent_config.keep)
		segment_unlink(&ticker.segment);
}

void
ticker_ask(void)
{
	if (__atomic_exchange_n(&ticker.asked, 1, __ATOMIC_ACQ_REL))
		return;
	wake();
	if (rest_is_on())
		rest_end();
}

void
ticker_rest(void)
{
	stop(STOP_REST);
}

/* Who has no root's rights now has none to lose. */
void
ticker_hold(void)
{
	long held;

	if (ticker.held || !load(&ticker.ready) || !ticker_is_ours() ||
	    safe_syscall(SYS_geteuid, 0, 0, 0, 0, 0, 0) != 0)
		return;
	held = segment_hold(&ticker.segment);
	if (held <= 0)
		return;
	ticker.held = held;
	ticker_thread_keep(held);
}

static void
let_go(void)
{
	ticker_thread_keep(0);
	segment_release(&ticker.segment, ticker.held);
	ticker.held = 0;
}

bool
ticker_wake(void)
{
	__atomic_fetch_and(&ticker.stop, ~STOP_REST, __ATOMIC_SEQ_CST);
	if (!ticker_thread_again())
		return false;
	if (ticker.held && ticker_thread_is_apart(APART_NS))
		let_go();
	return true;
}

bool
ticker_is_ours(void)
{
	return safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == ticker.pid;
}

bool
ticker_is_due(void)
{
	return load(&ticker.ready) &&
	       safe_clock_ns(CLOCK_MONOTONIC) - ticker.status.mono_ns >
		   ticker.interval_ns;
}

bool
ticker_runs(void)
{
	/* It ends any moment. */
	while (load(&ticker.leaves) && !load(&ticker.done))
		if (!futex_wait(&ticker.done, 0, STOP_NS))
			break;
	return ticker.started && !load(&ticker.done);
}

void
ticker_forget(void)
{
	/* A child of fork that calls exec at once pays for each page. */
	size_t used = ticker.begun ? sizeof(ticker)
				   : offsetof(__typeof__(ticker), segment);

	if (ticker.held)
		let_go();
	ring_forget();
	names_forget();
	types_forget();
	changes_forget();
	memset(&ticker, 0, used);
}

/* Its descriptors went with it: the numbers are others' now. */
void
ticker_renew(void)
{
	ring_close();
	names_close();
	segment_unmap(&ticker.segment);
	ticker_forget();
	ticker_thread_keep(0);
}
