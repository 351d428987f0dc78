/* cmd_env.c - `heaptop env`: the lines that load the agent. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/subcommand.h"
#include "cmd/preload.h"

/* In single quotes, where only a single quote means something. */
static void
print_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			printf("'\\''");
		else
			putchar(*text);
	putchar('\'');
}

int
cmd_env(const struct options *options)
{
	struct err err;
	char *agent = preload_find(&err);
	char *value;

	if (!agent)
		return failed(&err);
	value = preload_value(agent);
	printf("export LD_PRELOAD=");
	print_quoted(value);
	putchar('\n');
	if (options->dormant)
		printf("export HEAPTOP_MODE=dormant\n");
	free(value);
	free(agent);
	return STATUS_DONE;
}
