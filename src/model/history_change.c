/* history_change.c - changes as bytes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/history_inner.h"

#define CHANGE_BYTES_MAX (6 * 10) /* of one change */

static size_t
number_put(unsigned char *to, uint64_t value)
{
	size_t size = 0;

	for (; value > 0x7f; value >>= 7)
		to[size++] = (unsigned char)(value | 0x80);
	to[size++] = (unsigned char)value;
	return size;
}

static uint64_t
number_take(struct reader *reader)
{
	uint64_t value = 0;
	unsigned shift = 0;
	unsigned char byte;

	do {
		byte = *reader->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

/* Small numbers of either sign become small ones without. */
static uint64_t
fold(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t
unfold(uint64_t value)
{
	return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

void
writer_clear(struct writer *writer)
{
	writer->size = 0;
	writer->site = 0;
}

void
writer_put(struct writer *writer, const struct change *change)
{
	const int64_t values[] = {change->alloc_bytes, change->alloc_count,
				  change->free_bytes, change->free_count,
				  change->peak_bytes};
	unsigned char *to;
	int64_t any = 0;

	for (size_t i = 0; i < 5; i++)
		any |= values[i];
	if (!any)
		return;
	if (writer->size + CHANGE_BYTES_MAX > writer->room) {
		writer->room = 2 * writer->room + 4096;
		writer->data = mem_grow(writer->data, writer->room, 1);
	}
	to = writer->data + writer->size;
	to += number_put(to, change->site - writer->site);
	for (size_t i = 0; i < 5; i++)
		to += number_put(to, fold(values[i]));
	writer->site = change->site;
	writer->size = (size_t)(to - writer->data);
}

struct reader
reader_of(const struct kept *kept)
{
	struct reader reader = {.at = kept->data, .end = kept->data};

	if (kept->size) /* else data may be NULL, which nothing is added to */
		reader.end += kept->size;
	reader_step(&reader);
	return reader;
}

void
reader_step(struct reader *reader)
{
	struct change *change = &reader->change;

	reader->good = reader->at < reader->end;
	if (!reader->good)
		return;
	change->site += (uint32_t)number_take(reader);
	change->alloc_bytes = unfold(number_take(reader));
	change->alloc_count = unfold(number_take(reader));
	change->free_bytes = unfold(number_take(reader));
	change->free_count = unfold(number_take(reader));
	change->peak_bytes = unfold(number_take(reader));
}

void
kept_fill(struct history *history, struct kept *kept)
{
	struct writer *writer = &history->scratch;

	if (!writer->size)
		return;
	kept->data = mem_grow(writer->data, writer->size, 1);
	kept->size = writer->size;
	history->size += kept->size;
	*writer = (struct writer){0};
}

/* Numbers of a file may be anything: they may wrap but not be undefined. */
static void
add(int64_t *to, int64_t value)
{
	*to = (int64_t)((uint64_t)*to + (uint64_t)value);
}

void
change_add(struct change *to, const struct change *change)
{
	add(&to->alloc_bytes, change->alloc_bytes);
	add(&to->alloc_count, change->alloc_count);
	add(&to->free_bytes, change->free_bytes);
	add(&to->free_count, change->free_count);
	add(&to->peak_bytes, change->peak_bytes);
}

void
total_add(struct total *to, const struct change *change)
{
	to->alloc_bytes += (uint64_t)change->alloc_bytes;
	to->alloc_count += (uint64_t)change->alloc_count;
	to->free_bytes += (uint64_t)change->free_bytes;
	to->free_count += (uint64_t)change->free_count;
	to->peak_bytes += (uint64_t)change->peak_bytes;
}

void
total_subtract(struct total *to, const struct change *change)
{
	to->alloc_bytes -= (uint64_t)change->alloc_bytes;
	to->alloc_count -= (uint64_t)change->alloc_count;
	to->free_bytes -= (uint64_t)change->free_bytes;
	to->free_count -= (uint64_t)change->free_count;
	to->peak_bytes -= (uint64_t)change->peak_bytes;
}
