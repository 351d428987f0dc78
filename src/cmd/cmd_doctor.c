/* cmd_doctor.c - `heaptop doctor`: one line for each thing that is needed. */
#include "config.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/subcommand.h"
#include "cmd/preload.h"
#include "source/source.h"

static bool
print_check(const char *name, bool good, const char *text)
{
	printf("%-10s %-4s %s\n", name, good ? "ok" : "bad", text);
	return good;
}

static bool
check_agent(void)
{
	struct err err;
	char *agent = preload_find(&err);
	bool good =
	    print_check("agent", agent != NULL, agent ? agent : err.text);

	free(agent);
	return good;
}

static bool
check_segments(void)
{
	struct err err;
	bool good = preload_directory(&err);

	return print_check("segments", good,
			   good ? segment_directory() : err.text);
}

static bool
check_terminal(void)
{
	const char *term = getenv("TERM");

	if (!isatty(STDOUT_FILENO))
		return print_check("terminal", true,
				   "not one; heaptop top -b works");
	return print_check("terminal", term && *term && strcmp(term, "dumb"),
			   term && *term ? term : "TERM is not set");
}

static bool
check_locale(void)
{
	const char *codeset = nl_langinfo(CODESET);
	bool good = strcmp(codeset, "UTF-8") == 0;

	print_check("locale", true,
		    good ? codeset : "not UTF-8; the viewer takes C.UTF-8");
	return true;
}

int
cmd_doctor(const struct options *options)
{
	bool good = check_agent();

	(void)options;
	good &= check_segments();
	good &= check_terminal();
	good &= check_locale();
	return good ? STATUS_DONE : STATUS_FAILED;
}
