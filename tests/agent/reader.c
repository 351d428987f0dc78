/*
 * reader.c - reads a segment, strictly by what wire.h says.
 */
#include "config.h"

#include "reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_TRIES 100000

static bool
fault(struct reader *reader, const char *why)
{
	reader->fault = why;
	return false;
}

static bool
moved(struct reader *reader)
{
	reader->moved = true;
	return fault(reader, "the writer went on");
}

/* Of what may be written to meanwhile: whole words. */
static void
copy(void *to, const void *from, size_t size)
{
	typedef uint64_t __attribute__((may_alias)) word;
	const word *words = from;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		((word *)to)[i] = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
}

void
reader_fini(struct reader *reader)
{
	for (uint32_t i = 1; reader->strings && i <= reader->string_count; i++)
		free(reader->strings[i]);
	free(reader->strings);
	free(reader->modules);
	free(reader->frames);
	free(reader->stacks);
	free(reader->marks);
	free(reader->sites);
	memset(reader, 0, sizeof(*reader));
}

/* Element `count` of an array that grows; counts from 1. */
static void *
element(void *array, uint32_t count, size_t size)
{
	void **pointer = array;

	if ((count & (count - 1)) == 0) {
		*pointer = realloc(*pointer, (size_t)count * 2 * size);
		if (!*pointer)
			abort();
	}
	return memset((char *)*pointer + count * size, 0, size);
}

static bool
read_string(struct reader *reader, const struct wire_name *name)
{
	char **string = element(&reader->strings, reader->string_count + 1,
				sizeof(*reader->strings));

	if (name->length > WIRE_STRING_MAX ||
	    name->size < sizeof(*name) + name->length)
		return fault(reader, "a string is larger than its entry");
	reader->string_count++;
	*string = calloc(1, name->length + 1u);
	memcpy(*string, name + 1, name->length);
	return true;
}

static bool
read_module(struct reader *reader, const struct wire_name *name)
{
	struct wire_name_module *module =
	    element(&reader->modules, ++reader->module_count, sizeof(*module));

	if (name->size != sizeof(*module))
		return fault(reader, "a module of odd size");
	memcpy(module, name, sizeof(*module));
	if (!module->path || module->path > reader->string_count)
		return fault(reader, "a module's path comes after it");
	return true;
}

static bool
read_frame(struct reader *reader, const struct wire_name *name)
{
	struct reader_frame *frame =
	    element(&reader->frames, ++reader->frame_count, sizeof(*frame));
	const struct wire_name_native *native = (const void *)name;
	const struct wire_name_python *python = (const void *)name;

	if (name->size != sizeof(*native))
		return fault(reader, "a frame of odd size");
	frame->kind = name->kind;
	if (name->kind == WIRE_NAME_NATIVE) {
		frame->module = native->module;
		frame->offset = native->offset;
		if (native->module > reader->module_count)
			return fault(reader, "a frame's module comes later");
		return true;
	}
	frame->file = python->file;
	frame->function = python->function;
	frame->line = python->line;
	frame->first_line = python->first_line;
	if (!python->file || python->file > reader->string_count ||
	    !python->function || python->function > reader->string_count)
		return fault(reader, "a frame's string comes later");
	return true;
}

static bool
read_stack(struct reader *reader, const struct wire_name *name)
{
	const struct wire_name_stack *entry = (const void *)name;
	struct reader_stack *stack =
	    element(&reader->stacks, ++reader->stack_count, sizeof(*stack));

	if (name->size != sizeof(*entry))
		return fault(reader, "a stack of odd size");
	stack->parent = entry->parent;
	stack->frame = entry->frame;
	if (entry->parent >= reader->stack_count)
		return fault(reader, "a stack's parent is not lower");
	if (!entry->frame || entry->frame > reader->frame_count)
		return fault(reader, "a stack's frame comes later");
	return true;
}

