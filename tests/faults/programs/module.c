/*
 * module.c - a library that comes and goes, and leaves blocks behind. Its
 * constructor allocates as well.
 */
#include <stdlib.h>

static void *volatile first;

void module_fill(void **blocks, int count, size_t size);
void module_free(void *block);

static void __attribute__((constructor)) module_begin(void)
{
	first = malloc(77);
}

static void __attribute__((destructor)) module_end(void)
{
	free(first);
}

void
module_fill(void **blocks, int count, size_t size)
{
	for (int i = 0; i < count; i++)
		blocks[i] = malloc(size);
}

void
module_free(void *block)
{
	free(block);
}
