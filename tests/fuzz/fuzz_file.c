/* fuzz_file.c - an input as a file. */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

int
fuzz_file(char path[FUZZ_PATH_MAX], const void *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_REQUIRE(fd >= 0);
	FUZZ_REQUIRE(write(fd, data, size) == (ssize_t)size);
	snprintf(path, FUZZ_PATH_MAX, "/proc/self/fd/%d", fd);
	return fd;
}
