/*
 * holder.c - a program under test that holds blocks until it is told more.
 *
 * Each line of its input is "N SIZE": hold N more blocks of SIZE bytes, then
 * say "held". At the end of the input it exits with the status given, or kills
 * itself when that is negative.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile last;

static void __attribute__((noinline))
hold(unsigned long count, unsigned long size)
{
	while (count--)
		last = malloc(size); /* held on purpose */
}

int
main(int argc, char **argv)
{
	int status = argc > 1 ? atoi(argv[1]) : 0;
	unsigned long count, size;
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%lu %lu", &count, &size) == 2)
			hold(count, size);
		puts("held");
		fflush(stdout);
	}
	if (status < 0)
		kill(getpid(), -status);
	return status;
}
