/*
 * tally.c - allocates for ever, and says how far it is in memory that outlives
 * it: tally FILE. The file holds two numbers: blocks begun, blocks kept.
 */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static __attribute__((noinline, noclone)) void *
tallied(size_t size)
{
	void *volatile block = malloc(size);

	return block;
}

int
main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
	volatile uint64_t *numbers;

	if (fd < 0 || ftruncate(fd, 4096))
		return 1;
	numbers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (numbers == MAP_FAILED)
		return 1;
	for (;;) {
		numbers[0]++;
		if (!tallied(32))
			return 2;
		numbers[1]++;
		for (int i = 0; i < 50; i++) {
			void *volatile block = malloc((size_t)i * 10);

			free(block);
		}
	}
}
