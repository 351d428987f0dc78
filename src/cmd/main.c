/* main.c - finds the command, parses its options and runs it. */
#include "config.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/subcommand.h"

/* A closed 0, 1 or 2 would be given to the first file that is opened. */
static void
descriptors_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* The numbers of a report are the same in every language. */
static void
locale_set(void)
{
	setlocale(LC_CTYPE, "");
}

/* Output that never arrived is a failure. A reader that has seen enough has
 * ended us before, quietly. */
static int
output_finish(int status)
{
	struct err err;

	if (!ferror(stdout) && fflush(stdout) == 0)
		return status;
	err_set(&err, "cannot write the output; is the disk full?");
	return failed(&err);
}

int
main(int argc, char **argv)
{
	const struct subcommand *command = NULL;
	struct options options;
	struct err err;

	descriptors_fill();
	mem_setup();
	locale_set();
	if (argc > 1 && *argv[1])
		command = subcommand_find(argv[1]);
	if (command) {
		argc--;
		argv++;
	} else {
		command = subcommand_find("");
	}
	if (!options_parse(&options, command, argc, argv, &err))
		return failed_usage(command, &err);
	if (options.help) {
		if (*command->name)
			help_command(command);
		else
			help_all();
		return output_finish(STATUS_DONE);
	}
	if (options.version) {
		help_version();
		return output_finish(STATUS_DONE);
	}
	text_units_set(options.units);
	/* A program under `run` keeps what it would have had. */
	if (command->run != cmd_run)
		signal(SIGPIPE, SIG_DFL);
	return output_finish(command->run(&options));
}
