/* mem.c - memory for the viewer side. */
#include "config.h"

#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPPED (256 << 10)
#define LARGE  ((size_t)4 << 20)

static void __attribute__((noreturn)) out_of_memory(void)
{
	fputs("heaptop: out of memory; close other programs or look at a "
	      "smaller process\n",
	      stderr);
	exit(1);
}

static bool setup;

/* Left alone, libc puts ever larger blocks on its heap, where the holes that
 * arrays leave as they grow stay. */
void
mem_setup(void)
{
	setup = mallopt(M_MMAP_THRESHOLD, MAPPED);
}

/* Arrays by site are walked in no order: with large pages twice as fast. Whole
 * pages, so that the mapping stays one and can grow in place. Blocks that have
 * mappings of their own are kept from the helper that reads debug information:
 * it would hold on to what they were when it was made. */
static void *
hint(void *p, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)p / page * page;
	uintptr_t end = ((uintptr_t)p + size + page - 1) / page * page;

	if (size < LARGE)
		return p;
	madvise((void *)begin, end - begin, MADV_HUGEPAGE);
	if (setup)
		madvise((void *)begin, end - begin, MADV_DONTFORK);
	return p;
}

void *
mem_array(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return hint(p, count * size);
}

void *
mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	void *p;

	if (size && count > SIZE_MAX / size)
		out_of_memory();
	if (!count || !size)
		count = size = 1;
	p = realloc(old, count * size);
	if (!p)
		out_of_memory();
	return hint(p, count * size);
}

void *
mem_room(void *old, size_t *capacity, size_t count, size_t size)
{
	if (count < *capacity)
		return old;
	*capacity = *capacity ? *capacity * 2 : 16;
	return mem_grow(old, *capacity, size);
}

char *
mem_string(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(mem_alloc(size), text, size);
}

char *
mem_format(const char *format, ...)
{
	va_list list;
	char *text;
	int size;

	va_start(list, format);
	size = vasprintf(&text, format, list);
	va_end(list);
	if (size < 0)
		out_of_memory();
	return text;
}
