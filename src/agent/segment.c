/*
 * segment.c - the file that viewers map.
 *
 * Context: ticker. Raw system calls only: errno belongs to nobody here, and a
 * libc call could be a cancellation point or take a lock.
 */
#include "config.h"

#include "agent/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/py/py.h"
#include "agent/safe.h"

#define CALL(name_, a_, b_, c_, d_)                                   \
	safe_syscall(SYS_##name_, (long)(a_), (long)(b_), (long)(c_), \
		     (long)(d_), 0, 0)

#define HELD_LEAST 1000 /* descriptors; where fewer are allowed, fewer */

static uint64_t
parse_u64(const char **text, unsigned base)
{
	uint64_t value = 0;

	for (;; (*text)++) {
		char c = **text;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			return value;
		value = value * base + digit;
	}
}

/* Field 22 of /proc/self/stat. The command, field 2, may hold anything. */
static uint64_t
start_time(void)
{
	char text[2048];
	const char *at;

	if (!safe_read_file("/proc/self/stat", text, sizeof(text)))
		return 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at ? parse_u64(&at, 10) : 0;
}

static void
read_boot_id(uint8_t *out)
{
	char text[64];
	size_t used = safe_read_file("/proc/sys/kernel/random/boot_id", text,
				     sizeof(text));
	size_t digits = 0;

	for (size_t i = 0; i < used && digits < 32; i++) {
		char digit[2] = {text[i], '\0'};
		const char *at = digit;
		uint8_t value;

		if (text[i] == '-')
			continue;
		value = (uint8_t)parse_u64(&at, 16);
		out[digits / 2] |= digits % 2 ? value : (uint8_t)(value << 4);
		digits++;
	}
}

/* The directory, made when it is the default one and missing. The descriptor
 * is of a real directory of this user's that nobody else can enter. */
