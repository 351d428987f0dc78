/* proc.c - the little that is asked of /proc. */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/inner.h"

static size_t
read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, size - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

size_t
proc_read(uint32_t pid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, name);
	return read_text(path, text, size);
}

/* Field 22. The command, field 2, may hold anything; a zombie is gone. */
uint64_t
proc_start_time(uint32_t pid)
{
	char text[2048];
	const char *at;

	if (!proc_read(pid, "stat", text, sizeof(text)))
		return 0;
	at = strrchr(text, ')');
	if (!at || !strncmp(at, ") Z", 3) || !strncmp(at, ") X", 3))
		return 0;
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t
proc_rss(uint32_t pid)
{
	char text[256];
	uint64_t pages;

	if (!proc_read(pid, "statm", text, sizeof(text)) ||
	    sscanf(text, "%*u %" SCNu64, &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool
proc_uid(uint32_t pid, uid_t *uid)
{
	char path[64];
	struct stat found;

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	if (stat(path, &found))
		return false;
	*uid = found.st_uid;
	return true;
}

bool
proc_boot_id(uint8_t out[16])
{
	char text[64];
	unsigned digits = 0;

	memset(out, 0, 16);
	if (!read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)))
		return false;
	for (const char *at = text; *at && digits < 32; at++) {
		char digit[2] = {*at, '\0'};

		if (*at == '-')
			continue;
		out[digits / 2] =
		    (uint8_t)(out[digits / 2] << 4 | strtoul(digit, NULL, 16));
		digits++;
	}
	return digits == 32;
}

uint64_t
proc_pid_namespace(void)
{
	struct stat found;

	return stat("/proc/self/ns/pid", &found) ? 0 : found.st_ino;
}
