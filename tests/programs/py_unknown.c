/*
 * py_unknown.c - a program that embeds an interpreter which heaptop does not
 * know: it has CPython's names, and a version that there is not.
 *
 * Keeps BLOCKS blocks of SIZE bytes, and waits for the end of its input.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 1000
#define SIZE   5000

int Py_IsInitialized(void);
void PyMem_SetAllocator(int domain, void *allocator);
void keep(void);

const unsigned long Py_Version = 0x036300f0; /* 3.99.0 */

static void *kept[BLOCKS];

int
Py_IsInitialized(void)
{
	return 1;
}

void
PyMem_SetAllocator(int domain, void *allocator)
{
	(void)domain;
	(void)allocator;
	abort(); /* nobody may touch an interpreter that is not known */
}

__attribute__((noinline)) void
keep(void)
{
	for (int i = 0; i < BLOCKS; i++)
		kept[i] = malloc(SIZE);
}

int
main(void)
{
	keep();
	printf("kept\n");
	fflush(stdout);
	return getchar() == EOF && kept[0] ? 0 : 1;
}
