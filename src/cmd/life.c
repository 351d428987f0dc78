/* life.c - switches the agent of a process on and off. */
#include "config.h"

#include "cmd/life.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/child.h"
#include "source/source.h"

enum { WAIT_MS = 5000, STEP_MS = 20 };

static bool
is_so(struct source *source, bool on, bool *sleeps)
{
	const char *state = source_snapshot(source)->process.state;

	if (on)
		return strcmp(state, "running") == 0;
	*sleeps = strcmp(state, "dormant") == 0;
	return *sleeps || strcmp(state, "detached") == 0;
}

/* One that is switched on after a while has a new segment. */
static bool
look_again(uint32_t pid, bool on, bool *sleeps)
{
	struct err ignored;
	struct source *source = source_open_pid(pid, &ignored);
	bool so;

	/* What is detached leaves nothing behind. */
	if (!source)
		return !on;
	source_flush(source, STEP_MS);
	so = source_refresh(source, &ignored) >= 0 && is_so(source, on, sleeps);
	source_close(source);
	return so;
}

static bool
wait_until_so(uint32_t pid, bool on, bool *sleeps)
{
	const struct timespec step = {0, STEP_MS * 1000000};
	uint64_t start_ns = clock_ns();

	while (!look_again(pid, on, sleeps)) {
		if ((clock_ns() - start_ns) / 1000000 > WAIT_MS)
			return false;
		nanosleep(&step, NULL);
	}
	return true;
}

bool
life_switch(uint32_t pid, bool on, bool *sleeps, struct err *err)
{
	struct source *source = source_open_pid(pid, err);
	struct err why;
	bool asleep = false;
	bool asked;

	if (!source)
		return false;
	asked = source_ask_life(source, on, &why);
	source_close(source);
	if (!asked)
		return err_set(err, "cannot switch the agent of process %u: %s",
			       pid, why.text);
	if (!wait_until_so(pid, on, &asleep))
		return err_set(err,
			       "the agent of process %u does not answer; try "
			       "again when the process is not stopped",
			       pid);
	if (sleeps)
		*sleeps = asleep;
	return true;
}
