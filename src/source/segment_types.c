/* segment_types.c - asks what blocks are, and reads the answer. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/segment.h"

_Static_assert(TYPES_SITES_MAX == WIRE_TYPES_SITES, "sites of a request");
_Static_assert(TYPES_ROWS_MAX == WIRE_TYPES_ROWS, "rows of a request");

static uint32_t
digest_of(const struct types_ask *ask)
{
	uint32_t digest = 0;

	for (size_t i = 0; i < ask->count; i++)
		digest = WIRE_TYPES_DIGEST(digest, ask->sites[i], ask->rows[i]);
	return digest;
}

/* Copies the answer. False: it is not there, or not to what was asked. */
static bool
read_page(const struct segment *segment, const struct types_ask *ask,
	  struct wire_types *page)
{
	uint64_t offset = segment->status.types_offset;
	uint32_t after;

	return segment_read(segment, offset, page, sizeof(*page)) &&
	       segment_read(segment, offset, &after, sizeof(after)) &&
	       page->sequence == ask->number && after == ask->number &&
	       page->digest == digest_of(ask);
}

static void
take_entry(const struct wire_type *entry, const struct segment_names *log,
	   struct types *types)
{
	uint32_t name = 0;

	switch (entry->kind) {
	case WIRE_TYPE_OBJECT:
		if (entry->name && entry->name <= log->string_count)
			name = log->strings[entry->name - 1];
		types_add(types, TYPE_OBJECT, name, entry->blocks,
			  entry->bytes);
		break;
	case WIRE_TYPE_BUFFER:
		types_add(types, TYPE_BUFFER, 0, entry->blocks, entry->bytes);
		break;
	case WIRE_TYPE_KEPT:
		types_add(types, TYPE_KEPT, 0, entry->blocks, entry->bytes);
		break;
	case WIRE_TYPE_OTHERS:
		types_add(types, TYPE_OTHERS, 0, entry->blocks, entry->bytes);
		break;
	default: /* of a later minor version */
		break;
	}
}

static void
take_row(const struct wire_types_row *row, struct types *types)
{
	types->part = row->flags & WIRE_TYPES_PART;
	if (row->read && row->blocks > row->read)
		types->every = row->blocks / row->read +
			       (row->blocks % row->read > row->read / 2);
	else if (!row->read)
		types_add(types, TYPE_OTHERS, 0, row->blocks, row->bytes);
}

enum segment_answer
segment_take_types(struct segment *segment, const struct segment_names *log,
		   const struct types_ask *ask, struct types *rows)
{
	struct wire_types *page;
	bool good;

	if ((int32_t)(segment->status.types_done - ask->number) < 0 ||
	    segment->status.types_offset < WIRE_BODY_OFFSET)
		return SEGMENT_NO_ANSWER;
	page = mem_alloc(sizeof(*page));
	good = read_page(segment, ask, page);
	for (uint32_t i = 0; good && i < page->count && i < WIRE_TYPES_MAX; i++)
		if (page->types[i].row < ask->row_count)
			take_entry(&page->types[i], log,
				   &rows[page->types[i].row]);
	for (size_t i = 0; good && i < ask->row_count; i++) {
		take_row(&page->row[i], &rows[i]);
		types_sort(&rows[i]);
	}
	free(page);
	return good ? SEGMENT_ANSWER : SEGMENT_OTHER_ANSWER;
}