static bool
read_mark(struct reader *reader, const struct wire_name *name)
{
	struct wire_name_mark *mark =
	    element(&reader->marks, ++reader->mark_count, sizeof(*mark));

	if (name->size != sizeof(*mark))
		return fault(reader, "a mark of odd size");
	memcpy(mark, name, sizeof(*mark));
	if (!mark->text || mark->text > reader->string_count)
		return fault(reader, "a mark's text comes later");
	return true;
}

static bool
read_name(struct reader *reader, const struct wire_name *name)
{
	switch (name->kind) {
	case WIRE_NAME_STRING:
		return read_string(reader, name);
	case WIRE_NAME_MODULE:
		return read_module(reader, name);
	case WIRE_NAME_NATIVE:
	case WIRE_NAME_PYTHON:
		return read_frame(reader, name);
	case WIRE_NAME_STACK:
		return read_stack(reader, name);
	case WIRE_NAME_MARK:
		return read_mark(reader, name);
	}
	return fault(reader, "a name of unknown kind");
}

static bool
read_names(struct reader *reader, const char *start, size_t size)
{
	const struct wire_status *status = &reader->status;

	if (status->names_extents > WIRE_EXTENTS_MAX)
		return fault(reader, "too many extents");
	for (uint64_t i = 0; i < status->names_extents; i++) {
		const struct wire_extent *extent = &status->extents[i];
		uint64_t used = i + 1 < status->names_extents
				    ? extent->size
				    : status->names_bytes;

		if (extent->offset > size || used > size - extent->offset)
			return fault(reader, "an extent outside the file");
		for (uint64_t at = 0; at < used;) {
			const struct wire_name *name =
			    (const void *)(start + extent->offset + at);

			if (used - at < sizeof(*name) || name->size % 8 ||
			    name->size < sizeof(*name) ||
			    name->size > used - at)
				return fault(reader, "a broken entry");
			if (!read_name(reader, name))
				return false;
			at += name->size;
		}
	}
	return true;
}

struct slot {
	struct wire_record record;
	struct wire_spread spread;
};

/* A slot as it was at one time; false: it was being written. */
static bool
read_slot(const void *from, size_t size, struct slot *slot)
{
	const struct wire_record *record = from;
	uint64_t sequence =
	    __atomic_load_n(&record->sequence, __ATOMIC_ACQUIRE);

	memset(slot, 0, sizeof(*slot));
	copy(slot, from, size);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	slot->record.sequence = sequence;
	return sequence &&
	       __atomic_load_n(&record->sequence, __ATOMIC_RELAXED) == sequence;
}

static bool
take_record(struct reader *reader, const struct slot *slot)
{
	const struct wire_record *record = &slot->record;
	struct reader_site *site;

	if (record->kind != WIRE_RECORD_SITE ||
	    record->tick > reader->status.tick)
		return true;
	if (!record->id || record->id > reader->status.sites)
		return fault(reader, "a record of no site");
	site = &reader->sites[record->id];
	if (site->there && site->tick > record->tick)
		return true;
	site->there = true;
	site->domain = record->domain;
	site->stack = record->stack;
	site->tick = record->tick;
	site->totals.alloc_bytes = record->alloc_bytes;
	site->totals.alloc_count = record->alloc_count;
	site->totals.free_bytes = record->free_bytes;
	site->totals.free_count = record->free_count;
	site->peak = record->peak_bytes;
	site->spread = slot->spread;
	return true;
}

static bool
read_ring(struct reader *reader, const char *start, size_t size)
{
	const struct wire_status *status = &reader->status;
	const char *slots = start + status->ring_offset;
	uint64_t count = status->ring_slots;
	uint64_t bytes =
	    status->record_bytes ? status->record_bytes : WIRE_RECORD_EXACT;
	struct slot slot;

	if (bytes != WIRE_RECORD_EXACT && bytes != WIRE_RECORD_SAMPLED)
		return fault(reader, "records of odd size");
	if (!count || count > size / bytes ||
	    status->ring_offset > size - count * bytes)
		return fault(reader, "the ring does not lie in the file");
	reader->sites = calloc(status->sites + 1, sizeof(*reader->sites));
	if (!reader->sites)
		abort();
	for (uint64_t i = 0; i < count; i++) {
		bool whole = false;

		/* Renumbered meanwhile: what it says is the same. */
		for (int tries = 0; tries < 3 && !whole; tries++)
			whole = read_slot(slots + i * bytes, bytes, &slot);
		if (!whole)
			continue;
		if ((slot.record.sequence - 1) % count != i)
			return fault(reader, "a sequence in a wrong slot");
		if (!take_record(reader, &slot))
			return false;
	}
	return true;
}

