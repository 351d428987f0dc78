/* source.c - what all kinds of sources share, and opening what a user named. */
#include "config.h"

#include "source/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "source/container.h"
#include "source/segment.h"

#define TYPES_NS INT64_C(2000000000) /* that an answer may take */

struct source *
source_make(const struct source_kind *kind, const char *path)
{
	struct source *source = mem_alloc(sizeof(*source));

	source->kind = kind;
	source->path = mem_string(path);
	source->names = names_new();
	snapshot_init(&source->snapshot, source->names);
	return source;
}

void
source_destroy(struct source *source)
{
	snapshot_fini(&source->snapshot);
	names_free(source->names);
	free(source->path);
	free(source);
}

void
source_close(struct source *source)
{
	if (!source)
		return;
	if (source->kind->close)
		source->kind->close(source);
	source_destroy(source);
}

struct names *
source_names(struct source *source)
{
	return source->names;
}

const struct snapshot *
source_snapshot(struct source *source)
{
	return &source->snapshot;
}

struct saved *
source_saved(struct source *source)
{
	return source->kind->saved ? source->kind->saved(source) : NULL;
}

int
source_refresh(struct source *source, struct err *err)
{
	return source->kind->refresh ? source->kind->refresh(source, err) : 0;
}

bool
source_flush(struct source *source, int timeout_ms)
{
	return source->kind->flush && source->kind->flush(source, timeout_ms);
}

void
source_watch(struct source *source)
{
	if (source->kind->watch)
		source->kind->watch(source);
}

bool
source_ask_life(struct source *source, bool on, struct err *err)
{
	if (source->kind->ask_life)
		return source->kind->ask_life(source, on, err);
	return err_set(err, "it is not one process that runs");
}

bool
source_ask_rate(struct source *source, const struct rate *rate, struct err *err)
{
	if (source->kind->ask_rate)
		return source->kind->ask_rate(source, rate, err);
	return err_set(err, "it is a saved snapshot; name a running process");
}

bool
source_ask_types(struct source *source, struct types_ask *ask, struct err *err)
{
	if (source->kind->ask_types)
		return source->kind->ask_types(source, ask, err);
	return err_set(err, "it is a saved snapshot, which has no blocks to "
			    "look into; name a running process");
}

int
source_take_types(struct source *source, struct types_ask *ask,
		  struct types *rows, struct err *err)
{
	return source->kind->take_types
		   ? source->kind->take_types(source, ask, rows, err)
		   : -1;
}

bool
source_types(struct source *source, struct types_ask *ask, struct types *rows,
	     struct err *err)
{
	struct timespec pause = {0, 500000};
	int64_t left_ns = TYPES_NS;
	int result;

	if (!source_ask_types(source, ask, err))
		return false;
	while (!(result = source_take_types(source, ask, rows, err))) {
		if (left_ns <= 0)
			return err_set(err, "its agent does not answer; the "
					    "process may be stopped, or its "
					    "machine busy: try again");
		nanosleep(&pause, NULL);
		left_ns -= pause.tv_nsec;
		if (pause.tv_nsec < 8000000)
			pause.tv_nsec *= 2;
	}
	return result > 0;
}

bool
source_memory(struct source *source, struct err *err)
{
	if (source->kind->memory)
		return source->kind->memory(source, err);
	return source->snapshot.memory.time_ns ||
	       err_set(err, "it was saved without its ledger; save it again");
}

bool
source_is_live(const struct source *source)
{
	return source->kind->is_live && source->kind->is_live(source);
}

bool
source_is_replaced(const struct source *source)
{
	return source->kind->is_replaced && source->kind->is_replaced(source);
}

const char *
source_path(const struct source *source)
{
	return source->path;
}

bool
source_fail(struct err *err, const char *path, const char *format, ...)
{
	char clean[256], reason[224];
	va_list list;

	text_clean(clean, sizeof(clean), path, strlen(path));
	va_start(list, format);
	vsnprintf(reason, sizeof(reason), format, list);
	va_end(list);
	return err_set(err, "cannot read '%s': %s", clean, reason);
}

/* Opening */

