/*
 * leaks.c - one leak, one cache that fills and levels off, and churn; for
 * screens that tell them apart. Runs until its standard input ends.
 */
#include <poll.h>
#include <stdlib.h>

enum { CACHE_ENTRIES = 200, SESSIONS = 20 };

static void *volatile leaked;
static void *volatile cache[CACHE_ENTRIES];
static void *volatile sessions[SESSIONS];

static void __attribute__((noinline))
leak(void)
{
	void **block = malloc(3000);

	if (block)
		*block = leaked;
	leaked = block;
}

static void __attribute__((noinline))
remember(unsigned step)
{
	unsigned key = step * 7 % CACHE_ENTRIES;

	if (!cache[key])
		cache[key] = malloc(40000);
}

static void __attribute__((noinline))
churn(unsigned step)
{
	free(sessions[step % SESSIONS]);
	sessions[step % SESSIONS] = malloc(5000 + step * 7919 % 90000);
}

int
main(void)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};

	for (unsigned step = 0; poll(&input, 1, 20) == 0; step++) {
		leak();
		remember(step);
		churn(step);
	}
	return 0;
}
