/*
 * ticker.c - the agent's only thread, and the only writer of the segment.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/ticker.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/alone.h"
#include "agent/budget.h"
#include "agent/got.h"
#include "agent/life.h"
#include "agent/live.h"
#include "agent/names.h"
#include "agent/pools.h"
#include "agent/py/py.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/ring.h"
#include "agent/safe.h"
#include "agent/said.h"
#include "agent/sample.h"
#include "agent/segment.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "agent/types.h"

#define WATCHED_NS  UINT64_C(100000000)
#define IDLE_NS	    UINT64_C(1000000000)
#define CLOSEST_NS  UINT64_C(5000000)  /* between two ticks, whoever asks */
#define DELAY_NS    UINT64_C(10000000) /* before there is a segment */
#define STOP_NS	    UINT64_C(2000000000)
#define WATCH_LIMIT UINT64_C(60000000000)
#define FIRST_SLOTS 1024
#define FIRST_NAMES (128u << 10)
#define STACK_EXTRA (128u << 10)

static struct {
	bool started;
	bool forked;
	long pid;	 /* of the process that started the thread */
	uint32_t stop;	 /* futex: 1 the process is at its exit */
	uint32_t begun;	 /* 1: set by whoever is first, segment or exit */
	uint32_t ready;	 /* the segment exists; control->wake can be used */
	uint32_t asked;	 /* 1: the program wants a tick */
	uint32_t leaves; /* 1: it will end, though the process goes on */
	uint32_t done;	 /* futex: 1 the thread has ended */
	uint32_t named;	 /* sites 1..named have a tally */
	bool short_of_memory; /* in this tick: some changes are left out */
	uint32_t *dirty;
	uint64_t dirty_count;
	uint64_t dirty_room;
	/* Large, and in a process without a segment never touched. */
	struct segment segment;
	struct wire_status status;
} ticker;

