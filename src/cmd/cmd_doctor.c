/* cmd_doctor.c - `heaptop doctor`: one line for each thing that is needed. */
#include "config.h"

#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cmd/subcommand.h"
#include "cmd/preload.h"
#include "inject/inject.h"
#include "source/source.h"
#include "symbol/symbol.h"
#include "viewer/settings.h"

#define SPACE_LOW (UINT64_C(32) << 20)

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

/* A full disk of segments costs totals. */
static bool
check_space(void)
{
	struct statvfs disk;
	char text[128];
	char size[TEXT_SIZE_MAX];
	uint64_t free_bytes;

	if (statvfs(segment_directory(), &disk) && statvfs("/dev/shm", &disk))
		return print_check("space", false, strerror(errno));
	free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	snprintf(text, sizeof(text), "%s free for segments%s",
		 text_size(size, free_bytes),
		 free_bytes < SPACE_LOW
		     ? "; a program of many sites needs more: docker's "
		       "--shm-size, or HEAPTOP_DIR"
		     : "");
	return print_check("space", free_bytes >= SPACE_LOW, text);
}

/* Of no use to `run`, so never bad. */
static bool
check_ptrace(void)
{
	struct err text;

	inject_allowed(NULL, &text);
	return print_check("ptrace", true, text.text);
}

static bool
check_symbols(void)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "elfutils %s reads function names and lines",
		 symbols_version());
	return print_check("libdw", true, text);
}

/* Without them system libraries have functions, but no lines. */
static bool
check_debug_files(void)
{
	bool there = access("/usr/lib/debug/.build-id", X_OK) == 0;
	const char *urls = getenv("DEBUGINFOD_URLS");
	const char *asked = getenv("HEAPTOP_DEBUGINFOD");
	char text[160];

	snprintf(text, sizeof(text), "%s; %s",
		 there ? "some in /usr/lib/debug"
		       : "none in /usr/lib/debug, install -dbg packages for "
			 "lines of libraries",
		 asked && urls && *urls
		     ? "fetched where they are missing"
		     : "not fetched without HEAPTOP_DEBUGINFOD");
	return print_check("debug", true, text);
}

static bool
check_config(void)
{
	char *path = settings_path("config");
	struct viewer_options ignored = {0};
	char notice[256] = "";
	bool good;

	if (path && access(path, F_OK) == 0)
		settings_read(&ignored, path, notice, sizeof(notice));
	else if (path)
		snprintf(notice, sizeof(notice), "none, all is as it comes");
	good = path && access(path, F_OK) == 0 && *notice;
	print_check("config", !good,
		    *notice ? notice
		    : path  ? path
			    : "no HOME");
	free(path);
	return !good;
}

int
cmd_doctor(const struct options *options)
{
	static bool (*const checks[])(void) = {
	    check_agent,    check_segments,    check_space,
	    check_terminal, check_locale,      check_ptrace,
	    check_symbols,  check_debug_files, check_config,
	};
	bool good = true;

	(void)options;
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		good &= checks[i]();
	return good ? STATUS_DONE : STATUS_FAILED;
}
