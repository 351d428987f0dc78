/*
 * no_memory.c - to be preloaded: the allocation number NO_MEMORY fails, counted
 * from 1, of malloc, calloc and realloc. Without the number, it counts them
 * and writes that to the descriptor NO_MEMORY_FD at the end.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned long count, nth;
static int ready;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *old, size_t size);

static int
fails(void)
{
	if (!ready) {
		const char *text = getenv("NO_MEMORY");

		ready = 1;
		nth = text ? strtoul(text, NULL, 10) : 0;
	}
	if (__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != nth)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t number, size_t size)
{
	return fails() ? NULL : __libc_calloc(number, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

static void __attribute__((destructor)) tell(void)
{
	const char *fd = getenv("NO_MEMORY_FD");

	if (fd && !nth)
		dprintf(atoi(fd), "%lu\n", count);
}
