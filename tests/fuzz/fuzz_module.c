/*
 * fuzz_module.c - any bytes as an ELF file with DWARF: whoever asks for names
 * gets an answer, whatever becomes of the helper that reads it.
 */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "symbol/symbol.h"

#define FILES	  256 /* that one helper and its caches are asked for */
#define ADDRESSES 4
#define ASKED	  (6 * ADDRESSES)

static char path[64];

static void
leave(void)
{
	unlink(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t addresses[ADDRESSES] = {0x271, 0x27c, 0x40010e,
						      0x400118};
	static struct symbols *symbols;
	static unsigned runs;
	int fd;

	if (runs == 0)
		atexit(leave);
	if (runs++ % FILES == 0) {
		symbols_free(symbols);
		symbols = symbols_new(NULL, false);
	}
	leave();
	snprintf(path, sizeof(path), "/dev/shm/heaptop-fuzz-%d.%u", getpid(),
		 runs % FILES);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	/* Asked often, it has all symbols in a table. */
	for (size_t i = 0; i < ASKED; i++) {
		uint64_t address = addresses[i % ADDRESSES] + i / ADDRESSES;
		const struct symbol_line *lines;
		size_t count;

		FUZZ_REQUIRE(symbols_find(symbols, path, NULL, 0, address,
					  &lines, &count) == SYMBOL_DONE);
		for (size_t j = 0; j < count; j++)
			FUZZ_REQUIRE(!lines[j].function ||
				     strlen(lines[j].function) < 4096);
	}
	return 0;
}
