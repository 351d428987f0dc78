/*
 * only.c - one process is looked at, and not those that it starts.
 *
 * Context: setup.
 */
#include "config.h"

#include "agent/only.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/safe.h"

#define LIST "LD_PRELOAD="

static long
named(void)
{
	const char *text = getenv("HEAPTOP_ONLY");
	long pid = text ? strtol(text, NULL, 10) : 0;

	return pid > 0 ? pid : 0;
}

bool
only_is_set(void)
{
	return named() != 0;
}

bool
only_excludes(void)
{
	return named() && named() != safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* The entries but ours, closed up. Returns whether there are any. */
static bool
drop(char *list, const char *ours)
{
	char *to = list;

	for (const char *at = list; *at;) {
		size_t length = strcspn(at, ": ");
		size_t whole = length + (at[length] != '\0');

		if (strlen(ours) != length || memcmp(at, ours, length)) {
			memmove(to, at, whole);
			to += whole;
		}
		at += whole;
	}
	if (to > list && (to[-1] == ':' || to[-1] == ' '))
		to--;
	*to = '\0';
	return to > list;
}

void
only_leave(void)
{
	Dl_info self;
	char **to = environ;

	if (!environ || !dladdr((void *)only_leave, &self) || !self.dli_fname)
		return;
	for (char **at = environ; *at; at++)
		if (strncmp(*at, LIST, strlen(LIST)) ||
		    drop(*at + strlen(LIST), self.dli_fname))
			*to++ = *at;
	*to = NULL;
}
