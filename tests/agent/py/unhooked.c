/*
 * unhooked.c - the parts of the agent that Python's room calls in hooks, for
 * programs which use that room and hook nothing.
 */
#include "config.h"

#include "agent/agent.h"
#include "agent/record_quick.h"
#include "agent/tls.h"

#define WEAK __attribute__((weak))

WEAK struct agent_config agent_config;
WEAK __thread struct thread_tls thread_tls;
WEAK uint32_t sample_rate = 1;
WEAK bool sample_was_exact;
WEAK uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 64];
WEAK struct live live;
WEAK bool tracing_on;

WEAK void
sample_rate_touch(void)
{
}

WEAK uint64_t
sample_interval(void)
{
	return 1;
}

WEAK void
record_skip(void)
{
}

WEAK bool
record_hit(struct thread *thread, uint64_t size)
{
	(void)thread;
	(void)size;
	return false;
}

WEAK struct thread *
record_begin_slow(void *frame)
{
	(void)frame;
	return NULL;
}

WEAK uint64_t
record_gone_slow(void *block)
{
	(void)block;
	return RECORD_UNKNOWN;
}

WEAK void
record_python(struct thread *thread, enum wire_domain domain, const void *frame,
	      void *block, uint64_t size)
{
	(void)thread;
	(void)domain;
	(void)frame;
	(void)block;
	(void)size;
}

WEAK uint32_t
capture_python_slow(struct thread *thread, enum wire_domain domain,
		    const void *frame, bool held)
{
	(void)thread;
	(void)domain;
	(void)frame;
	(void)held;
	return 0;
}

WEAK void
record_nowhere(void)
{
}

WEAK void
record_put_slowly(struct thread *thread, uint64_t address, struct block block)
{
	(void)thread;
	(void)address;
	(void)block;
}

WEAK void
record_reborn(void *frame, void *block)
{
	(void)frame;
	(void)block;
}

WEAK struct taken
record_take(struct thread *thread, void *block)
{
	(void)thread;
	(void)block;
	return (struct taken){0};
}

WEAK void
record_freed(struct thread *thread, struct taken taken)
{
	(void)thread;
	(void)taken;
}

WEAK void
record_put_back(struct thread *thread, void *block, struct taken taken)
{
	(void)thread;
	(void)block;
	(void)taken;
}

WEAK void
record_lost(enum wire_lost cause, uint64_t count)
{
	(void)cause;
	(void)count;
}
