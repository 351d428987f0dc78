/*
 * cmd_demo.c - `heaptop demo`: a program that leaks, in the viewer.
 *
 * It is this very program that leaks, so it works wherever heaptop does. Where
 * there is no terminal it runs for a moment and a report of it is printed.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/demo.h"
#include "cmd/subcommand.h"
#include "cmd/view.h"

#define PROGRAM	 "program" /* the operand that makes us the program */
#define REQUESTS "400"

/* Runs a command of ours on words that end with NULL. */
static int
command_run(const char *const *words)
{
	const struct subcommand *command = subcommand_find(words[0]);
	struct options options;
	struct err err;
	int count = 0;

	while (words[count])
		count++;
	if (!options_parse(&options, command, count, (char **)words, &err))
		return failed_usage(command, &err);
	return command->run(&options);
}

static int
show_text(const char *self)
{
	char file[] = "/tmp/heaptop-demo-XXXXXX";
	const char *const run[] = {"run",    "--headless", "--save", file,
				   "--",     self,	   "demo",   PROGRAM,
				   REQUESTS, NULL};
	const char *const report[] = {"report",	   "--top", "3", "--group-by",
				      "traceback", file,    NULL};
	int fd = mkstemp(file);
	int status;
	struct err err;

	if (fd < 0) {
		err_errno(&err, "cannot make the file '%s'", file);
		return failed(&err);
	}
	close(fd);
	printf("A service has answered " REQUESTS " requests. These hold its "
	       "memory:\n\n");
	fflush(stdout);
	status = command_run(run);
	if (!status)
		status = command_run(report);
	if (!status)
		puts("\ndemo_session_open keeps what it allocates: that is the "
		     "leak. On a terminal\nheaptop demo shows it live.");
	unlink(file);
	return status;
}

int
cmd_demo(const struct options *options)
{
	char self[4096] = "";
	const char *const run[] = {"run", "--", self, "demo", PROGRAM, NULL};

	if (options->operand_count && !strcmp(options->operands[0], PROGRAM)) {
		demo_program(options->operand_count > 1
				 ? (unsigned)atoi(options->operands[1])
				 : 0);
		return STATUS_DONE;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		strcpy(self, "heaptop");
	return view_can_open(options) ? command_run(run) : show_text(self);
}
