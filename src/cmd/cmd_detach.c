/* cmd_detach.c - `heaptop detach PID`. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/life.h"
#include "cmd/subcommand.h"

static bool
is_anothers(uint32_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	return geteuid() && stat(path, &st) == 0 && st.st_uid != geteuid();
}

int
cmd_detach(const struct options *options)
{
	bool sleeps = false;
	struct err err;
	uint32_t pid;

	if (!attach_pid(options->operands[0], &pid, &err))
		return failed_usage(options->command, &err);
	if (is_anothers(pid)) {
		err_set(&err,
			"process %" PRIu32
			" belongs to another user; sudo heaptop detach "
			"%" PRIu32,
			pid, pid);
		return failed(&err);
	}
	if (attach_state(pid) == AGENT_NONE) {
		err_set(&err,
			"no agent records process %" PRIu32
			"; heaptop list shows where there is one",
			pid);
		return failed(&err);
	}
	if (!life_switch(pid, false, &sleeps, &err))
		return failed(&err);
	printf(sleeps ? "process %" PRIu32
			": nothing is recorded any more; the agent that was "
			"loaded at its start sleeps\n"
		      : "process %" PRIu32
			": the agent is off; its file stays mapped, and "
			"nothing of it runs\n",
	       pid);
	printf("heaptop attach %" PRIu32 " records again, from zero\n", pid);
	return STATUS_DONE;
}
