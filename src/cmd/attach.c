/* attach.c - an agent for a process that runs, whichever way it takes. */
#include "config.h"

#include "cmd/attach.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/life.h"
#include "cmd/preload.h"
#include "heaptop/wire.h"
#include "inject/inject.h"
#include "source/source.h"

enum { TIMEOUT_MS = 5000, STEP_MS = 5, BEGIN_MS = 10000, TRIES_MAX = 100 };
enum { ANSWER_ON = 1 }; /* of heaptop_agent_attach */

bool
attach_pid(const char *operand, uint32_t *pid, struct err *err)
{
	char *end;
	unsigned long number = strtoul(operand, &end, 10);

	if (*operand < '0' || *operand > '9' || *end || number > INT_MAX)
		return err_set(err,
			       "'%.100s' is not the number of a process; ps -e "
			       "shows them",
			       operand);
	*pid = (uint32_t)number;
	return true;
}

enum agent_state
attach_state(uint32_t pid)
{
	struct err ignored;
	struct source *source = source_open_pid(pid, &ignored);
	enum agent_state state = AGENT_NONE;
	const char *word;

	if (!source)
		return AGENT_NONE;
	if (source_refresh(source, &ignored) >= 0 && source_is_live(source)) {
		word = source_snapshot(source)->process.state;
		if (strcmp(word, "dormant") == 0)
			state = AGENT_ASLEEP;
		else if (strcmp(word, "detached") != 0)
			state = AGENT_ON;
	}
	source_close(source);
	return state;
}

/* NAME=value, one behind the other. */
struct block {
	char *text;
	size_t size;
};

static void
tell_block(void *context, const char *name, const char *value)
{
	struct block *block = context;
	size_t size;

	if (!value)
		return;
	size = strlen(name) + strlen(value) + 2;
	block->text = mem_grow(block->text, block->size + size, 1);
	snprintf(block->text + block->size, size, "%s=%s", name, value);
	block->size += size;
}

/* Our directory of segments, if it is the same one to the process and it may
 * use it; else each takes the default. */
static void
tell_directory(struct block *block, uint32_t pid)
{
	const char *given = getenv("HEAPTOP_DIR");
	char *path = given && *given ? realpath(given, NULL) : NULL;
	char *theirs =
	    mem_format("/proc/%" PRIu32 "/root%s", pid, path ? path : "");
	char *process = mem_format("/proc/%" PRIu32, pid);
	struct stat ours, found, owner;

	if (path && stat(path, &ours) == 0 && stat(theirs, &found) == 0 &&
	    stat(process, &owner) == 0 && ours.st_dev == found.st_dev &&
	    ours.st_ino == found.st_ino && owner.st_uid == ours.st_uid)
		tell_block(block, "HEAPTOP_DIR", path);
	free(process);
	free(theirs);
	free(path);
}

/* An agent that is just being detached calls itself on, for a moment. */
static bool
inject_until_new(const struct inject_request *request,
		 struct inject_result *result, struct attached *attached,
		 struct err *err)
{
	const struct timespec step = {0, STEP_MS * 1000000};
	uint32_t pid = (uint32_t)request->pid;

	for (int tries = 0; inject(request, result, err); tries++) {
		attached->stood_ns += result->stood_ns;
		attached->by_script = result->way == INJECT_REMOTE;
		if (result->answer != ANSWER_ON || tries == TRIES_MAX ||
		    attach_state(pid) == AGENT_ON)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

static bool
attach_inject(const struct options *options, uint32_t pid,
	      struct attached *attached, struct err *err)
{
	struct inject_result result;
	struct block block = {0};
	struct inject_request request = {
	    .pid = (pid_t)pid,
	    .symbol = WIRE_ATTACH_SYMBOL,
	    .timeout_ms = options->timeout_s > 0
			      ? (unsigned)(options->timeout_s * 1000)
			      : TIMEOUT_MS,
	};
	char *agent;
	bool good;

	if (!inject_may((pid_t)pid, NULL, err))
		return false;
	agent = preload_find(err);
	if (!agent)
		return false;
	preload_tell(options, preload_run_id(), tell_block, &block);
	tell_directory(&block, pid);
	/* The last one is empty. */
	block.text = mem_grow(block.text, block.size + 1, 1);
	block.text[block.size++] = '\0';
	request.agent = agent;
	request.settings = block.text;
	request.settings_size = block.size;
	good = inject_until_new(&request, &result, attached, err);
	if (good && result.answer < 0)
		good = err_set(err,
			       "the agent cannot work in process %" PRIu32
			       "; start it with heaptop run",
			       pid);
	free(block.text);
	free(agent);
	return good;
}

static bool
wait_until_on(uint32_t pid, struct err *err)
{
	const struct timespec step = {0, STEP_MS * 1000000};
	uint64_t start_ns = clock_ns();

	while (attach_state(pid) != AGENT_ON) {
		if ((clock_ns() - start_ns) / 1000000 > BEGIN_MS)
			return err_set(
			    err,
			    "the agent is in process %" PRIu32
			    ", but does not answer; is the process stopped, or "
			    "has its /dev/shm no room? see heaptop doctor",
			    pid);
		nanosleep(&step, NULL);
	}
	return true;
}

/* What else was asked for, of an agent that has settings already. */
static bool
ask_rate(const struct options *options, uint32_t pid, struct err *err)
{
	struct rate rate = {
	    .sample_bytes = options->budget_ppm ? 0 : options->sample_bytes,
	    .budget_ppm = options->budget_ppm,
	};
	struct source *source;
	bool good;

	if (!options->has_sample && !options->budget_ppm)
		return true;
	source = source_open_pid(pid, err);
	if (!source)
		return false;
	good = source_ask_rate(source, &rate, err);
	source_close(source);
	return good;
}

bool
attach_process(const struct options *options, uint32_t pid,
	       struct attached *attached, struct err *err)
{
	*attached = (struct attached){.before = attach_state(pid)};
	if (attached->before == AGENT_ON)
		return ask_rate(options, pid, err);
	if (attached->before == AGENT_ASLEEP)
		return life_switch(pid, true, NULL, err) &&
		       ask_rate(options, pid, err);
	return attach_inject(options, pid, attached, err) &&
	       wait_until_on(pid, err);
}

void
attach_print(uint32_t pid, const struct attached *attached)
{
	if (attached->before == AGENT_ON)
		printf("process %" PRIu32 ": the agent records already\n", pid);
	else if (attached->before == AGENT_ASLEEP)
		printf("process %" PRIu32
		       ": the agent that slept in it records from now on\n",
		       pid);
	else if (attached->by_script)
		printf("process %" PRIu32
		       ": the agent records from now on; Python loaded it, by "
		       "a remote script, and nothing stood still\n",
		       pid);
	else
		printf("process %" PRIu32
		       ": the agent records from now on; one thread stood "
		       "still for %.1f ms, by ptrace\n",
		       pid, (double)attached->stood_ns / 1e6);
	printf("heaptop %" PRIu32 " shows it; heaptop detach %" PRIu32
	       " undoes it\n",
	       pid, pid);
}
