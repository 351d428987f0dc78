/* segment_writer.c - makes segments for tests. */
#include "config.h"

#include "segment_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void
must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(99);
}

static uint64_t
now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t
add_part(struct segment_writer *writer, uint64_t size)
{
	uint64_t offset = writer->size;

	writer->size += (size + WIRE_PAGE - 1) / WIRE_PAGE * WIRE_PAGE;
	must(writer->size <= WRITER_FILE_MAX, "file");
	must(!ftruncate(writer->fd, (off_t)writer->size), "ftruncate");
	return offset;
}

static uint64_t
own_start_time(void)
{
	char text[1024];
	FILE *file = fopen("/proc/self/stat", "r");
	const char *at;
	uint64_t start = 0;

	must(file && fgets(text, sizeof(text), file), "stat");
	fclose(file);
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	must(at && sscanf(at, "%lu", &start) == 1, "stat");
	return start;
}

static void
fill_boot_id(uint8_t *out)
{
	char text[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
	unsigned digits = 0, value;

	must(file && fgets(text, sizeof(text), file), "boot_id");
	fclose(file);
	for (char *at = text; *at && digits < 16; at += 2) {
		if (*at == '-')
			at++;
		must(sscanf(at, "%2x", &value) == 1, "boot_id");
		out[digits++] = (uint8_t)value;
	}
}

static uint64_t
slot_bytes(const struct segment_writer *writer)
{
	return writer->next.record_bytes ? writer->next.record_bytes : 64;
}

struct wire_record *
writer_slot(const struct segment_writer *writer, uint64_t slot)
{
	return (void *)(writer->ring + slot * slot_bytes(writer));
}

static void
place_ring(struct segment_writer *writer, uint64_t slots)
{
	writer->next.ring_offset = add_part(writer, slots * slot_bytes(writer));
	writer->next.ring_slots = slots;
	writer->ring = writer->bytes + writer->next.ring_offset;
	writer->owners = calloc(slots, sizeof(*writer->owners));
	must(writer->owners != NULL, "calloc");
}

void
writer_open(struct segment_writer *writer, const char *path, uint64_t slots,
	    uint64_t names_size)
{
	struct stat found;

	memset(writer, 0, sizeof(*writer));
	snprintf(writer->path, sizeof(writer->path), "%s", path);
	writer->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(writer->fd >= 0, path);
	writer->bytes = mmap(NULL, WRITER_FILE_MAX, PROT_READ | PROT_WRITE,
			     MAP_SHARED, writer->fd, 0);
	must(writer->bytes != MAP_FAILED, "mmap");
	add_part(writer, WIRE_BODY_OFFSET);
	writer->header = (void *)writer->bytes;
	writer->control = (void *)(writer->bytes + WIRE_CONTROL_OFFSET);
	writer->turn = (void *)(writer->bytes + WIRE_TURN_OFFSET);
	writer->header->major = WIRE_MAJOR;
	writer->header->pid = (uint32_t)getpid();
	writer->header->start_time = own_start_time();
	writer->header->start_ns = now_ns(CLOCK_REALTIME);
	writer->header->uid = getuid();
	if (!stat("/proc/self/ns/pid", &found))
		writer->header->pid_ns = found.st_ino;
	fill_boot_id(writer->header->boot_id);
	writer->header->mode = WIRE_MODE_EXACT;
	writer->header->unwinder = WIRE_UNWINDER_RULES;
	writer->header->command_size = 9;
	memcpy(writer->header->command, "prog\0-x\0y", 9);
	memcpy(writer->header->exe, "/bin/prog", 10);
	place_ring(writer, slots);
	writer->next.state = WIRE_STATE_RUNNING;
	writer->next.extents[0].offset = add_part(writer, names_size);
	writer->next.extents[0].size = names_size;
	writer->next.names_extents = 1;
	__atomic_store_n(&writer->header->magic, WIRE_MAGIC, __ATOMIC_RELEASE);
}

void
writer_close(struct segment_writer *writer)
{
	munmap(writer->bytes, WRITER_FILE_MAX);
	close(writer->fd);
	free(writer->owners);
}

struct wire_name *
writer_entry(struct segment_writer *writer, uint16_t kind, uint32_t size)
{
	struct wire_status *next = &writer->next;
	struct wire_extent *extent = &next->extents[next->names_extents - 1];
	struct wire_name *name;

	size = (size + 7) & ~7u;
	if (extent->size - next->names_bytes < size) {
		uint64_t room =
		    extent->size > size ? extent->size * 2 : size * 2;

		extent->size = next->names_bytes;
		extent = &next->extents[next->names_extents++];
		extent->offset = add_part(writer, room);
		extent->size = room;
		next->names_bytes = 0;
	}
	name = (void *)(writer->bytes + extent->offset + next->names_bytes);
	next->names_bytes += size;
	name->kind = kind;
	name->size = size;
	return name;
}

uint32_t
writer_string(struct segment_writer *writer, const char *text)
{
	size_t length = strlen(text);
	struct wire_name *name = writer_entry(
	    writer, WIRE_NAME_STRING, (uint32_t)(sizeof(*name) + length));

	name->length = (uint16_t)length;
	memcpy(name + 1, text, length);
	return ++writer->strings;
}

uint32_t
writer_module(struct segment_writer *writer, uint32_t path, uint64_t start)
{
	struct wire_name_module *module =
	    (void *)writer_entry(writer, WIRE_NAME_MODULE, sizeof(*module));

	module->start = module->bias = start;
	module->end = start + 0x10000;
	module->path = path;
	module->build_id_size = 20;
	memset(module->build_id, 0xab, 20);
	return ++writer->modules;
}

uint32_t
writer_native(struct segment_writer *writer, uint32_t module, uint64_t offset)
{
	struct wire_name_native *frame =
	    (void *)writer_entry(writer, WIRE_NAME_NATIVE, sizeof(*frame));

	frame->module = module;
	frame->offset = offset;
	return ++writer->frames;
}

uint32_t
writer_python(struct segment_writer *writer, uint32_t file, uint32_t function,
	      uint32_t line)
{
	struct wire_name_python *frame =
	    (void *)writer_entry(writer, WIRE_NAME_PYTHON, sizeof(*frame));

	frame->file = file;
	frame->function = function;
	frame->line = line;
	return ++writer->frames;
}

void
writer_mark(struct segment_writer *writer, uint32_t text)
{
	struct wire_name_mark *mark =
	    (void *)writer_entry(writer, WIRE_NAME_MARK, sizeof(*mark));

	mark->text = text;
	mark->tick = writer->next.tick + 1;
	mark->time_ns = UINT64_C(1700000000000000000);
	mark->live_bytes = 100;
	mark->live_count = 10;
	mark->work_units = writer->next.work_units;
}

uint32_t
writer_stack(struct segment_writer *writer, uint32_t parent, uint32_t frame)
{
	struct wire_name_stack *stack =
	    (void *)writer_entry(writer, WIRE_NAME_STACK, sizeof(*stack));

	stack->parent = parent;
	stack->frame = frame;
	return ++writer->stacks;
}

/* The ring, by the rules of wire.h */

static int
is_kept(const struct segment_writer *writer, uint32_t slot)
{
	uint32_t owner = writer->owners[slot];

	return owner && (writer->newest[owner] == slot + 1 ||
			 writer->committed[owner] == slot + 1);
}

static struct wire_record *
next_slot(struct segment_writer *writer, uint32_t *slot)
{
	for (uint64_t i = 0; i < writer->next.ring_slots; i++) {
		struct wire_record *record;

		*slot = (uint32_t)(writer->next.head % writer->next.ring_slots);
		record = writer_slot(writer, *slot);
		if (!is_kept(writer, *slot)) {
			__atomic_store_n(&record->sequence, 0,
					 __ATOMIC_RELAXED);
			__atomic_thread_fence(__ATOMIC_RELEASE);
			return record;
		}
		__atomic_store_n(&record->sequence, ++writer->next.head,
				 __ATOMIC_RELEASE);
	}
	must(0, "ring is full");
	return NULL;
}

static void
put_site(struct segment_writer *writer, uint32_t id, uint32_t stack,
	 enum wire_domain domain, const struct wire_totals *totals,
	 uint64_t peak_bytes, const struct wire_spread *spread)
{
	uint32_t slot;
	struct wire_record *record = next_slot(writer, &slot);

	record->kind = WIRE_RECORD_SITE;
	record->domain = (uint16_t)domain;
	record->id = id;
	record->stack = stack;
	record->tick = (uint32_t)writer->next.tick + 1;
	record->alloc_bytes = totals->alloc_bytes;
	record->alloc_count = totals->alloc_count;
	record->free_bytes = totals->free_bytes;
	record->free_count = totals->free_count;
	record->peak_bytes = peak_bytes;
	if (slot_bytes(writer) == WIRE_RECORD_SAMPLED)
		memcpy(record + 1, spread, sizeof(*spread));
	__atomic_store_n(&record->sequence, ++writer->next.head,
			 __ATOMIC_RELEASE);
	writer->owners[slot] = id;
	writer->newest[id] = slot + 1;
	if (writer->next.sites < id)
		writer->next.sites = id;
}

void
writer_site(struct segment_writer *writer, uint32_t id, uint32_t stack,
	    enum wire_domain domain, const struct wire_totals *totals,
	    uint64_t peak_bytes)
{
	static const struct wire_spread none;

	put_site(writer, id, stack, domain, totals, peak_bytes, &none);
}

void
writer_sampled_site(struct segment_writer *writer, uint32_t id, uint32_t stack,
		    enum wire_domain domain, const struct wire_totals *totals,
		    const struct wire_spread *spread)
{
	must(slot_bytes(writer) == WIRE_RECORD_SAMPLED, "exact ring");
	put_site(writer, id, stack, domain, totals, 0, spread);
}

void
writer_commit(struct segment_writer *writer)
{
	uint64_t turn = writer->turn->turn + 1;
	struct wire_status *place =
	    (void *)(writer->bytes + WIRE_STATUS_OFFSET +
		     (turn & 1) * WIRE_PAGE);

	writer->next.tick++;
	writer->next.time_ns = now_ns(CLOCK_REALTIME);
	writer->next.mono_ns = now_ns(CLOCK_MONOTONIC);
	writer->next.file_size = writer->size;
	writer->next.flush_done = writer->control->flush_wanted;
	*place = writer->next;
	__atomic_store_n(&writer->turn->turn, turn, __ATOMIC_RELEASE);
	memcpy(writer->committed, writer->newest, sizeof(writer->newest));
}

/* Copies the newest records out of a ring with slots of so many bytes. */
static void
move_ring(struct segment_writer *writer, uint64_t slots, uint64_t old_bytes)
{
	const uint8_t *old = writer->ring;

	free(writer->owners);
	place_ring(writer, slots);
	for (uint32_t id = 1; id <= WRITER_SITES_MAX; id++) {
		uint32_t slot;
		struct wire_record *record;

		if (!writer->newest[id])
			continue;
		slot = (uint32_t)(writer->next.head % slots);
		record = writer_slot(writer, slot);
		memcpy(record, old + (writer->newest[id] - 1) * old_bytes,
		       old_bytes);
		record->sequence = ++writer->next.head;
		writer->owners[slot] = id;
		writer->newest[id] = writer->committed[id] = slot + 1;
	}
}

void
writer_grow(struct segment_writer *writer, uint64_t slots)
{
	move_ring(writer, slots, slot_bytes(writer));
}

void
writer_sample(struct segment_writer *writer, uint64_t slots)
{
	uint64_t old_bytes = slot_bytes(writer);

	writer->next.record_bytes = WIRE_RECORD_SAMPLED;
	writer->next.sample_bytes = 512 << 10;
	writer->header->minor = WIRE_MINOR;
	move_ring(writer, slots, old_bytes);
}
