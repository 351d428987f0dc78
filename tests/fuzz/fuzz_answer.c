/*
 * fuzz_answer.c - any bytes as what the helper says that reads ELF and DWARF:
 * it reads hostile files, so it may say anything. No helper runs here.
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "symbol/helper.h"
#include "symbol/symbol.h"

bool __wrap_helper_start(struct helper *helper, const char *root);
enum helper_death __wrap_helper_stop(struct helper *helper);
ssize_t __wrap_send(int fd, const void *packet, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *packet, size_t size, int flags);

static struct fuzz_input said;

bool
__wrap_helper_start(struct helper *helper, const char *root)
{
	(void)root;
	*helper = (struct helper){.pid = 1, .socket = -1};
	return true;
}

enum helper_death
__wrap_helper_stop(struct helper *helper)
{
	*helper = (struct helper){.socket = -1};
	return (enum helper_death)(fuzz_number(&said, 1) % 3);
}

ssize_t
__wrap_send(int fd, const void *packet, size_t size, int flags)
{
	(void)fd;
	(void)packet;
	(void)flags;
	return (ssize_t)size;
}

/* Packets stand one behind the other, each after its size. */
ssize_t
__wrap_recv(int fd, void *packet, size_t size, int flags)
{
	size_t wanted = fuzz_number(&said, 2);

	(void)fd;
	(void)flags;
	if (wanted > size)
		wanted = size;
	if (wanted > said.left)
		wanted = said.left;
	fuzz_take(&said, packet, wanted);
	return (ssize_t)wanted;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbols *symbols = symbols_new(NULL, false);
	size_t bytes = 0;

	said = (struct fuzz_input){data, size};
	for (uint64_t i = 0; i < 8; i++) {
		const struct symbol_line *lines;
		size_t count;

		FUZZ_REQUIRE(symbols_find(symbols, i & 1 ? "/a" : "/b", NULL, 0,
					  i, &lines, &count) == SYMBOL_DONE);
		for (size_t j = 0; j < count; j++) {
			bytes +=
			    lines[j].function ? strlen(lines[j].function) : 0;
			bytes += lines[j].file ? strlen(lines[j].file) : 0;
		}
	}
	FUZZ_REQUIRE(bytes <= size);
	symbols_free(symbols);
	return 0;
}
