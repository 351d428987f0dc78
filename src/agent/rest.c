/*
 * rest.c - the ticker is no thread for a while.
 *
 * Who changes the state from NONE or ON owns it until it is one of these again.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/rest.h"

#include <sys/syscall.h>

#include "agent/arch/arch.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/ticker.h"
#include "agent/ticker_thread.h"

/* For a last tick, on a machine that has much to do. */
#define END_NS UINT64_C(500000000)
#define TURNS  100000
/* After the last fork: some hundred milliseconds, whatever the clock, so that on
 * a busy machine too Python has counted. */
#define LONG_ENOUGH (INT64_C(1) << 29)

uint32_t rest_state;

static struct {
	uint32_t held;	/* by so many: it does not end */
	uint64_t since; /* in cycles */
} rest;

static bool
change(uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&rest_state, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void
set(uint32_t state)
{
	__atomic_store_n(&rest_state, state, __ATOMIC_SEQ_CST);
}

static void
begin(void)
{
	bool can = ticker_thread_can_again(END_NS);

	if (can) {
		ticker_rest();
		ticker_thread_wait_end(END_NS);
	}
	set(can ? REST_ON : REST_NONE);
	/* Afterwards: who looks up sees that it is on. */
	if (can)
		sample_rate_touch();
}

/* It may be on its way out still, when nobody could wait that long. */
static bool
end(void)
{
	bool done = ticker_thread_wait_end(0) && ticker_wake();

	set(done ? REST_NONE : REST_ON);
	return done;
}

void
rest_begin(void)
{
	__atomic_fetch_add(&rest.held, 1, __ATOMIC_SEQ_CST);
	if (!ticker_is_ours())
		return;
	if (ticker_is_due() && change(REST_ON, REST_ENDS))
		end();
	for (int i = 0; i < TURNS; i++) {
		uint32_t state = __atomic_load_n(&rest_state, __ATOMIC_SEQ_CST);

		if (state == REST_ON || !ticker_runs())
			return;
		if (state == REST_NONE && change(REST_NONE, REST_BEGINS)) {
			begin();
			return;
		}
		safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
}

void
rest_release(void)
{
	rest.since = arch_cycles();
	__atomic_fetch_sub(&rest.held, 1, __ATOMIC_SEQ_CST);
}

void
rest_end(void)
{
	uint64_t now = arch_cycles();

	if (__atomic_load_n(&rest.held, __ATOMIC_SEQ_CST) ||
	    (int64_t)(now - rest.since) < LONG_ENOUGH || !ticker_is_ours())
		return;
	/* However this ends, not again at once. */
	rest.since = now;
	if (change(REST_ON, REST_ENDS))
		end();
}

bool
rest_take(void)
{
	return change(REST_ON, REST_ENDS);
}

void
rest_forked(void)
{
	rest.held = 0;
	rest_state = REST_NONE;
}
