/* remote.c - the agent by a script that the process's own Python runs. */
#include "config.h"

#include "inject/remote.h"

#include "inject/python.h"
#include "inject/script.h"
#include "inject/trace.h"

enum {
	LOOK_NS = 2000000,
	GRACE_NS = 100000000, /* for a script that was begun at the last moment
			       */
};

bool
remote_may(const struct target *target, const struct regions *regions)
{
	struct python python;

	return python_find(&python, regions, target->memory) != PYTHON_NONE;
}

/* Adds to why another way could not be taken. */
static bool
failed_too(struct err *err, const char *why)
{
	struct err first = *err;

	return err_set(err, "%s (and %s)", first.text, why);
}

/* Somebody else's request goes first. */
static bool
wait_for_turn(const struct python *python, uint64_t until_ns)
{
	while (python_waits(python) == 1 && trace_now_ns() < until_ns)
		trace_pause(LOOK_NS);
	return python_waits(python) == 0;
}

static enum call_end
wait_for_answer(const struct script *script, const struct python *python,
		pid_t pid, uint64_t until_ns, int *answer, struct err *err)
{
	enum call_end end;

	for (;;) {
		end = script_answer(script, pid, answer, err);
		if (end != CALL_AGAIN || trace_now_ns() > until_ns ||
		    python_waits(python) < 0)
			return end;
		trace_pause(LOOK_NS);
	}
}

/* Time is up: the request is taken back, if it still waits. */
static enum call_end
too_late(const struct script *script, const struct python *python, pid_t pid,
	 int *answer, struct err *err)
{
	int waits = python_waits(python);
	enum call_end end;

	if (waits < 0) {
		err_set(err, "process %d has ended meanwhile; see heaptop list",
			(int)pid);
		return CALL_FAILED;
	}
	python_forget(python);
	end = wait_for_answer(script, python, pid, trace_now_ns() + GRACE_NS,
			      answer, err);
	if (end != CALL_AGAIN)
		return end;
	if (waits)
		failed_too(err,
			   "its main thread ran no Python in time; the request "
			   "to load the agent was taken back; --timeout waits "
			   "longer");
	else
		err_set(err,
			"the Python of process %d took the request to load the "
			"agent, but has not done so in time, or an audit hook "
			"forbids it; try again with --timeout, or start it "
			"with heaptop run",
			(int)pid);
	return CALL_FAILED;
}

static bool
ask(const struct script *script, const struct python *python,
    const struct target *target, uint64_t until_ns, int *answer,
    struct err *err)
{
	enum call_end end;

	if (!wait_for_turn(python, until_ns))
		return failed_too(err, "a request of another debugger waits in "
				       "its Python");
	if (!python_ask(python, script->place.path))
		return failed_too(err, "its Python takes no script from us");
	end =
	    wait_for_answer(script, python, target->pid, until_ns, answer, err);
	if (end == CALL_AGAIN)
		end = too_late(script, python, target->pid, answer, err);
	else
		python_forget(python);
	return end == CALL_DONE;
}

bool
remote_call(const struct target *target, const struct regions *regions,
	    const struct call *call, uint64_t until_ns, int *answer,
	    struct err *err)
{
	struct python python;
	struct script script;
	bool good;

	switch (python_find(&python, regions, target->memory)) {
	case PYTHON_NONE:
		return false;
	case PYTHON_OFF:
		return failed_too(err, "its Python was told to run no scripts "
				       "of debuggers, PYTHON_DISABLE_REMOTE_"
				       "DEBUG");
	case PYTHON_ENDS:
		return failed_too(err, "its Python has no main thread now");
	case PYTHON_READY:
		break;
	}
	if (!script_make(&script, call, target->pid, target->uid, err))
		return false;
	good = ask(&script, &python, target, until_ns, answer, err);
	script_remove(&script);
	return good;
}