static long
open_directory(char *path, size_t size)
{
	uint64_t uid = (uint64_t)CALL(geteuid, 0, 0, 0, 0);
	struct stat found;
	long fd;

	path[0] = '\0';
	if (agent_config.directory) {
		safe_append(path, size, agent_config.directory);
	} else {
		safe_append(path, size, WIRE_DIR_PREFIX);
		safe_append_u64(path, size, uid, 10);
	}
	CALL(mkdirat, AT_FDCWD, path, 0700, 0);
	fd = CALL(openat, AT_FDCWD, path,
		  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (safe_failed(fd))
		return fd;
	if (safe_failed(CALL(newfstatat, fd, "", &found, AT_EMPTY_PATH)) ||
	    found.st_uid != uid || found.st_mode & 022) {
		CALL(close, fd, 0, 0, 0);
		return -EACCES;
	}
	return fd;
}

static uint64_t
own_namespace(void)
{
	struct stat found;

	return safe_failed(
		   CALL(newfstatat, AT_FDCWD, "/proc/self/ns/pid", &found, 0))
		   ? 0
		   : found.st_ino;
}

/* The usual name, one that no process of another namespace has, and that until
 * it is made. */
struct names {
	char usual[64];
	char own[96];
	char begun[104];
};

static void
find_names(struct names *names, uint64_t pid, uint64_t started)
{
	memset(names, 0, sizeof(*names));
	safe_append_u64(names->usual, sizeof(names->usual), pid, 10);
	safe_append(names->usual, sizeof(names->usual), "-");
	safe_append_u64(names->usual, sizeof(names->usual), started, 10);
	safe_append(names->usual, sizeof(names->usual), WIRE_SUFFIX);
	safe_append_u64(names->own, sizeof(names->own), own_namespace(), 10);
	safe_append(names->own, sizeof(names->own), ".");
	safe_append(names->own, sizeof(names->own), names->usual);
	safe_append(names->begun, sizeof(names->begun), names->own);
	safe_append(names->begun, sizeof(names->begun), WIRE_SUFFIX_BEGUN);
}

static void
path_end(struct segment *segment, const char *name)
{
	safe_append(segment->path, sizeof(segment->path), "/");
	safe_append(segment->path, sizeof(segment->path), name);
}

/* Two containers that share the directory may each have a process 1 that began
 * at the same time. */
static bool
is_of_others(long directory, const char *name)
{
	struct wire_header header = {0};
	struct stat found = {0};
	long fd = CALL(openat, directory, name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);

	if (safe_failed(fd))
		return false;
	CALL(newfstatat, fd, "", &found, AT_EMPTY_PATH);
	CALL(pread64, fd, &header, offsetof(struct wire_header, command), 0);
	CALL(close, fd, 0, 0, 0);
	return S_ISREG(found.st_mode) && found.st_nlink == 1 &&
	       header.magic == WIRE_MAGIC && header.pid_ns != own_namespace();
}

/* The file, new. One of that name is this process before an exec that cut it
 * short. */
static long
open_file(struct segment *segment, const struct names *names)
{
	long directory = open_directory(segment->path, sizeof(segment->path));
	long fd;

	if (safe_failed(directory))
		return directory;
	path_end(segment, names->begun);
	CALL(unlinkat, directory, names->begun, 0, 0);
	fd = CALL(openat, directory, names->begun,
		  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	CALL(close, directory, 0, 0, 0);
	return fd;
}

/* Once the header says whose it is. Who has the usual name is this process
 * before an exec, unless it is of others. */
static void
take_name(struct segment *segment, const struct names *names)
{
	long directory = open_directory(segment->path, sizeof(segment->path));
	const char *name = names->begun;
	const char *wanted;

	if (!safe_failed(directory)) {
		wanted = is_of_others(directory, names->usual) ? names->own
							       : names->usual;
		if (!safe_failed(CALL(renameat, directory, names->begun,
				      directory, wanted)))
			name = wanted;
		CALL(close, directory, 0, 0, 0);
	}
	path_end(segment, name);
}

static void *
map_part(struct segment *segment, uint64_t offset, uint64_t size)
{
	long fd = segment->fd;
	long part;

	if (safe_failed(CALL(fallocate, fd, 0, offset, size)))
		return NULL;
	part = safe_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, (long)offset);
	if (safe_failed(part))
		return NULL;
	CALL(madvise, part, size, MADV_DONTFORK, 0);
	if (segment->part_count < SEGMENT_PARTS) {
		segment->parts[segment->part_count].start = (void *)part;
		segment->parts[segment->part_count++].bytes = size;
	}
	return (void *)part;
}

static void
unmap_part(struct segment *segment, const void *part, uint64_t bytes)
{
	for (uint32_t i = 0; i < segment->part_count; i++)
		if (segment->parts[i].start == part &&
		    segment->parts[i].bytes == bytes) {
			safe_unreserve(segment->parts[i].start,
				       segment->parts[i].bytes);
			segment->parts[i] =
			    segment->parts[--segment->part_count];
			return;
		}
}

static void
fill_header(struct wire_header *header, uint64_t pid, uint64_t started)
{
	header->major = WIRE_MAJOR;
	header->minor = WIRE_MINOR;
	header->pid = (uint32_t)pid;
	header->start_time = started;
	header->start_ns = agent_config.start_ns
			       ? agent_config.start_ns
			       : safe_clock_ns(CLOCK_REALTIME);
	header->parent_pid = (uint32_t)CALL(getppid, 0, 0, 0, 0);
	header->uid = (uint32_t)CALL(geteuid, 0, 0, 0, 0);
	header->run_id = agent_config.run_id;
	header->pid_ns = own_namespace();
	read_boot_id(header->boot_id);
	header->mode =
	    agent_config.sample_bytes > 1 ? WIRE_MODE_SAMPLED : WIRE_MODE_EXACT;
	header->unwinder = agent_config.unwinder;
	header->native = agent_config.native;
	header->python = py_version();
	header->command_size = (uint32_t)safe_read_file(
	    "/proc/self/cmdline", header->command, sizeof(header->command));
	CALL(readlinkat, AT_FDCWD, "/proc/self/exe", header->exe,
	     sizeof(header->exe) - 1);
	__atomic_store_n(&header->magic, WIRE_MAGIC, __ATOMIC_RELEASE);
}

bool
segment_create(struct segment *segment, uint64_t extra, void **body)
{
	uint64_t pid = (uint64_t)CALL(getpid, 0, 0, 0, 0);
	uint64_t started = start_time();
	struct names names;
	struct stat found;
	char *start;

	find_names(&names, pid, started);
	segment->fd = open_file(segment, &names);
	if (safe_failed(segment->fd))
		return false;
	if (!safe_failed(
		CALL(newfstatat, segment->fd, "", &found, AT_EMPTY_PATH))) {
		segment->device = found.st_dev;
		segment->inode = found.st_ino;
	}
	segment->size = WIRE_BODY_OFFSET + extra;
	segment->held = segment->size;
	start = map_part(segment, 0, segment->size);
	if (!start) {
		CALL(close, segment->fd, 0, 0, 0);
		segment_unlink(segment);
		return false;
	}
	segment->header = (void *)(start + WIRE_HEADER_OFFSET);
	segment->control = (void *)(start + WIRE_CONTROL_OFFSET);
	segment->turn = (void *)(start + WIRE_TURN_OFFSET);
	segment->status = (void *)(start + WIRE_STATUS_OFFSET);
	*body = start + WIRE_BODY_OFFSET;
	fill_header(segment->header, pid, started);
	take_name(segment, &names);
	__atomic_store_n(&segment->header->magic, WIRE_MAGIC, __ATOMIC_RELEASE);
	return true;
}

void *
segment_grow(struct segment *segment, uint64_t bytes, uint64_t *offset)
{
	void *part = map_part(segment, segment->size, bytes);

	if (!part)
		return NULL;
	*offset = segment->size;
	segment->size += bytes;
	segment->held += bytes;
	return part;
}

void
segment_discard(struct segment *segment, void *part, uint64_t offset,
		uint64_t bytes)
{
	/* What is a piece of a mapping stays mapped, and empty. */
	unmap_part(segment, part, bytes);
	segment->held -= bytes;
	CALL(fallocate, segment->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	     offset, bytes);
}

void
segment_publish(struct segment *segment, const struct wire_status *status)
{
	uint64_t turn = segment->turn->turn + 1;

	safe_store(&segment->status[turn & 1], status, sizeof(*status));
	__atomic_store_n(&segment->turn->turn, turn, __ATOMIC_RELEASE);
	__atomic_store_n(&segment->turn->heartbeat_ns, status->mono_ns,
			 __ATOMIC_RELAXED);
}

void
segment_unlink(struct segment *segment)
{
	CALL(unlinkat, AT_FDCWD, segment->path, 0, 0);
}

bool
segment_is_cut(const struct segment *segment)
{
	struct stat found;

	return !safe_failed(
		   CALL(newfstatat, segment->fd, "", &found, AT_EMPTY_PATH)) &&
	       (uint64_t)found.st_size < segment->size;
}

static bool
is_same_file(long fd, const struct segment *segment)
{
	struct stat found;

	return !safe_failed(CALL(newfstatat, fd, "", &found, AT_EMPTY_PATH)) &&
	       found.st_dev == segment->device &&
	       found.st_ino == segment->inode;
}

static long
open_again(const struct segment *segment)
{
	long fd = CALL(openat, AT_FDCWD, segment->path,
		       O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);

	if (safe_failed(fd) || is_same_file(fd, segment))
		return fd;
	CALL(close, fd, 0, 0, 0);
	return -EBADF;
}

long
segment_hold(const struct segment *segment)
{
	long fd = open_again(segment);
	long held = fd;

	if (safe_failed(fd))
		return fd;
	for (long least = HELD_LEAST; least > 2; least /= 4) {
		held = CALL(fcntl, fd, F_DUPFD_CLOEXEC, least, 0);
		if (!safe_failed(held))
			break;
	}
	CALL(close, fd, 0, 0, 0);
	return held;
}

void
segment_release(const struct segment *segment, long held)
{
	if (is_same_file(held, segment))
		CALL(close, held, 0, 0, 0);
}

void
segment_reopen(struct segment *segment, long held)
{
	segment->fd = open_again(segment);
	if (!held)
		return;
	if (!safe_failed(segment->fd))
		segment_release(segment, held);
	else if (is_same_file(held, segment))
		segment->fd = held;
}

void
segment_unmap(struct segment *segment)
{
	for (uint32_t i = 0; i < segment->part_count; i++)
		safe_unreserve(segment->parts[i].start,
			       segment->parts[i].bytes);
	segment_forget(segment);
}

void
segment_close(struct segment *segment)
{
	CALL(close, segment->fd, 0, 0, 0);
	segment_unmap(segment);
}

void
segment_forget(struct segment *segment)
{
	memset(segment, 0, sizeof(*segment));
}
