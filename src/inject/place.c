/* place.c - the agent's file, and others, where the process can see them. */
#include "config.h"

#include "inject/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

/* From a directory down, with no symbolic link on the way: that of another
 * could lead anywhere. (Filters of containers know no openat2 at times.) */
static int
walk(int from, const char *name)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);

	while (fd >= 0 && *name) {
		size_t size = strcspn(name, "/");
		char *part = mem_format("%.*s", (int)size, name);
		int next = openat(
		    fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		free(part);
		close(fd);
		fd = next;
		name += size + (name[size] == '/');
	}
	return fd;
}

/* A directory of the process's own root, on no disk with such flags. */
static int
directory_open(int root, const char *name, unsigned long flags)
{
	int fd = walk(root, name);
	struct statvfs disk;
	struct stat found;

	if (fd < 0)
		return -1;
	if (fstatvfs(fd, &disk) == 0 && !(disk.f_flag & flags) &&
	    fstat(fd, &found) == 0 &&
	    (!(found.st_mode & S_IWOTH) || found.st_mode & S_ISVTX))
		return fd;
	close(fd);
	return -1;
}

/* Fills a file that is new. */
typedef bool filler(int fd, void *context);

static bool
copy(int fd, void *context)
{
	int from = *(int *)context;
	ssize_t got;

	lseek(from, 0, SEEK_SET);
	do
		got = sendfile(fd, from, NULL, 1 << 24);
	while (got > 0);
	return got == 0 && fchmod(fd, 0644) == 0;
}

static bool
give(int fd, void *context)
{
	uid_t uid = *(uid_t *)context;

	return uid == geteuid() || fchown(fd, uid, (gid_t)-1) == 0;
}

static int
create(int directory, const char *name, filler *fill, void *context)
{
	int fd =
	    openat(directory, name,
		   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fill(fd, context))
		return fd;
	unlinkat(directory, name, 0);
	close(fd);
	return -1;
}

/* A new file where the process sees it. Returns it open, or -1. */
static int
make_somewhere(struct place *place, pid_t pid, unsigned long flags,
	       filler *fill, void *context)
{
	size_t count = sizeof(directories) / sizeof(*directories);
	char path[64];
	int root, fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		place->directory = directory_open(root, directories[i], flags);
		if (place->directory < 0)
			continue;
		fd = create(place->directory, place->name, fill, context);
		if (fd >= 0) {
			place->path =
			    mem_format("/%s/%s", directories[i], place->name);
			break;
		}
		close(place->directory);
		place->directory = -1;
	}
	close(root);
	return fd;
}

/* NULL: there is no chance to be had. */
static char *
name_make(const char *what, const char *suffix)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) < 0)
		return NULL;
	return mem_format("heaptop-%s-%016" PRIx64 "%s", what, number, suffix);
}

static bool
copy_somewhere(struct place *place, int from, pid_t pid)
{
	int fd;

	place->name = name_make("agent", ".so");
	fd = place->name ? make_somewhere(place, pid, ST_NOEXEC | ST_RDONLY,
					  copy, &from)
			 : -1;
	return fd >= 0 && close(fd) == 0;
}

int
place_file(struct place *place, pid_t pid, uid_t uid, struct err *err)
{
	int fd;

	*place = (struct place){.directory = -1};
	place->name = name_make("script", ".py");
	fd = place->name ? make_somewhere(place, pid, ST_RDONLY, give, &uid)
			 : -1;
	if (fd < 0) {
		place_remove(place);
		err_set(err,
			"process %d sees no directory that takes a script: "
			"/tmp and others are read-only or full; start it with "
			"heaptop run",
			(int)pid);
	}
	return fd;
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
