/* cmd_attach.c - `heaptop attach PID`. */
#include "config.h"

#include "cmd/attach.h"
#include "cmd/subcommand.h"

int
cmd_attach(const struct options *options)
{
	struct attached attached;
	struct err err;
	uint32_t pid;

	if (!attach_pid(options->operands[0], &pid, &err))
		return failed_usage(options->command, &err);
	if (!attach_process(options, pid, &attached, &err))
		return failed(&err);
	attach_print(pid, &attached);
	return STATUS_DONE;
}
