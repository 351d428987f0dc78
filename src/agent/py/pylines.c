/*
 * pylines.c - instruction to line.
 *
 * Sources: Objects/lnotab_notes.txt of 3.6 to 3.10 and
 * Objects/locations.md of 3.11.
 *
 * Context: any.
 */
#include "config.h"

#include "agent/py/pylines.h"

#include <stdbool.h>

#define RANGE_NO_LINE (-128) /* 3.10 */
#define GROUP_LINES   64

/* Kinds of location entries from 3.11 on; lower ones are short forms. */
enum {
	LOCATION_ONE_LINE_0 = 10,
	LOCATION_ONE_LINE_2 = 12,
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15,
};

/* A table as it is read: [start, end) has the line. */
struct range {
	const struct py_lines *lines;
	size_t at; /* of the next entry */
	int64_t start;
	int64_t end;
	int64_t line; /* so far; that of the range if has_line */
	bool has_line;
};

static struct range
range_from(const struct py_lines *lines, const struct py_lines_place *place)
{
	return (struct range){lines,	  place->at,   place->start,
			      place->end, place->line, place->has_line};
}

/* Pairs of (address step, signed line step): the steps come before what they
 * are for. The last range has no end. */
static bool
next_lnotab(struct range *range)
{
	const struct py_lines *lines = range->lines;

	if (range->end == INT64_MAX)
		return false;
	if (range->at) /* the line step of the pair that ended the last one */
		range->line += (int8_t)lines->table[range->at - 1];
	range->has_line = true;
	range->start = range->end;
	if (range->at + 1 < lines->size) {
		range->end += lines->table[range->at];
		range->at += 2;
	} else {
		range->end = INT64_MAX;
	}
	return true;
}

/* Pairs of (length of a range, signed line step). */
static bool
next_pair(struct range *range)
{
	const struct py_lines *lines = range->lines;
	int8_t step;

	if (range->at + 1 >= lines->size)
		return false;
	step = (int8_t)lines->table[range->at + 1];
	range->has_line = step != RANGE_NO_LINE;
	if (range->has_line)
		range->line += step;
	range->start = range->end;
	range->end += lines->table[range->at];
	range->at += 2;
	return true;
}

/* 6 bits a byte, lowest first, bit 6 says that more follow. */
static int64_t
read_signed_varint(const struct py_lines *lines, size_t at)
{
	uint64_t value = 0;

	for (unsigned shift = 0; at < lines->size && shift < 36; shift += 6) {
		uint8_t byte = lines->table[at++];

		value |= (uint64_t)(byte & 0x3f) << shift;
		if (!(byte & 0x40))
			break;
	}
	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

/* Entries of a first byte with bit 7 set and more bytes without. */
static bool
next_location(struct range *range)
{
	const struct py_lines *lines = range->lines;
	uint8_t first;
	int kind;

	if (range->at >= lines->size)
		return false;
	first = lines->table[range->at++];
	kind = (first >> 3) & 15;
	range->start = range->end;
	range->end += 2 * ((first & 7) + 1);
	if (kind == LOCATION_NO_COLUMNS || kind == LOCATION_LONG)
		range->line += read_signed_varint(lines, range->at);
	else if (kind >= LOCATION_ONE_LINE_0 && kind <= LOCATION_ONE_LINE_2)
		range->line += kind - LOCATION_ONE_LINE_0;
	range->has_line = kind != LOCATION_NONE;
	while (range->at < lines->size && !(lines->table[range->at] & 0x80))
		range->at++;
	return true;
}

static bool
next_range(struct range *range)
{
	switch (range->lines->format) {
	case PY_LINES_LNOTAB:
		return next_lnotab(range);
	case PY_LINES_RANGES:
		return next_pair(range);
	case PY_LINES_LOCATIONS:
		break;
	}
	return next_location(range);
}

static uint32_t
range_line(const struct range *range)
{
	if (!range->has_line || range->line <= 0 || range->line > INT32_MAX)
		return 0;
	return (uint32_t)range->line;
}

uint32_t
py_lines_find_from(const struct py_lines *lines, int32_t offset,
		   struct py_lines_place *place)
{
	struct range range = {.lines = lines, .line = lines->first_line};

	if (offset < 0) {
		range.has_line = true;
		return range_line(&range);
	}
	if (place->table == lines->table && place->start <= offset)
		range = range_from(lines, place);
	while (offset >= range.end)
		if (!next_range(&range))
			return 0;
	*place = (struct py_lines_place){lines->table, range.at,
					 range.start,  range.end,
					 range.line,   range.has_line};
	return range_line(&range);
}

uint32_t
py_lines_find(const struct py_lines *lines, int32_t offset)
{
	struct py_lines_place place = {0};

	return py_lines_find_from(lines, offset, &place);
}

/* False: it does not fit. */
static bool
unit_step(const struct py_lines *lines, uint32_t line, int16_t *step)
{
	int64_t distance = (int64_t)line - lines->first_line;

	*step = line ? (int16_t)distance : PY_UNIT_NO_LINE;
	return !line || (distance > INT16_MIN && distance <= INT16_MAX);
}

size_t
py_lines_units(const struct py_lines *lines, struct py_unit *units, size_t max)
{
	struct range range = {.lines = lines, .line = lines->first_line};
	struct {
		uint32_t line;
		uint32_t unit; /* from 1 */
	} seen[GROUP_LINES] = {{0, 0}};
	size_t count = 0;

	while (next_range(&range)) {
		uint32_t line = range_line(&range);
		uint32_t slot = line % GROUP_LINES;
		int64_t end; /* the first unit behind */
		struct py_unit unit;

		end = range.end == INT64_MAX ? (int64_t)count + 1
					     : (range.end + 1) / 2;
		if (end > (int64_t)max || !unit_step(lines, line, &unit.step))
			return 0;
		if (end <= (int64_t)count)
			continue;
		if (!seen[slot].unit || seen[slot].line != line) {
			seen[slot].line = line;
			seen[slot].unit = (uint32_t)count + 1;
		}
		unit.first = (uint16_t)(seen[slot].unit - 1);
		while ((int64_t)count < end)
			units[count++] = unit;
	}
	return count;
}
