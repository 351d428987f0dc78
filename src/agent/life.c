/*
 * life.c - an agent that is switched on and off while the program runs.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/life.h"

#include <sys/syscall.h>
#include <time.h>

#include "agent/counts.h"
#include "agent/got.h"
#include "agent/live.h"
#include "agent/maps.h"
#include "agent/modules.h"
#include "agent/py/py.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/said.h"
#include "agent/sample.h"
#include "agent/ticker.h"
#include "agent/tracing.h"
#include "agent/unwind.h"

#define WAKE_STEPS 2000 /* of a millisecond */

static struct {
	bool asleep;
	bool stale;    /* was on before: what is known is old */
	bool joins;    /* Python's allocators are to be taken while it runs */
	uint32_t seen; /* the wish in the control page, when last looked at */
	bool wished;   /* from within: to be switched on */
} life;

bool
life_is_asleep(void)
{
	return __atomic_load_n(&life.asleep, __ATOMIC_ACQUIRE);
}

void
life_sleep(void)
{
	__atomic_store_n(&life.asleep, true, __ATOMIC_RELEASE);
	sample_stop(true);
}

static bool
refuse(void *context, uint32_t site, const struct counter *change,
       const struct spread *spread)
{
	(void)context;
	(void)site;
	(void)change;
	(void)spread;
	return true;
}

/* Nobody is inside a hook: they were taken away long ago. Sites stay, since
 * threads remember them; what they have counted counts as told. */
static void
forget(void)
{
	counts_collect(refuse, NULL);
	live_clear();
	maps_clear();
	tracing_end();
	said_forked();
	record_restart();
	py_code_forget();
	/* Modules have come and gone. */
	unwind_modules_changed();
	modules_changed();
}

bool
life_on(void)
{
	bool stale = life.stale;

	if (stale)
		forget();
	sample_begin_anew();
	life.stale = true;
	life.joins = true;
	got_point(true);
	py_join();
	__atomic_store_n(&life.asleep, false, __ATOMIC_RELEASE);
	sample_stop(false);
	return stale;
}

void
life_off(void)
{
	sample_stop(true);
	__atomic_store_n(&life.asleep, true, __ATOMIC_RELEASE);
	life.joins = false;
	py_leave();
	got_point(false);
}

void
life_begin(void)
{
	if (!life_is_asleep()) {
		/* One that was preloaded knows all from the beginning. */
		life.stale = true;
		return;
	}
	if (real_is_late)
		life_on();
	else
		got_point(false);
}

void
life_tend(bool forked)
{
	got_follow();
	if ((life.joins || py_is_late()) && !forked)
		py_join();
}

bool
life_is_wished(const struct wire_control *control)
{
	return __atomic_load_n(&life.wished, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&control->life_wanted, __ATOMIC_RELAXED) !=
		   life.seen;
}

void
life_wish_forget(void)
{
	life.seen = WIRE_LIFE_AS_IS;
}

enum wire_life
life_wish(const struct wire_control *control)
{
	uint32_t wanted =
	    __atomic_load_n(&control->life_wanted, __ATOMIC_RELAXED);
	bool on = __atomic_exchange_n(&life.wished, false, __ATOMIC_ACQ_REL);

	if (wanted != life.seen) {
		life.seen = wanted;
		if (wanted == WIRE_LIFE_DETACH && !life_is_asleep())
			return WIRE_LIFE_DETACH;
		on |= wanted == WIRE_LIFE_ON;
	}
	if (!on)
		return WIRE_LIFE_AS_IS;
	if (life_is_asleep())
		return WIRE_LIFE_ON;
	sample_stop(false); /* the program had paused it */
	return WIRE_LIFE_AS_IS;
}

void
life_wish_on(void)
{
	__atomic_store_n(&life.wished, true, __ATOMIC_RELEASE);
	ticker_ask();
}

bool
life_wake(void)
{
	const struct timespec step = {0, 1000000};

	for (int i = 0; i < WAKE_STEPS && life_is_asleep(); i++) {
		life_wish_on();
		safe_syscall(SYS_nanosleep, (long)&step, 0, 0, 0, 0, 0);
	}
	return !life_is_asleep();
}
