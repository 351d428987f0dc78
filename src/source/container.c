/* container.c - processes of other pid and mount namespaces. */
#include "config.h"

#include "source/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "heaptop/wire.h"
#include "source/inner.h"

/* The last number of the line is that of the innermost namespace. */
uint32_t
container_inner(uint32_t pid)
{
	char text[8192];
	const char *line;
	char *end;

	if (!proc_read(pid, "status", text, sizeof(text)))
		return 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	line += strlen("\nNSpid:");
	for (unsigned long last = 0;;) {
		unsigned long number = strtoul(line, &end, 10);

		if (end == line || *end == '\0')
			return (uint32_t)last;
		last = number;
		if (*end == '\n')
			return (uint32_t)last;
		line = end;
	}
}

uint64_t
container_namespace(uint32_t pid)
{
	char path[64];
	struct stat found;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ns/pid", pid);
	return stat(path, &found) ? 0 : found.st_ino;
}

uint32_t
container_outer(uint64_t pid_ns, uint32_t inner)
{
	DIR *stream = opendir("/proc");
	struct dirent *entry;
	uint32_t found = 0;

	if (!stream)
		return 0;
	while (!found && (entry = readdir(stream))) {
		uint32_t pid = (uint32_t)strtoul(entry->d_name, NULL, 10);

		if (pid && container_namespace(pid) == pid_ns &&
		    container_inner(pid) == inner)
			found = pid;
	}
	closedir(stream);
	return found;
}

/* What it was told, as it was started. */
static char *
told_directory(uint32_t pid)
{
	static const char name[] = "HEAPTOP_DIR=/";
	char text[65536];
	size_t size = proc_read(pid, "environ", text, sizeof(text));

	for (size_t at = 0; at < size; at += strlen(text + at) + 1)
		if (strncmp(text + at, name, sizeof(name) - 1) == 0)
			return mem_string(strchr(text + at, '/'));
	return NULL;
}

/* By the number that its user has for itself. */
static char *
usual_directory(uint32_t pid)
{
	char text[4096];
	uid_t uid;
	uint64_t inner, outer, count;
	int used;

	if (!proc_uid(pid, &uid))
		return NULL;
	proc_read(pid, "uid_map", text, sizeof(text));
	for (const char *at = text;
	     sscanf(at, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &inner,
		    &outer, &count, &used) == 3;
	     at += used)
		if (uid >= outer && uid - outer < count)
			return mem_format(WIRE_DIR_PREFIX "%" PRIu64,
					  inner + uid - outer);
	return NULL;
}

/* In a directory tree that belongs to others, whose links may lead anywhere. */
static bool
is_there(const char *root, const char *path)
{
	struct open_how how = {
	    .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (top < 0)
		return false;
	fd = (int)syscall(SYS_openat2, top, path + strspn(path, "/"), &how,
			  sizeof(how));
	close(top);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

char *
container_directory(uint32_t pid)
{
	/* An agent that was attached may not know what the process was told. */
	char *paths[] = {told_directory(pid), usual_directory(pid)};
	char *whole = NULL;
	char root[64];

	snprintf(root, sizeof(root), "/proc/%" PRIu32 "/root", pid);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (!whole && paths[i] && is_there(root, paths[i]))
			whole = mem_format("%s%s", root, paths[i]);
		free(paths[i]);
	}
	return whole;
}
