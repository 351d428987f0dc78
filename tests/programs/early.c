/*
 * early.c - a library that allocates in its constructor, with a table of
 * functions that the loader resolves while it starts (IFUNC), and frees in its
 * destructor: before and after most of the program's life.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EARLY = 200 };

static char *early[EARLY];

__attribute__((constructor(101))) static void
early_begin(void)
{
	for (int i = 0; i < EARLY; i++) {
		early[i] = malloc((size_t)(i + 1) * 100);
		if (!early[i])
			abort();
		memset(early[i], i, (size_t)(i + 1) * 100);
	}
	for (int i = 0; i < EARLY; i += 2) {
		early[i] = realloc(early[i], 50000);
		if (!early[i] || early[i][99] != (char)i)
			abort();
	}
	setenv("EARLY_WAS_HERE", "1", 1);
}

static int
plain(void)
{
	return 42;
}

/* Runs while relocations are done: before any constructor. */
__attribute__((used)) static int (*resolve_early_answer(void))(void)
{
	return plain;
}

int early_answer(void) __attribute__((ifunc("resolve_early_answer")));

__attribute__((destructor)) static void
early_end(void)
{
	char *late = malloc(1000);

	for (int i = 0; i < EARLY; i++) {
		if (early[i][50] != (char)i)
			abort();
		free(early[i]);
	}
	free(late);
}
