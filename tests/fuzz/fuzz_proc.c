/*
 * fuzz_proc.c - any bytes as what /proc tells of a process: smaps, stat, statm
 * and the boot id. Files below /proc have the input for their content here.
 */
#include "config.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "fuzz.h"
#include "source/inner.h"

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

static struct fuzz_input proc;
static char proc_path[FUZZ_PATH_MAX];

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	if (strncmp(path, "/proc/", 6))
		return __real_fopen(path, mode);
	return proc.left ? fmemopen((void *)proc.at, proc.left, "r") : NULL;
}

int
__wrap_open(const char *path, int flags, ...)
{
	bool is_proc = !strncmp(path, "/proc/", 6);

	return __real_open(is_proc ? proc_path : path, flags, 0600);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory memory = {0};
	uint8_t boot_id[16];
	int fd = fuzz_file(proc_path, data, size);

	proc = (struct fuzz_input){data, size};
	if (memory_read(&memory, 1))
		FUZZ_REQUIRE(memory.time_ns);
	else
		FUZZ_REQUIRE(!memory.time_ns);
	proc_start_time(1);
	proc_rss(1);
	proc_boot_id(boot_id);
	close(fd);
	return 0;
}
