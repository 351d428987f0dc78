/*
 * growth.c - millions of live blocks of 48 bytes, then all of them freed.
 *
 *   growth BLOCKS
 */
#include <stdio.h>
#include <stdlib.h>

struct item {
	struct item *next;
	char data[40];
};

static __attribute__((noinline)) struct item *
item_new(struct item *next)
{
	struct item *item = malloc(sizeof(*item));

	if (item == NULL)
		exit(1);
	item->next = next;
	return item;
}

int
main(int argc, char **argv)
{
	unsigned long blocks = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	struct item *list = NULL;

	for (unsigned long i = 0; i < blocks; i++)
		list = item_new(list);
	while (list != NULL) {
		struct item *next = list->next;

		free(list);
		list = next;
	}
	printf("%lu\n", blocks);
	return 0;
}
