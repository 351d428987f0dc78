/* fail.c - the one line that says what went wrong. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/subcommand.h"

static void
print_line(const char *text, const char *hint, const char *name)
{
	char line[1024];

	/* Names in it come from files and processes. */
	text_clean(line, sizeof(line), text, strlen(text));
	/* One write: other processes may write to the same terminal. */
	fprintf(stderr, *hint ? "heaptop: %s%s%s%s\n" : "heaptop: %s\n", line,
		hint, *name ? " " : "", name);
}

int
failed(const struct err *err)
{
	fflush(stdout);
	print_line(err->text, "", "");
	return STATUS_FAILED;
}

int
failed_usage(const struct subcommand *command, const struct err *err)
{
	fflush(stdout);
	print_line(err->text, "; see heaptop help",
		   command ? command->name : "");
	return STATUS_USAGE;
}

void
warn(const struct err *err)
{
	failed(err);
}
