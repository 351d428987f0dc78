/*
 * demo_program.c - the program that `heaptop demo` looks at: a small service
 * that forgets its sessions, with a cache that levels off and pages that come
 * and go, as they do beside every leak.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/demo.h"

enum {
	CACHE_SLOTS = 100,
	CACHE_BYTES = 16 << 10,
	SESSION_BYTES = 12 << 10,
	PAGE_BYTES = 200 << 10,
	REQUESTS_A_SECOND = 40,
	REQUESTS_MAX = 40000, /* half a gigabyte of sessions */
};

/* A line of its own in every stack. */
#define SEEN __attribute__((noinline)) static

struct session {
	struct session *next;
	char data[SESSION_BYTES];
};

static struct {
	struct session *sessions;
	char *cache[CACHE_SLOTS];
	unsigned random;
} service;

SEEN void
demo_session_open(void)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return;
	/* The leak: nothing ever takes it out of this list. */
	session->next = service.sessions;
	service.sessions = session;
}

SEEN char *
demo_cache_find(unsigned key)
{
	char **slot = &service.cache[key % CACHE_SLOTS];

	if (!*slot)
		*slot = calloc(1, CACHE_BYTES);
	return *slot;
}

SEEN void
demo_page_render(const char *template)
{
	char *page = malloc(PAGE_BYTES);

	if (!page)
		return;
	memset(page, template ? *template : 0, PAGE_BYTES);
	free(page);
}

SEEN void
demo_request_handle(void)
{
	demo_session_open();
	service.random = service.random * 1103515245 + 12345;
	demo_page_render(demo_cache_find(service.random >> 8));
}

void
demo_program(unsigned requests)
{
	const struct timespec pause = {0, 1000000000 / REQUESTS_A_SECOND};
	unsigned end = requests ? requests : REQUESTS_MAX;

	for (unsigned number = 0; number < end; number++) {
		demo_request_handle();
		/* One that is only reported about need not be waited for. */
		if (!requests)
			nanosleep(&pause, NULL);
	}
}
