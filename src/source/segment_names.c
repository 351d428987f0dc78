/*
 * segment_names.c - the names log: strings, modules, frames, stacks, marks.
 *
 * An entry may only refer to ids that stand before it. The log never changes
 * once published, so what does not fit ends the reading for good.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/segment.h"

#define CHUNK 65536

/* Bytes of the log, copied piece by piece. */
struct piece {
	uint8_t bytes[CHUNK];
	size_t size;
};

static bool
take_string(struct segment_names *log, struct names *names,
	    const struct wire_name *name)
{
	if (sizeof(*name) + name->length > name->size)
		return false;
	log->strings = mem_room(log->strings, &log->string_room,
				log->string_count, sizeof(uint32_t));
	log->strings[log->string_count++] =
	    names_string(names, (const char *)(name + 1), name->length);
	return true;
}

/* False when the wire's string id is not known yet. */
static bool
map_string(const struct segment_names *log, uint32_t wire, uint32_t *id)
{
	if (wire > log->string_count)
		return false;
	*id = wire ? log->strings[wire - 1] : 0;
	return true;
}

static bool
take_module(struct segment_names *log, struct names *names,
	    const struct wire_name_module *entry)
{
	struct module module = {
	    .start = entry->start,
	    .end = entry->end,
	    .bias = entry->bias,
	    .build_id_size = entry->build_id_size,
	};

	if (module.build_id_size > sizeof(module.build_id) ||
	    !map_string(log, entry->path, &module.path))
		return false;
	memcpy(module.build_id, entry->build_id, module.build_id_size);
	names_add_module(names, &module);
	return true;
}

static bool
take_native(struct names *names, const struct wire_name_native *entry)
{
	if (entry->module > names_modules(names))
		return false;
	names_add_native(names, entry->module, entry->offset);
	return true;
}

static bool
take_python(struct segment_names *log, struct names *names,
	    const struct wire_name_python *entry)
{
	uint32_t file, function;

	if (!map_string(log, entry->file, &file) ||
	    !map_string(log, entry->function, &function))
		return false;
	names_add_python(names, file, function, entry->line);
	return true;
}

static bool
take_stack(struct names *names, const struct wire_name_stack *entry)
{
	if (entry->parent > names_stacks(names) || !entry->frame ||
	    entry->frame > names_frames(names))
		return false;
	names_add_stack(names, entry->parent, entry->frame);
	return true;
}

static bool
take_mark(struct segment_names *log, struct snapshot *snapshot,
	  const struct wire_name_mark *entry)
{
	struct program_mark mark = {
	    .tick = entry->tick,
	    .time_ns = entry->time_ns,
	    .live_bytes = entry->live_bytes,
	    .live_count = entry->live_count,
	    .work_units = entry->work_units,
	};

	if (!map_string(log, entry->text, &mark.text))
		return false;
	snapshot_add_mark(snapshot, &mark);
	return true;
}

static bool
take_entry(struct segment_names *log, struct snapshot *snapshot,
	   const struct wire_name *name)
{
	struct names *names = snapshot->names;
	const void *entry = name;

	switch (name->kind) {
	case WIRE_NAME_STRING:
		return take_string(log, names, name);
	case WIRE_NAME_MODULE:
		return name->size >= sizeof(struct wire_name_module) &&
		       take_module(log, names, entry);
	case WIRE_NAME_NATIVE:
		return name->size >= sizeof(struct wire_name_native) &&
		       take_native(names, entry);
	case WIRE_NAME_PYTHON:
		return name->size >= sizeof(struct wire_name_python) &&
		       take_python(log, names, entry);
	case WIRE_NAME_STACK:
		return name->size >= sizeof(struct wire_name_stack) &&
		       take_stack(names, entry);
	case WIRE_NAME_MARK:
		return name->size >= sizeof(struct wire_name_mark) &&
		       take_mark(log, snapshot, entry);
	default:
		return true; /* of a later minor version */
	}
}

/* Takes the whole entries of a piece; returns the bytes used, or -1. */
static int64_t
take_piece(struct segment_names *log, struct snapshot *snapshot,
	   const struct piece *piece, bool last)
{
	size_t at = 0;

	while (piece->size - at >= sizeof(struct wire_name)) {
		const struct wire_name *name =
		    (const void *)(piece->bytes + at);

		if (name->size < sizeof(*name) || name->size % 8 ||
		    name->size > CHUNK)
			return -1;
		if (name->size > piece->size - at)
			break;
		if (!take_entry(log, snapshot, name))
			return -1;
		at += name->size;
	}
	return last && at != piece->size ? -1 : (int64_t)at;
}

/* Reads the extent under the cursor up to `end`. */
static bool
read_extent(const struct segment *segment, struct segment_names *log,
	    struct snapshot *snapshot, uint64_t offset, uint64_t end)
{
	struct piece *piece = mem_alloc(sizeof(*piece));
	bool good = true;

	while (good && log->used < end) {
		uint64_t left = end - log->used;
		int64_t took;

		piece->size = left < CHUNK ? (size_t)left : CHUNK;
		good = segment_read(segment, offset + log->used, piece->bytes,
				    piece->size);
		if (!good)
			break;
		took = take_piece(log, snapshot, piece, piece->size == left);
		good = took > 0;
		log->used += good ? (uint64_t)took : 0;
	}
	free(piece);
	return good;
}

bool
segment_read_names(const struct segment *segment, struct segment_names *log,
		   struct snapshot *snapshot, struct err *err)
{
	const struct wire_status *status = &segment->status;

	for (;;) {
		const struct wire_extent *extent;
		bool last = log->extent + 1 == status->names_extents;

		if (log->extent >= status->names_extents)
			break;
		extent = &status->extents[log->extent];
		if (!read_extent(segment, log, snapshot, extent->offset,
				 last ? status->names_bytes : extent->size))
			break;
		if (last)
			return true;
		log->extent++;
		log->used = 0;
	}
	return source_fail(err, segment->path,
			   "its names are damaged; start the program again");
}

void
segment_names_fini(struct segment_names *log)
{
	free(log->strings);
	*log = (struct segment_names){0};
}
