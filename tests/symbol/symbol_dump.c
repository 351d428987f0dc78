/*
 * symbol_dump.c - prints what symbols says of addresses, in the form of
 * `addr2line -a -f -i`, so that the two can be compared.
 *
 *	symbol_dump [-b] [-r ROOT] FILE < ADDRESSES
 */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/symbol.h"

static void
print_lines(uint64_t address, const struct symbol_line *lines, size_t count)
{
	printf("0x%016" PRIx64 "\n", address);
	if (count == 0)
		printf("??\n??:0\n");
	for (size_t i = 0; i < count; i++)
		printf("%s\n%s:%u\n",
		       lines[i].function ? lines[i].function : "??",
		       lines[i].file ? lines[i].file : "??", lines[i].line);
}

/* Asks again whenever answers came. */
static void
find(struct symbols *symbols, const char *path, uint64_t address)
{
	struct pollfd ready = {.fd = symbols_fd(symbols), .events = POLLIN};
	const struct symbol_line *lines;
	size_t count;

	while (symbols_find(symbols, path, NULL, 0, address, &lines, &count) ==
	       SYMBOL_LATER) {
		if (poll(&ready, 1, 30000) != 1)
			exit(1);
		symbols_drain(symbols);
	}
	print_lines(address, lines, count);
}

int
main(int argc, char **argv)
{
	const char *root = NULL;
	bool background = false;
	struct symbols *symbols;
	uint64_t address;
	int option;

	while ((option = getopt(argc, argv, "br:")) != -1) {
		if (option == 'b')
			background = true;
		else if (option == 'r')
			root = optarg;
		else
			return 2;
	}
	if (optind + 1 != argc)
		return 2;
	symbols = symbols_new(root, background);
	while (scanf("%" SCNx64, &address) == 1)
		find(symbols, argv[optind], address);
	symbols_free(symbols);
	return 0;
}
