/*
 * reopen.c - opens one module, closes it, and opens another, which comes to lie
 * at its place, with other frames under the same addresses. Each calls back to
 * what allocates.
 *
 * usage: reopen FIRST SECOND   prints "same" or "elsewhere", then waits
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline, noclone))

typedef void through(void (*)(void *), void *);

static void *kept[2][50];

static NOINLINE void
allocate(void *arg)
{
	*(void **)arg = malloc(1000);
	__asm__ volatile("");
}

static NOINLINE void *
call_module(const char *path, void **blocks)
{
	void *handle = dlopen(path, RTLD_NOW);
	through *call = NULL;

	if (handle)
		*(void **)&call = dlsym(handle, "through");
	if (!call)
		exit(1);
	for (unsigned i = 0; i < 50; i++)
		call(allocate, &blocks[i]);
	dlclose(handle);
	return (void *)call;
}

int
main(int argc, char **argv)
{
	const void *first, *second;

	if (argc < 3)
		return 1;
	for (unsigned i = 0; i < 3; i++) {
		first = call_module(argv[1], kept[0]);
		second = call_module(argv[2], kept[1]);
	}
	puts(first == second ? "same" : "elsewhere");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