static uint64_t
load_turn(const char *start)
{
	const struct wire_turn *turn = (const void *)(start + WIRE_TURN_OFFSET);

	return __atomic_load_n(&turn->turn, __ATOMIC_ACQUIRE);
}

static bool
read_status(struct reader *reader, const char *start, uint64_t turn)
{
	const struct wire_status *both =
	    (const void *)(start + WIRE_STATUS_OFFSET);

	copy(&reader->status, &both[turn & 1], sizeof(reader->status));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return load_turn(start) == turn || moved(reader);
}

bool
reader_read(struct reader *reader, const void *start, size_t size)
{
	const struct wire_header *header = start;
	uint64_t turn;

	reader_fini(reader);
	if (size < WIRE_BODY_OFFSET || header->magic != WIRE_MAGIC ||
	    header->major != WIRE_MAJOR)
		return fault(reader, "no segment");
	turn = load_turn(start);
	if (!turn)
		return fault(reader, "nothing is published");
	if (!read_status(reader, start, turn))
		return false;
	if (reader->status.file_size > size)
		return moved(reader); /* map it anew */
	if (!read_names(reader, start, size) || !read_ring(reader, start, size))
		return load_turn(start) == turn ? false : moved(reader);
	/* Two ticks on, what this one left out may have been overwritten. */
	return load_turn(start) == turn || moved(reader);
}

static bool
read_once(struct reader *reader, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat found;
	void *start;
	bool done;

	reader_fini(reader);
	if (fd < 0)
		return fault(reader, "cannot open the file");
	fstat(fd, &found);
	start = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (start == MAP_FAILED)
		return fault(reader, "cannot map the file");
	done = reader_read(reader, start, (size_t)found.st_size);
	munmap(start, (size_t)found.st_size);
	return done;
}

bool
reader_read_file(struct reader *reader, const char *path)
{
	for (int tries = 0; tries < READER_TRIES; tries++)
		if (read_once(reader, path) || !reader->moved)
			break;
	return !reader->fault;
}

bool
reader_take_only(struct reader *reader, const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char path[400];
	bool good = false;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		good = reader_read_file(reader, path);
		unlink(path);
	}
	closedir(dir);
	return good;
}

struct wire_totals
reader_sum(const struct reader *reader, unsigned domain)
{
	struct wire_totals sum = {0};

	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct reader_site *site = &reader->sites[i];

		if (!site->there || site->domain != domain)
			continue;
		sum.alloc_bytes += site->totals.alloc_bytes;
		sum.alloc_count += site->totals.alloc_count;
		sum.free_bytes += site->totals.free_bytes;
		sum.free_count += site->totals.free_count;
	}
	return sum;
}

static bool
ends_in(const char *text, const char *end)
{
	size_t have = strlen(text);
	size_t want = strlen(end);

	return have >= want && strcmp(text + have - want, end) == 0;
}

bool
reader_is_named(const struct reader *reader)
{
	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct reader_site *site = &reader->sites[i];

		if (site->there &&
		    (!site->stack || site->stack > reader->stack_count))
			return false;
	}
	return true;
}

bool
reader_stack_begins(const struct reader *reader, uint32_t stack,
		    const char *module, uint64_t low, uint64_t high)
{
	const struct reader_frame *frame;

	if (!stack || stack > reader->stack_count)
		return false;
	frame = &reader->frames[reader->stacks[stack].frame];
	return frame->kind == WIRE_NAME_NATIVE && frame->module &&
	       frame->offset >= low && frame->offset < high &&
	       ends_in(reader->strings[reader->modules[frame->module].path],
		       module);
}
