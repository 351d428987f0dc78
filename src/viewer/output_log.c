/* output_log.c - a ring of the last lines. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "viewer/output_log.h"

#define LINES_DEFAULT  10000
#define LINE_MAX_BYTES 4096

struct output_log {
	char **lines; /* ring; the newest may still lack its end */
	size_t capacity;
	size_t first;
	size_t count;
	size_t open_size; /* bytes of the newest line */
	size_t open_room;
	bool open; /* the newest line has no end yet */
	uint64_t seen;
	uint64_t bytes;
};

struct output_log *
output_log_new(size_t lines)
{
	struct output_log *log = mem_alloc(sizeof(*log));

	log->capacity = lines ? lines : LINES_DEFAULT;
	log->lines = mem_array(log->capacity, sizeof(*log->lines));
	return log;
}

void
output_log_free(struct output_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < log->capacity; i++)
		free(log->lines[i]);
	free(log->lines);
	free(log);
}

static char **
line_slot(const struct output_log *log, size_t index)
{
	return &log->lines[(log->first + index) % log->capacity];
}

static void
line_begin(struct output_log *log)
{
	if (log->count == log->capacity) {
		char **oldest = line_slot(log, 0);

		free(*oldest);
		*oldest = NULL;
		log->first = (log->first + 1) % log->capacity;
		log->count--;
	}
	*line_slot(log, log->count) = mem_string("");
	log->count++;
	log->seen++;
	log->open = true;
	log->open_size = 0;
	log->open_room = 1;
}

static void
line_extend(struct output_log *log, const char *bytes, size_t size)
{
	char **line = line_slot(log, log->count - 1);

	if (log->open_size + size + 1 > log->open_room) {
		log->open_room = 2 * (log->open_size + size) + 1;
		*line = mem_grow(*line, log->open_room, 1);
	}
	for (size_t i = 0; i < size; i++)
		(*line)[log->open_size++] = bytes[i] ? bytes[i] : ' ';
	(*line)[log->open_size] = '\0';
}

void
output_log_append(struct output_log *log, const char *bytes, size_t size)
{
	log->bytes += size;
	while (size > 0) {
		const char *end = memchr(bytes, '\n', size);
		size_t part = end ? (size_t)(end - bytes) : size;

		if (!log->open)
			line_begin(log);
		if (part > LINE_MAX_BYTES - log->open_size) {
			part = LINE_MAX_BYTES - log->open_size;
			end = NULL;
		}
		line_extend(log, bytes, part);
		bytes += part;
		size -= part;
		if (end) {
			bytes++;
			size--;
		}
		if (end || log->open_size == LINE_MAX_BYTES)
			log->open = false;
	}
}

size_t
output_log_count(const struct output_log *log)
{
	return log->count;
}

uint64_t
output_log_lines(const struct output_log *log)
{
	return log->seen;
}

uint64_t
output_log_bytes(const struct output_log *log)
{
	return log->bytes;
}

const char *
output_log_line(const struct output_log *log, size_t index)
{
	return index < log->count ? *line_slot(log, index) : "";
}