static uint64_t
clock_now(long clock)
{
	struct timespec now = {0, 0};

	safe_syscall(SYS_clock_gettime, clock, (long)&now, 0, 0, 0, 0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

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

/* A site whose stack cannot be named is counted in the process totals only. */
static bool
name_site(uint32_t id)
{
	const struct site *site = sites_get(id);
	struct tally *tally;

	if (!tally_make(id))
		return false;
	tally = tally_get(id);
	tally->domain = (uint8_t)site->domain;
	tally->named = names_stacks(site->node) >= site->node;
	if (!tally->named)
		record_lost(WIRE_LOST_SEGMENT_FULL, 1);
	return true;
}

static bool
name_sites(uint32_t count)
{
	while (ticker.named < count) {
		if (!name_site(ticker.named + 1))
			return false;
		ticker.named++;
	}
	return true;
}

static bool
dirty_add(uint32_t site)
{
	uint64_t room = ticker.dirty_room ? ticker.dirty_room * 2 : 1024;
	uint32_t *fresh;

	if (ticker.dirty_count == ticker.dirty_room) {
		fresh = safe_map(room * sizeof(*fresh));
		if (!fresh)
			return false;
		if (ticker.dirty) {
			memcpy(fresh, ticker.dirty,
			       ticker.dirty_count * sizeof(*fresh));
			safe_unmap(ticker.dirty,
				   ticker.dirty_room * sizeof(*fresh));
		}
		ticker.dirty = fresh;
		ticker.dirty_room = room;
	}
	ticker.dirty[ticker.dirty_count++] = site;
	return true;
}

static bool
short_of_memory(void)
{
	ticker.short_of_memory = true;
	return false;
}

static void
add_spread(struct spread *sum, const struct spread *change)
{
	sum->alloc_bytes += change->alloc_bytes;
	sum->free_bytes += change->free_bytes;
	sum->alloc_count += change->alloc_count;
	sum->free_count += change->free_count;
}

static bool
add_change(void *context, uint32_t site, const struct counter *change,
	   const struct spread *spread)
{
	struct wire_totals *totals;
	struct tally *tally;

	(void)context;
	/* The site may be newer than this tick's first look. */
	if (site > ticker.named && !name_sites(sites_count()))
		return short_of_memory();
	tally = tally_get(site);
	if (spread && !tally_spread_make(site))
		return short_of_memory();
	if (!tally->dirty && !dirty_add(site))
		return short_of_memory();
	tally->dirty = true;
	if (spread)
		add_spread(tally_spread(site), spread);
	tally->sum.alloc_bytes += change->alloc_bytes;
	tally->sum.alloc_count += change->alloc_count;
	tally->sum.free_bytes += change->free_bytes;
	tally->sum.free_count += change->free_count;
	totals = &ticker.status.totals[tally->domain];
	totals->alloc_bytes += change->alloc_bytes;
	totals->alloc_count += change->alloc_count;
	totals->free_bytes += change->free_bytes;
	totals->free_count += change->free_count;
	return true;
}

/* Those for which there is no room stay dirty, and are tried again. */
static void
write_dirty(uint32_t tick)
{
	for (uint64_t i = 0; i < ticker.dirty_count; i++) {
		struct tally *tally = tally_get(ticker.dirty[i]);
		uint64_t bytes = tally->sum.alloc_bytes - tally->sum.free_bytes;

		if (bytes > tally->peak)
			tally->peak = bytes;
		tally->dirty =
		    tally->named && !ring_site(ticker.dirty[i], tick);
		if (tally->dirty)
			record_lost(WIRE_LOST_SEGMENT_FULL, 1);
	}
}

/* What was written is now part of a whole tick. */
static void
commit_dirty(void)
{
	uint64_t left = 0;

	for (uint64_t i = 0; i < ticker.dirty_count; i++) {
		struct tally *tally = tally_get(ticker.dirty[i]);

		tally->committed = tally->newest;
		if (tally->dirty)
			ticker.dirty[left++] = ticker.dirty[i];
	}
	ticker.dirty_count = left;
}

static void
fill_status(uint32_t state)
{
	struct wire_status *status = &ticker.status;
	struct rusage usage = {0};

	safe_syscall(SYS_getrusage, RUSAGE_SELF, (long)&usage, 0, 0, 0, 0);
	status->time_ns = clock_now(CLOCK_REALTIME);
	status->mono_ns = clock_now(CLOCK_MONOTONIC);
	status->state = state == WIRE_STATE_RUNNING && sample_is_stopped()
			    ? WIRE_STATE_DORMANT
			    : state;
	status->file_size = ticker.segment.size;
	status->sites = ticker.named;
	status->agent_cpu_ns = clock_now(CLOCK_THREAD_CPUTIME_ID);
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
	/* What is left out is told again in the next tick; but say so. */
	ticker.short_of_memory = !name_sites(sites_count());
	life_tend(ticker.forked);
	counts_collect(add_change, NULL);
	if (ticker.short_of_memory)
		record_lost(WIRE_LOST_NO_MEMORY, 1);
	said_publish(&ticker.status);
	ring_fit(ticker.named, ticker.dirty_count);
	write_dirty(number);
	if (ticker.dirty_count)
		ring_tick(number, clock_now(CLOCK_REALTIME));
	types_serve(&ticker.segment, &ticker.status, ticker.named,
		    &ticker.stop);
	fill_status(state);
	ticker.status.flush_done = flush;
	segment_publish(&ticker.segment, &ticker.status);
	commit_dirty();
	ring_settle();
	threads_tend();
	py_freelist_tend();
}

/* How long to wait for somebody to ask for a tick. Their clock is a wish. */
static uint64_t
interval(void)
{
	uint64_t until = __atomic_load_n(&ticker.segment.control->watch_until,
					 __ATOMIC_RELAXED);
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	if (got_is_urgent())
		return CLOSEST_NS;
	return until > now && until - now < WATCH_LIMIT ? WATCHED_NS : IDLE_NS;
}

/* Sleeps once, unless somebody asks for a tick, or wakes us for nothing. */
static void
wait_for_tick(void)
{
	struct wire_control *control = ticker.segment.control;
	uint64_t start = clock_now(CLOCK_MONOTONIC);

	for (;;) {
		uint32_t wake = load(&control->wake);
		bool asked =
		    load(&ticker.asked) || life_is_wished(control) ||
		    load(&control->flush_wanted) != ticker.status.flush_done;
		uint64_t wanted = asked ? CLOSEST_NS : interval();
		uint64_t spent = clock_now(CLOCK_MONOTONIC) - start;

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
	return true;
}

/* A new file in the place of the old one, from nothing, as after an exec. */
static bool
segment_again(void)
{
	segment_unlink(&ticker.segment);
	segment_close(&ticker.segment);
	ring_forget();
	names_forget();
	types_forget();
	budget_forked();
	memset(&ticker.status, 0, sizeof(ticker.status));
	ticker.named = 0;
	ticker.dirty_count = 0;
	return segment_begin();
}

/* False: this was the last tick. */
static bool
live_on(void)
{
	switch (life_wish(ticker.segment.control)) {
	case WIRE_LIFE_ON:
		return !life_on() || segment_again();
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

static uint32_t
run_ticks(void)
{
	while (!load(&ticker.stop)) {
		if (!live_on())
			return WIRE_STATE_DETACHED;
		tick(WIRE_STATE_RUNNING);
		wait_for_tick();
	}
	return WIRE_STATE_EXITED;
}

static void
run(void)
{
	uint32_t state;

	/* Many a process is a child that calls exec at once, or a command that
	 * is over in a moment: nobody could look at it, so it gets no file.
	 * One that says something is meant to be looked at. */
	if (!agent_config.keep && !real_is_late && !load(&ticker.asked))
		futex_wait(&ticker.stop, 0, DELAY_NS);
	if (__atomic_exchange_n(&ticker.begun, 1, __ATOMIC_ACQ_REL))
		return;
	if (ticker.forked)
		counts_restart();
	life_begin();
	if (!segment_begin()) {
		/* Nothing could be shown: cost nothing either. */
		life_off();
		agent_off();
		return;
	}
	__atomic_store_n(&ticker.ready, 1, __ATOMIC_RELEASE);
	state = run_ticks();
	tick(state);
	if (state == WIRE_STATE_DETACHED) {
		__atomic_store_n(&ticker.ready, 0, __ATOMIC_RELEASE);
		agent_off();
	}
	if (!agent_config.keep)
		segment_unlink(&ticker.segment);
}

static void *
thread_main(void *unused)
{
	thread_tls.guard = GUARD_FOREVER;
	safe_syscall(SYS_prctl, PR_SET_NAME, (long)"heaptop", 0, 0, 0, 0);
	/* A descriptor table of its own, empty: what is opened here can be
	 * neither seen, closed nor replaced by the program. Linux 5.9. */
	safe_syscall(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE, 0, 0, 0);
	run();
	__atomic_store_n(&ticker.done, 1, __ATOMIC_RELEASE);
	futex_wake(&ticker.done);
	/* libc, which does not count this thread, must not see it end. */
	if (alone_is_uncounted())
		safe_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
	return unused;
}

/* With every signal blocked: the program's handlers are for its own threads. */
static int
thread_create(pthread_attr_t *attributes)
{
	sigset_t all;
	sigset_t old;
	pthread_t id;
	int failed;

	alone_before_thread();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&id, attributes, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	alone_after_thread(!failed);
	return failed;
}

/* The C library takes thread-local storage out of the stack: a program that
 * has much of it needs a stack of the usual size. */
static bool
thread_start(void)
{
	size_t small = (size_t)sysconf(_SC_THREAD_STACK_MIN) + STACK_EXTRA;
	pthread_attr_t attributes;
	size_t usual;
	int failed;

	if (pthread_attr_init(&attributes))
		return false;
	pthread_attr_getstacksize(&attributes, &usual);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, small);
	failed = thread_create(&attributes);
	if (failed) {
		pthread_attr_setstacksize(&attributes, usual);
		failed = thread_create(&attributes);
	}
	pthread_attr_destroy(&attributes);
	return !failed;
}

void
ticker_start(bool forked)
{
	uint64_t guard = thread_tls.guard;

	ticker.forked = forked;
	ticker.pid = safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	thread_tls.guard = GUARD_FOREVER; /* its stack is not the program's */
	ticker.started = thread_start();
	thread_tls.guard = guard;
	if (!ticker.started)
		agent_off();
}

void
ticker_stop(void)
{
	uint64_t end = clock_now(CLOCK_MONOTONIC) + STOP_NS;
	uint64_t now;

	/* A child that was made without telling libc has no ticker, and one
	 * made by vfork would stop its parent's. */
	if (!ticker.started ||
	    safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) != ticker.pid)
		return;
	if (!agent_config.keep &&
	    !__atomic_exchange_n(&ticker.begun, 1, __ATOMIC_ACQ_REL))
		return;
	__atomic_store_n(&ticker.stop, 1, __ATOMIC_RELEASE);
	futex_wake(&ticker.stop);
	while (!load(&ticker.done) &&
	       (now = clock_now(CLOCK_MONOTONIC)) < end) {
		/* Each round: the thread may only now have come to wait. */
		if (load(&ticker.ready)) {
			__atomic_fetch_add(&ticker.segment.control->wake, 1,
					   __ATOMIC_RELEASE);
			futex_wake(&ticker.segment.control->wake);
		}
		futex_wait(&ticker.done, 0, 10000000);
	}
}

void
ticker_ask(void)
{
	uint32_t *word;

	if (__atomic_exchange_n(&ticker.asked, 1, __ATOMIC_ACQ_REL))
		return;
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

	ring_forget();
	names_forget();
	types_forget();
	memset(&ticker, 0, used);
}
