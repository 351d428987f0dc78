/* place.c - the agent's file where the process can see it. */
#include "config.h"

#include "inject/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* Where a program may make files that it can map as code, mostly. */
static const char *const directories[] = {"tmp", "var/tmp", "dev/shm", "run"};

/* Whether a user may read what is at a path of ours. */
static bool
may_reach(const char *path, uid_t uid)
{
	char *part = mem_string(path);
	bool good = true;
	struct stat found;

	for (char *at = part; good && (at = strchr(at + 1, '/'));) {
		*at = '\0';
		good = stat(part, &found) == 0 &&
		       (found.st_mode & S_IXOTH ||
			(found.st_uid == uid && found.st_mode & S_IXUSR));
		*at = '/';
	}
	good = good && stat(path, &found) == 0 &&
	       (found.st_mode & S_IROTH || found.st_uid == uid);
	free(part);
	return good;
}

static bool
sees_it(const char *agent, const struct stat *file, pid_t pid, uid_t uid)
{
	char *path = mem_format("/proc/%d/root%s", (int)pid, agent);
	struct stat found;
	bool same = stat(path, &found) == 0 && found.st_dev == file->st_dev &&
		    found.st_ino == file->st_ino;

	free(path);
	return same && (uid == geteuid() || uid == 0 || may_reach(agent, uid));
}

/* A directory of the process's own root, with no symbolic link on the way:
 * that of another could lead anywhere. */
static int
directory_open(int root, const char *name)
{
	struct open_how how = {
	    .flags = O_DIRECTORY | O_RDONLY | O_CLOEXEC,
	    .resolve =
		RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
	struct statvfs disk;
	struct stat found;

	if (fd < 0)
		return -1;
	if (fstatvfs(fd, &disk) == 0 &&
	    !(disk.f_flag & (ST_NOEXEC | ST_RDONLY)) &&
	    fstat(fd, &found) == 0 &&
	    (!(found.st_mode & S_IWOTH) || found.st_mode & S_ISVTX))
		return fd;
	close(fd);
	return -1;
}

static bool
copy(int from, int directory, const char *name)
{
	int fd =
	    openat(directory, name,
		   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t got;

	if (fd < 0)
		return false;
	lseek(from, 0, SEEK_SET);
	do
		got = sendfile(fd, from, NULL, 1 << 24);
	while (got > 0);
	if (got == 0 && fchmod(fd, 0644) == 0 && close(fd) == 0)
		return true;
	unlinkat(directory, name, 0);
	return false;
}

static bool
copy_somewhere(struct place *place, int from, pid_t pid)
{
	char path[64];
	uint64_t number = 0;
	int root;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || getrandom(&number, sizeof(number), 0) < 0)
		return false;
	place->name = mem_format("heaptop-agent-%016" PRIx64 ".so", number);
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories);
	     i++) {
		place->directory = directory_open(root, directories[i]);
		if (place->directory < 0)
			continue;
		if (copy(from, place->directory, place->name)) {
			place->path =
			    mem_format("/%s/%s", directories[i], place->name);
			break;
		}
		close(place->directory);
		place->directory = -1;
	}
	close(root);
	if (!place->path) {
		free(place->name);
		place->name = NULL;
	}
	return place->path != NULL;
}

/* What has to come from a disk is better waited for now. */
static void
warm(int fd)
{
	char part[1 << 16];
	off_t at = 0;
	ssize_t got;

	while ((got = pread(fd, part, sizeof(part), at)) > 0)
		at += got;
}

bool
place_make(struct place *place, const char *agent, pid_t pid, uid_t uid,
	   struct err *err)
{
	int fd = open(agent, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat file;
	bool good = false;

	*place = (struct place){.directory = -1};
	if (fd < 0 || fstat(fd, &file) != 0) {
		err_errno(err, "cannot read the agent '%s'", agent);
	} else {
		good = true;
		warm(fd);
		if (sees_it(agent, &file, pid, uid))
			place->path = mem_string(agent);
		else if (!copy_somewhere(place, fd, pid))
			good = err_set(err,
				       "process %d sees no directory that "
				       "takes the agent: /tmp and others "
				       "are read-only, full or noexec; "
				       "install heaptop where it runs",
				       (int)pid);
	}
	if (fd >= 0)
		close(fd);
	return good;
}

void
place_remove(struct place *place)
{
	if (place->name && place->directory >= 0)
		unlinkat(place->directory, place->name, 0);
	if (place->directory >= 0)
		close(place->directory);
	free(place->name);
	free(place->path);
	*place = (struct place){.directory = -1};
}
