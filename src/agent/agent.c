/*
 * agent.c - the agent's life.
 *
 * Recording begins with the first call of a hook, which a constructor of some
 * other library may make; the loader runs agent_begin later, but before main.
 * The environment is the only way to tell the agent anything
 * before it starts:
 *
 *	HEAPTOP_DIR	  where segments go, instead of /dev/shm/heaptop-<uid>
 *	HEAPTOP_MODE	  exact, sample, or sample:BYTES; dormant, or one of
 *			  these behind dormant: until it is switched on, nothing
 *	HEAPTOP_BUDGET	  what it may cost of the process's CPU time: 2%, or
 *			  20000 parts of a million; then it begins sampled
 *	HEAPTOP_UNWINDER  rules, libunwind or check
 *	HEAPTOP_NATIVE	  none, leaf or full: which native frames, where Python
 *			  runs
 *	HEAPTOP_FREELISTS 1: objects born out of CPython's free lists move their
 *			  block to the stack that runs then
 *	HEAPTOP_RUN	  16 hexadecimal digits, the same for one `heaptop run`
 *	HEAPTOP_KEEP	  the number of a process whose segment outlives its
 *			  clean exit; 1: those of all processes
 *	HEAPTOP_ONLY	  the number of the process that is looked at, and none
 *			  that it starts
 *
 * Context: setup.
 */
#include "config.h"

#include "agent/agent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "agent/api.h"
#include "agent/budget.h"
#include "agent/got.h"
#include "agent/life.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/modules.h"
#include "agent/nodes.h"
#include "agent/only.h"
#include "agent/py/py.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/rest.h"
#include "agent/safe.h"
#include "agent/said.h"
#include "agent/sample.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "agent/ticker.h"
#include "agent/ticker_thread.h"
#include "agent/unwind.h"
#include "heaptop/wire.h"

#define END_NS 100000000 /* of a thread that has nothing to do any more */

bool agent_on;
struct agent_config agent_config = {.native = WIRE_NATIVE_LEAF};

static const char *
copy(const char *text)
{
	size_t size = strlen(text) + 1;
	char *to = safe_alloc(size);

	return to ? memcpy(to, text, size) : NULL;
}

static bool
is_same(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

/* What the agent was told when it was attached, in place of the environment:
 * NAME=value, one behind the other, the last one empty. */
static const char *told;

static const char *
setting(const char *name)
{
	size_t length = strlen(name);

	if (!told)
		return getenv(name);
	for (const char *at = told; *at; at += strlen(at) + 1)
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return at + length + 1;
	return NULL;
}

static void
read_config(void)
{
	const char *directory = setting("HEAPTOP_DIR");
	const char *unwinder = setting("HEAPTOP_UNWINDER");
	const char *native = setting("HEAPTOP_NATIVE");
	const char *freelists = setting("HEAPTOP_FREELISTS");
	const char *run = setting("HEAPTOP_RUN");
	const char *keep = setting("HEAPTOP_KEEP");

	/* The program may change its environment: keep a copy. */
	if (directory && directory[0] == '/' &&
	    !is_same(agent_config.directory, directory))
		agent_config.directory = copy(directory);
	if (run)
		agent_config.run_id = strtoull(run, NULL, 16);
	agent_config.keep_all = keep && strcmp(keep, "1") == 0;
	agent_config.keep =
	    agent_config.keep_all ||
	    (keep && strtol(keep, NULL, 10) ==
			 safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0));
	agent_config.only = !told && only_is_set();
	py_freelist_wanted = freelists && strcmp(freelists, "1") == 0;
	agent_config.unwinder = WIRE_UNWINDER_RULES;
	if (unwinder && strcmp(unwinder, "libunwind") == 0)
		agent_config.unwinder = WIRE_UNWINDER_LIBUNWIND;
	if (unwinder && strcmp(unwinder, "check") == 0)
		agent_config.unwinder = WIRE_UNWINDER_CHECK;
	if (native && strcmp(native, "none") == 0)
		agent_config.native = WIRE_NATIVE_NONE;
	if (native && strcmp(native, "full") == 0)
		agent_config.native = WIRE_NATIVE_FULL;
}

/* "2%", "0.5%", or parts of a million. 0: none. */
static uint32_t
read_share(const char *text)
{
	char *end;
	uint64_t whole = strtoull(text, &end, 10);
	uint64_t scale = 10000;
	uint64_t ppm;

	if (end == text || whole > 1000000)
		return 0;
	ppm = whole * scale;
	for (const char *at = *end == '.' ? end + 1 : end;
	     *at >= '0' && *at <= '9'; at++)
		ppm += (uint64_t)(*at - '0') * (scale /= 10);
	ppm = strchr(end, '%') ? ppm : whole;
	return ppm <= 1000000 ? (uint32_t)ppm : 0;
}