static bool
fail_open(struct err *err, const char *path)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return source_fail(err, path,
				   "permission denied; run as its owner");
	case ENOENT:
	case ENOTDIR:
		return source_fail(err, path,
				   "no such file; see 'heaptop list'");
	case ELOOP:
		return source_fail(err, path,
				   "it is a symbolic link; name the file that "
				   "it points to");
	case ENXIO:
		return source_fail(err, path,
				   "not a regular file; give a PID, "
				   "a segment or a saved snapshot");
	default:
		return source_fail(err, path, "%s; check the file",
				   strerror(errno));
	}
}

static int
open_regular(const char *path, bool *writable, struct err *err)
{
	int fd = segment_open_file(AT_FDCWD, path, 0, writable);
	struct stat found;

	if (fd < 0) {
		fail_open(err, path);
		return -1;
	}
	if (fstat(fd, &found) || !S_ISREG(found.st_mode)) {
		source_fail(err, path,
			    "not a regular file; give a PID, a "
			    "segment or a saved snapshot");
		close(fd);
		return -1;
	}
	return fd;
}

struct source *
source_open_segment(const char *path, struct err *err)
{
	bool writable;
	int fd = open_regular(path, &writable, err);

	return fd < 0 ? NULL : live_open(fd, writable, path, err);
}

static struct source *
open_file(const char *path, struct err *err)
{
	bool writable;
	int fd = open_regular(path, &writable, err);
	unsigned char start[8] = {0};
	ssize_t got;

	if (fd < 0)
		return NULL;
	got = pread(fd, start, sizeof(start), 0);
	if (got >= 2 &&
	    ((start[0] == 0x1f && start[1] == 0x8b) || start[0] == '{' ||
	     start[0] == ' ' || start[0] == '\n'))
		return replay_open(fd, path, err);
	if (got == sizeof(start) &&
	    (!memcmp(start, &(uint64_t){WIRE_MAGIC}, 8) ||
	     !memcmp(start, &(uint64_t){0}, 8)))
		return live_open(fd, writable, path, err);
	close(fd);
	if (got < 0)
		fail_open(err, path);
	else
		source_fail(err, path,
			    got ? "not a heaptop file; give a PID, a segment "
				  "or a saved snapshot"
				: "the file is empty; give a PID, a segment "
				  "or a saved snapshot");
	return NULL;
}

/*
 * When the segment of a pid among the entries of a directory began: the one
 * with the process's own start time, else the newest, of a process that is
 * gone. 0: there is none.
 */
static uint64_t
find_segment(int directory, uint32_t pid, uint64_t started)
{
	DIR *stream = fdopendir(fcntl(directory, F_DUPFD_CLOEXEC, 0));
	struct dirent *entry;
	uint64_t best = 0;

	if (!stream)
		return 0;
	while ((entry = readdir(stream))) {
		uint32_t found;
		uint64_t at;
		int end = 0;

		if (sscanf(entry->d_name, "%" SCNu32 "-%" SCNu64 "%n", &found,
			   &at, &end) != 2 ||
		    found != pid || strcmp(entry->d_name + end, WIRE_SUFFIX))
			continue;
		if (!best || at == started || (best != started && at > best))
			best = at;
	}
	closedir(stream);
	return started && best != started ? 0 : best;
}

/* The segment of a process, by the number that it has for itself, in a
 * directory. */
struct wanted {
	uint32_t pid;
	uint64_t started;   /* 0: it is gone */
	uint64_t namespace; /* 0: ours */
};

/* Its name there; NULL: there is none. Where two containers share the
 * directory, it may begin with the namespace (heaptop-wire(5)). */
static char *
name_in(int folder, const struct wanted *wanted)
{
	char *name =
	    mem_format("%" PRIu64 ".%" PRIu32 "-%" PRIu64 WIRE_SUFFIX,
		       wanted->namespace, wanted->pid, wanted->started);
	uint64_t best;

	if (wanted->namespace && faccessat(folder, name, F_OK, 0) == 0)
		return name;
	free(name);
	best = find_segment(folder, wanted->pid, wanted->started);
	return best ? mem_format("%" PRIu32 "-%" PRIu64 WIRE_SUFFIX,
				 wanted->pid, best)
		    : NULL;
}

