/*
 * said.c - says something of itself, as C and as C++: 40 units of work, each of
 * which keeps 1,000 bytes, and two marks with a stop between them. Prints
 * whether an agent answers.
 */
#include <heaptop/heaptop.h>

#include <stdio.h>
#include <stdlib.h>

#define UNITS 40
#define KEPT  1000
#define APART 1000000

static void *volatile kept;

int
main(void)
{
	int i;

	heaptop_mark("before");
	for (i = 0; i < UNITS; i++) {
		kept = malloc(KEPT);
		heaptop_work(1);
	}
	heaptop_stop();
	kept = malloc(APART);
	heaptop_start();
	heaptop_mark("\346\272\226\345\202\231 \033[31m");
	printf("loaded %d\n", heaptop_is_loaded());
	return 0;
}
