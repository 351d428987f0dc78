/* path.c - files of the target: opened without harm, named in one way. */
#include "config.h"

#include "symbol/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Inside root, whatever symlinks say. A kernel that cannot do that is asked for
 * a file that is no symlink, at a place that the target may still lead out. */
static int
open_beneath(const char *root, const char *path)
{
	struct open_how how = {
	    .flags = O_PATH | O_CLOEXEC,
	    .resolve = RESOLVE_IN_ROOT,
	};
	int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (directory < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
	if (fd < 0 && errno == ENOSYS) {
		char whole[8192];
		int length = snprintf(whole, sizeof(whole), "%s%s", root, path);

		if (length > 0 && (size_t)length < sizeof(whole))
			fd = open(whole, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	}
	close(directory);
	return fd;
}

int
path_open(const char *root, const char *path, bool contents, struct stat *info)
{
	char self[64];
	struct stat st;
	int looked;
	int fd;

	if (!path || !path[0])
		return -1;
	if (root && root[0]) {
		if (path[0] != '/')
			return -1;
		looked = open_beneath(root, path);
	} else {
		looked = open(path, O_PATH | O_CLOEXEC);
	}
	if (looked < 0)
		return -1;
	if (fstat(looked, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(looked);
		return -1;
	}
	if (info)
		*info = st;
	if (!contents)
		return looked;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", looked);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(looked);
	return fd;
}

/* Drops the last component of out, never the root's slash. */
static bool
drop_last(char *out, size_t *used)
{
	size_t at = *used;

	while (at > 0 && out[at - 1] != '/')
		at--;
	if (at == *used || strcmp(out + at, "..") == 0)
		return false;
	if (at > 1)
		at--;
	out[at] = '\0';
	*used = at;
	return true;
}

static bool
add_part(char *out, size_t size, size_t *used, const char *part, size_t length)
{
	bool slash = *used > 0 && out[*used - 1] != '/';

	if (length == 0 || (length == 1 && part[0] == '.'))
		return true;
	if (length == 2 && part[0] == '.' && part[1] == '.') {
		if (drop_last(out, used) || strcmp(out, "/") == 0)
			return true;
	}
	if (*used + slash + length + 1 > size)
		return false;
	if (slash)
		out[(*used)++] = '/';
	memcpy(out + *used, part, length);
	*used += length;
	out[*used] = '\0';
	return true;
}

bool
path_tidy(char *out, size_t size, const char *path)
{
	size_t used = 0;

	if (size < 2)
		return false;
	if (path[0] == '/')
		out[used++] = '/';
	out[used] = '\0';
	while (*path) {
		size_t length = strcspn(path, "/");

		if (!add_part(out, size, &used, path, length))
			return false;
		path += length;
		path += strspn(path, "/");
	}
	return used > 0;
}