/* Before the first block. */
static void
read_rate(void)
{
	const char *mode = setting("HEAPTOP_MODE");
	const char *share = setting("HEAPTOP_BUDGET");
	uint32_t ppm = share ? read_share(share) : 0;
	bool asleep = false;

	agent_config.sample_bytes = 1;
	if (ppm)
		agent_config.sample_bytes = SAMPLE_DEFAULT;
	if (real_is_late || (mode && strncmp(mode, "dormant", 7) == 0))
		asleep = true;
	if (mode && strncmp(mode, "dormant:", 8) == 0)
		mode += 8;
	if (mode && strcmp(mode, "exact") == 0)
		agent_config.sample_bytes = 1;
	if (mode && strcmp(mode, "sample") == 0)
		agent_config.sample_bytes = SAMPLE_DEFAULT;
	if (mode && strncmp(mode, "sample:", 7) == 0)
		agent_config.sample_bytes = strtoull(mode + 7, NULL, 10);
	budget_set(ppm);
	sample_rate_set(agent_config.sample_bytes);
	if (asleep)
		life_sleep();
}

/* Forks of which libc tells us that are under way. */
static uint32_t forks;

static void
hold(void)
{
	__atomic_fetch_add(&forks, 1, __ATOMIC_SEQ_CST);
	if (agent_config.rests)
		rest_begin();
	threads_hold();
	got_hold();
}

static void
release(void)
{
	got_release();
	threads_release();
	if (agent_config.rests)
		rest_release();
	__atomic_fetch_sub(&forks, 1, __ATOMIC_SEQ_CST);
}

/* again: the ticker begins with what is left of the parent's. */
static void
follow(bool again)
{
	uint64_t guard = thread_tls.guard;

	thread_tls.guard = GUARD_FOREVER;
	nodes_forked();
	sites_forked();
	modules_forked();
	live_forked();
	record_forked();
	said_forked();
	budget_forked();
	maps_forked();
	py_forked();
	got_forked();
	unwind_forked();
	threads_forked();
	rest_forked();
	agent_config.keep = agent_config.keep_all;
	ticker_forget();
	if (agent_config.only)
		agent_off();
	else
		ticker_start(true, again);
	thread_tls.guard = guard;
}

/* In the child, before fork returns there. */
static void
forked(void)
{
	forks = 0;
	if (agent_on)
		follow(false);
}

bool
agent_child(void)
{
	/* Soon libc tells us. */
	if (forks)
		return false;
	follow(true);
	return agent_on;
}

void
agent_early(void)
{
	static bool begun;
	uint64_t guard = thread_tls.guard;

	/* A privileged program is not to be looked into. */
	if (__atomic_exchange_n(&begun, true, __ATOMIC_ACQ_REL) ||
	    getauxval(AT_SECURE) || only_excludes())
		return;
	thread_tls.guard = GUARD_FOREVER;
	read_rate();
	modules_init();
	unwind_init(WIRE_UNWINDER_RULES);
	live_init();
	sample_setup();
	agent_on = true;
	thread_tls.guard = guard;
}

/* All that needs more than hooks. again: the ticker's thread was there before,
 * and has ended. */
static void
begin(bool again)
{
	static bool followed;

	read_config();
	if (agent_config.unwinder != WIRE_UNWINDER_RULES &&
	    !unwind_init((int)agent_config.unwinder))
		agent_config.unwinder = WIRE_UNWINDER_RULES;
	if (real_is_behind)
		record_lost(WIRE_LOST_NOT_FIRST, 1);
	if (!followed)
		pthread_atfork(hold, release, forked);
	followed = true;
	if (life_is_asleep())
		py_look();
	else
		py_setup();
	agent_config.rests = py_counts_threads();
	ticker_start(false, again);
}

static void __attribute__((constructor(101))) agent_begin(void)
{
	uint64_t guard = thread_tls.guard;

	if (!real_ready)
		hooks_ready();
	if (real_is_late)
		return;
	agent_early();
	if (only_excludes())
		only_leave();
	if (!agent_on)
		return;
	thread_tls.guard = GUARD_FOREVER;
	begin(false);
	thread_tls.guard = guard;
}

/* By a thread of the program which runs this in between. */
static bool
attach(void)
{
	bool again = agent_config.sample_bytes != 0;

	if (!again)
		agent_early();
	else
		read_rate();
	if (getauxval(AT_SECURE))
		return false;
	agent_on = true;
	if (again)
		ticker_renew();
	begin(again && ticker_thread_can_again(0) &&
	      ticker_thread_wait_end(END_NS));
	return agent_on;
}

int
heaptop_agent_attach(const char *settings)
{
	uint64_t guard = thread_tls.guard;
	bool done;

	if (!real_is_late) {
		if (!agent_on || !life_is_asleep())
			return agent_on ? 1 : -1;
		life_wish_on();
		return 0;
	}
	if (ticker_runs())
		return 1;
	thread_tls.guard = GUARD_FOREVER;
	told = settings;
	done = attach();
	told = NULL;
	thread_tls.guard = guard;
	return done ? 0 : -1;
}

void
agent_off(void)
{
	agent_on = false;
	sample_rate_touch();
}

static bool sealed;

void
agent_seal(void)
{
	sealed = true;
	if (agent_on)
		ticker_ask();
}

void
agent_exit(void)
{
	if (sealed)
		return;
	if (agent_on)
		ticker_stop();
}

static void __attribute__((destructor)) agent_end(void)
{
	agent_exit();
}
