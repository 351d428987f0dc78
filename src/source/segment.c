/* segment.c - the pages of a segment: header, control, turn and status. */
#include "config.h"

#include "source/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "source/container.h"

/* A heartbeat that is younger is a sign of life. */
#define HEARTBEAT_NS UINT64_C(5000000000)

/* By somebody else; the agent makes it anew (minor 4). */
#define CUT_SHORT                                  \
	"the segment is cut short; open it again," \
	" or start the program again"

int
segment_open_file(int directory, const char *name, int flags, bool *writable)
{
	int fd;

	flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	fd = openat(directory, name, O_RDWR | flags);
	*writable = fd >= 0;
	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM ||
		       errno == ETXTBSY || errno == EISDIR))
		fd = openat(directory, name, O_RDONLY | flags);
	return fd;
}

static bool
read_at(int fd, uint64_t offset, void *out, size_t size)
{
	char *at = out;

	if (offset > (uint64_t)INT64_MAX - size)
		return false;
	while (size) {
		ssize_t got = pread(fd, at, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

bool
segment_read(const struct segment *segment, uint64_t offset, void *out,
	     size_t size)
{
	return read_at(segment->fd, offset, out, size);
}

static bool
check_header(struct segment *segment, struct err *err)
{
	const struct wire_header *header = &segment->header;

	if (header->magic == 0)
		return source_fail(err, segment->path,
				   "the agent has not finished starting; try "
				   "again");
	if (header->magic != WIRE_MAGIC)
		return source_fail(err, segment->path,
				   "not a heaptop segment; give a PID, a "
				   "segment or a saved snapshot");
	if (header->major != WIRE_MAJOR)
		return source_fail(err, segment->path,
				   "written in version %u of the format, and "
				   "this heaptop reads %u; use the heaptop "
				   "that the process was started with",
				   header->major, WIRE_MAJOR);
	return true;
}

static uint32_t
outer_pid(const struct wire_header *header, uint32_t pid)
{
	uint64_t namespace = proc_pid_namespace();

	if (!header->pid_ns || !namespace || header->pid_ns == namespace)
		return pid;
	return pid ? container_outer(header->pid_ns, pid) : 0;
}

bool
segment_open(struct segment *segment, int fd, bool writable, const char *path,
	     struct err *err)
{
	struct stat found;
	void *page;

	*segment =
	    (struct segment){.fd = fd, .writable = writable, .path = path};
	if (fstat(fd, &found) || !S_ISREG(found.st_mode)) {
		source_fail(err, path,
			    "not a regular file; give a PID, a "
			    "segment or a saved snapshot");
		goto close_file;
	}
	if (!segment_read(segment, 0, &segment->header,
			  sizeof(segment->header))) {
		source_fail(err, path, CUT_SHORT);
		goto close_file;
	}
	if (!check_header(segment, err))
		goto close_file;
	if (found.st_size < WIRE_BODY_OFFSET) {
		source_fail(err, path, CUT_SHORT);
		goto close_file;
	}
	segment->pid = outer_pid(&segment->header, segment->header.pid);
	if (writable) {
		page = mmap(NULL, WIRE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, WIRE_CONTROL_OFFSET);
		segment->control = page == MAP_FAILED ? NULL : page;
	}
	return true;
close_file:
	close(fd);
	segment->fd = -1;
	return false;
}

void
segment_close(struct segment *segment)
{
	if (segment->control)
		munmap(segment->control, WIRE_PAGE);
	if (segment->fd >= 0)
		close(segment->fd);
	segment->fd = -1;
}

uint64_t
segment_turn(const struct segment *segment)
{
	uint64_t turn;

	return segment_read(segment, WIRE_TURN_OFFSET, &turn, sizeof(turn))
		   ? turn
		   : 0;
}

/* Whether [offset, offset + count * each) lies in the body of the file. */
static bool
part_fits(uint64_t offset, uint64_t count, uint64_t each, uint64_t file_size)
{
	return offset >= WIRE_BODY_OFFSET && offset <= file_size &&
	       count <= (file_size - offset) / each;
}

size_t
segment_slot_bytes(const struct wire_status *status)
{
	return status->record_bytes ? status->record_bytes : WIRE_RECORD_EXACT;
}

static const char *
status_problem(const struct wire_status *status, uint64_t file_size)
{
	uint64_t slots = status->ring_slots;
	size_t slot_bytes = segment_slot_bytes(status);

	if (status->file_size > file_size)
		return CUT_SHORT;
	if (slot_bytes != WIRE_RECORD_EXACT &&
	    slot_bytes != WIRE_RECORD_SAMPLED)
		return "its records have a size that this heaptop does not "
		       "know; use the heaptop that the process was started "
		       "with";
	if (!slots || slots > SEGMENT_SLOTS_MAX || status->ring_offset % 32 ||
	    !part_fits(status->ring_offset, slots, slot_bytes, file_size))
		return "its ring is damaged; start the program again";
	if (!status->names_extents || status->names_extents > WIRE_EXTENTS_MAX)
		return "its names are damaged; start the program again";
	for (uint64_t i = 0; i < status->names_extents; i++) {
		const struct wire_extent *extent = &status->extents[i];

		if (extent->offset % 8 ||
		    !part_fits(extent->offset, extent->size, 1, file_size))
			return "its names are damaged; start the program "
			       "again";
	}
	if (status->names_bytes >
	    status->extents[status->names_extents - 1].size)
		return "its names are damaged; start the program again";
	return NULL;
}

bool
segment_read_status(struct segment *segment, struct err *err)
{
	struct wire_status status;
	struct stat found;
	const char *problem;

	for (int tries = 0; tries < 100; tries++) {
		uint64_t turn[2]; /* and the heartbeat */

		if (!segment_read(segment, WIRE_TURN_OFFSET, turn,
				  sizeof(turn)) ||
		    !segment_read(
			segment, WIRE_STATUS_OFFSET + (turn[0] & 1) * WIRE_PAGE,
			&status, sizeof(status)))
			return source_fail(err, segment->path, CUT_SHORT);
		segment->heartbeat_ns = turn[1];
		if (!turn[0])
			return true;
		if (segment_turn(segment) != turn[0])
			continue;
		if (fstat(segment->fd, &found))
			return source_fail(err, segment->path,
					   "its size cannot be read; start "
					   "the program again");
		problem = status_problem(&status, (uint64_t)found.st_size);
		if (problem)
			return source_fail(err, segment->path, "%s", problem);
		segment->status = status;
		segment->turn = turn[0];
		return true;
	}
	return source_fail(err, segment->path,
			   "its status never stands still; try again");
}

bool
segment_is_alive(const struct segment *segment)
{
	const struct wire_header *header = &segment->header;
	uint8_t boot_id[16];

	if (segment->turn && (segment->status.state == WIRE_STATE_EXITED ||
			      segment->status.state == WIRE_STATE_EXECED))
		return false;
	if (proc_boot_id(boot_id) &&
	    memcmp(boot_id, header->boot_id, sizeof(boot_id)) != 0)
		return false;
	if (!segment->pid && header->pid) {
		/* Nothing of it is seen from here: believe a recent sign. */
		return segment->heartbeat_ns + HEARTBEAT_NS > clock_ns();
	}
	return segment->pid &&
	       proc_start_time(segment->pid) == header->start_time &&
	       !segment_is_replaced(segment);
}

bool
segment_is_replaced(const struct segment *segment)
{
	struct stat ours, there;

	return fstat(segment->fd, &ours) == 0 &&
	       stat(segment->path, &there) == 0 &&
	       (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev);
}

static char *
readable_command(const struct wire_header *header)
{
	size_t size = header->command_size;
	char *text;

	if (size > sizeof(header->command))
		size = sizeof(header->command);
	while (size && !header->command[size - 1])
		size--;
	text = mem_alloc(size + 1);
	for (size_t i = 0; i < size; i++)
		text[i] = header->command[i] ? header->command[i] : ' ';
	return text;
}

static const char *
state_word(const struct segment *segment, bool alive)
{
	uint32_t state =
	    segment->turn ? segment->status.state : WIRE_STATE_STARTING;

	if (!alive && segment_is_replaced(segment))
		return "execed";
	switch (state) {
	case WIRE_STATE_EXITED:
		return "exited";
	case WIRE_STATE_EXECED:
		return "execed";
	case WIRE_STATE_DETACHED:
		return "detached";
	case WIRE_STATE_STARTING:
		return alive ? "starting" : "killed";
	case WIRE_STATE_DORMANT:
		return alive ? "dormant" : "killed";
	default:
		return alive ? "running" : "killed";
	}
}

/* Right now; before the first status, as it was started. */
static bool
is_sampled(const struct segment *segment)
{
	return segment->turn ? segment->status.sample_bytes > 1
			     : segment->header.mode == WIRE_MODE_SAMPLED;
}

/* In words, where it is not the usual one. */
static const char *
live_map_text(uint32_t live_map)
{
	switch (live_map) {
	case WIRE_LIVE_SHADOW_SMALL:
		return "small pieces (address space is limited)";
	case WIRE_LIVE_HASH:
		return "hash table";
	default:
		return NULL;
	}
}

void
segment_process(const struct segment *segment, bool alive,
		struct process *process)
{
	const struct wire_header *header = &segment->header;
	const struct wire_status *status = &segment->status;
	size_t exe_size = strnlen(header->exe, sizeof(header->exe));

	*process = (struct process){
	    .pid = segment->pid ? segment->pid : header->pid,
	    .parent_pid = outer_pid(header, header->parent_pid),
	    .command = readable_command(header),
	    .exe = mem_alloc(exe_size + 1),
	    .python = status->python ? status->python : header->python,
	    .start_ns = header->start_ns,
	    .run_id = header->run_id,
	    .alive = alive,
	    .state = state_word(segment, alive),
	    .asleep = alive && status->asleep == 1,
	    .mode = is_sampled(segment) ? "sampled" : "exact",
	    .unwinder = header->unwinder == WIRE_UNWINDER_LIBUNWIND
			    ? "libunwind"
			: header->unwinder == WIRE_UNWINDER_CHECK ? "check"
								  : "rules",
	    .native = header->native == WIRE_NATIVE_NONE   ? "none"
		      : header->native == WIRE_NATIVE_FULL ? "full"
							   : "leaf",
	    .sample_bytes = status->sample_bytes ? status->sample_bytes : 1,
	    .budget_ppm = status->budget_ppm,
	    .cost_ppm = status->cost_ppm,
	    .live_map = live_map_text(status->live_map),
	    .peak_rss_bytes = status->peak_rss_bytes,
	};
	memcpy(process->exe, header->exe, exe_size);
}

/* The control page */

#define CONTROL(field_) \
	(WIRE_CONTROL_OFFSET + offsetof(struct wire_control, field_))

static bool
write_control(struct segment *segment, uint64_t offset, const void *data,
	      size_t size)
{
	return segment->writable &&
	       pwrite(segment->fd, data, size, (off_t)offset) == (ssize_t)size;
}

/* Two viewers may add at once and one wake be lost in the other: the word has
 * changed for the agent all the same. */
static bool
wake_agent(struct segment *segment)
{
	uint32_t wake;

	if (!segment_read(segment, CONTROL(wake), &wake, sizeof(wake)))
		return false;
	wake++;
	if (!write_control(segment, CONTROL(wake), &wake, sizeof(wake)))
		return false;
	if (segment->control)
		syscall(SYS_futex, segment->control, FUTEX_WAKE, INT_MAX, NULL,
			NULL, 0);
	return true;
}

bool
segment_ask_flush(struct segment *segment, uint32_t *wanted)
{
	if (!segment_read(segment, CONTROL(flush_wanted), wanted,
			  sizeof(*wanted)))
		return false;
	++*wanted;
	return write_control(segment, CONTROL(flush_wanted), wanted,
			     sizeof(*wanted)) &&
	       wake_agent(segment);
}

void
segment_ask_watch(struct segment *segment, uint64_t until_ns)
{
	uint64_t before;

	if (!segment_read(segment, CONTROL(watch_until), &before,
			  sizeof(before)) ||
	    !write_control(segment, CONTROL(watch_until), &until_ns,
			   sizeof(until_ns)))
		return;
	if (before < clock_ns())
		wake_agent(segment);
}

bool
segment_ask_types(struct segment *segment, struct types_ask *ask)
{
	uint32_t count = (uint32_t)ask->count;
	uint32_t flush;

	if (!segment_read(segment, CONTROL(types_wanted), &ask->number,
			  sizeof(ask->number)))
		return false;
	ask->number += ask->number == UINT32_MAX ? 2 : 1;
	return write_control(segment, CONTROL(types_sites), ask->sites,
			     count * sizeof(*ask->sites)) &&
	       write_control(segment, CONTROL(types_rows), ask->rows,
			     count * sizeof(*ask->rows)) &&
	       write_control(segment, CONTROL(types_count), &count,
			     sizeof(count)) &&
	       write_control(segment, CONTROL(types_wanted), &ask->number,
			     sizeof(ask->number)) &&
	       segment_ask_flush(segment, &flush);
}

/* An agent that reads between the two has the new budget for a moment. */
bool
segment_ask_rate(struct segment *segment, uint64_t sample_bytes,
		 uint32_t budget_ppm)
{
	return write_control(segment, CONTROL(budget_ppm), &budget_ppm,
			     sizeof(budget_ppm)) &&
	       write_control(segment, CONTROL(sample_bytes), &sample_bytes,
			     sizeof(sample_bytes)) &&
	       wake_agent(segment);
}

bool
segment_ask_life(struct segment *segment, uint32_t life)
{
	return write_control(segment, CONTROL(life_wanted), &life,
			     sizeof(life)) &&
	       wake_agent(segment);
}