/* In somebody's directory. NULL with err "": none. */
static struct source *
open_in(const char *directory, uid_t owner, const struct wanted *wanted,
	struct err *err)
{
	int folder = segment_directory_open(directory, owner, err);
	char *name = folder < 0 ? NULL : name_in(folder, wanted);
	char *path = mem_format("%s/%s", directory, name ? name : "");
	struct source *source = NULL;
	bool writable;
	int fd;

	if (name) {
		fd = segment_open_file(folder, name, O_NOFOLLOW, &writable);
		if (fd < 0)
			fail_open(err, path);
		else
			source = live_open(fd, writable, path, err);
	}
	if (folder >= 0)
		close(folder);
	free(path);
	free(name);
	return source;
}

static bool
fail_pid(uint32_t pid, struct err *err)
{
	uid_t uid;

	if (!proc_uid(pid, &uid))
		return err_set(err,
			       "cannot open process %" PRIu32
			       ": no such process; see 'heaptop list'",
			       pid);
	if (uid != geteuid() && geteuid() != 0)
		return err_set(err,
			       "cannot open process %" PRIu32
			       ": it belongs to another user; run as the user "
			       "with id %u",
			       pid, (unsigned)uid);
	return err_set(err,
		       "cannot open process %" PRIu32
		       ": it runs without heaptop's agent; heaptop attach "
		       "%" PRIu32 ", or start it with 'heaptop run -- COMMAND'",
		       pid, pid);
}

/* One that runs in a container, by the number that it has here: in the
 * directory of everybody, or in one of its own. */
static struct source *
open_inside(uint32_t pid, uint64_t started, struct err *err)
{
	struct wanted wanted = {container_inner(pid), started,
				container_namespace(pid)};
	char *directory = container_directory(pid);
	struct source *source = NULL;
	uid_t uid;

	if (wanted.pid && wanted.namespace != proc_pid_namespace())
		source = open_in(segment_directory(), geteuid(), &wanted, err);
	if (!source && !err->text[0] && directory && wanted.pid &&
	    proc_uid(pid, &uid))
		source = open_in(directory, uid, &wanted, err);
	free(directory);
	return source;
}

struct source *
source_open_pid(uint32_t pid, struct err *err)
{
	struct wanted wanted = {pid, proc_start_time(pid), 0};
	struct source *source =
	    open_in(segment_directory(), geteuid(), &wanted, err);
	uid_t uid;

	if (!source && !err->text[0] && !getenv("HEAPTOP_DIR") &&
	    geteuid() == 0 && proc_uid(pid, &uid)) {
		char *directory =
		    mem_format(WIRE_DIR_PREFIX "%u", (unsigned)uid);

		source = open_in(directory, uid, &wanted, err);
		free(directory);
	}
	if (!source && !err->text[0] && wanted.started)
		source = open_inside(pid, wanted.started, err);
	if (!source && !err->text[0])
		fail_pid(pid, err);
	return source;
}

/* The one live process whose program has this name. */
static struct source *
open_name(const char *name, struct err *err)
{
	struct process_entry *list;
	size_t count, found = 0;
	struct source *source = NULL;
	uint32_t pid = 0;

	if (!process_list(&list, &count, err))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *exe = list[i].process.exe;
		const char *base = exe ? strrchr(exe, '/') : NULL;

		if (!list[i].alive || !base || strcmp(base + 1, name) != 0)
			continue;
		pid = list[i].process.pid;
		found++;
	}
	process_list_free(list, count);
	if (found == 1)
		source = source_open_pid(pid, err);
	else if (found)
		source_fail(err, name,
			    "%zu profiled processes have that name; give a "
			    "PID of 'heaptop list'",
			    found);
	else
		source_fail(err, name,
			    "no such file, and no profiled process of that "
			    "name; see 'heaptop list'");
	return source;
}

struct source *
source_open(const char *what, struct err *err)
{
	char *end;
	unsigned long pid;

	if (what[0] && strspn(what, "0123456789") == strlen(what)) {
		errno = 0;
		pid = strtoul(what, &end, 10);
		if (errno || pid > UINT32_MAX || !pid) {
			err_set(err,
				"cannot open process %.40s: no such process; "
				"see 'heaptop list'",
				what);
			return NULL;
		}
		return source_open_pid((uint32_t)pid, err);
	}
	if (!strchr(what, '/') && access(what, F_OK))
		return open_name(what, err);
	return open_file(what, err);
}
