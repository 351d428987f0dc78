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

/* Kinds of location entries from 3.11 on; lower ones are short forms. */
enum {
	LOCATION_ONE_LINE_0 = 10,
	LOCATION_ONE_LINE_2 = 12,
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15,
};

/* Pairs of (address step, signed line step). */
static int64_t
find_lnotab(const struct py_lines *lines, int32_t offset)
{
	int64_t line = lines->first_line;
	int64_t address = 0;

	for (size_t i = 0; i + 1 < lines->size; i += 2) {
		address += lines->table[i];
		if (address > offset)
			break;
		line += (int8_t)lines->table[i + 1];
	}
	return line;
}

/* Pairs of (length of a range, signed line step). */
static int64_t
find_ranges(const struct py_lines *lines, int32_t offset)
{
	int64_t line = lines->first_line;
	int64_t end = 0;

	for (size_t i = 0; i + 1 < lines->size; i += 2) {
		int8_t step = (int8_t)lines->table[i + 1];

		end += lines->table[i];
		if (step != RANGE_NO_LINE)
			line += step;
		if (offset < end)
			return step == RANGE_NO_LINE ? 0 : line;
	}
	return 0;
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
static int64_t
find_locations(const struct py_lines *lines, int32_t offset)
{
	int64_t line = lines->first_line;
	int64_t end = 0;
	size_t at = 0;

	while (at < lines->size) {
		uint8_t first = lines->table[at++];
		int kind = (first >> 3) & 15;

		end += 2 * ((first & 7) + 1);
		if (kind == LOCATION_NO_COLUMNS || kind == LOCATION_LONG)
			line += read_signed_varint(lines, at);
		else if (kind >= LOCATION_ONE_LINE_0 &&
			 kind <= LOCATION_ONE_LINE_2)
			line += kind - LOCATION_ONE_LINE_0;
		if (offset < end)
			return kind == LOCATION_NONE ? 0 : line;
		while (at < lines->size && !(lines->table[at] & 0x80))
			at++;
	}
	return 0;
}

uint32_t
py_lines_find(const struct py_lines *lines, int32_t offset)
{
	int64_t line = lines->first_line;

	if (offset >= 0 && lines->format == PY_LINES_LNOTAB)
		line = find_lnotab(lines, offset);
	else if (offset >= 0 && lines->format == PY_LINES_RANGES)
		line = find_ranges(lines, offset);
	else if (offset >= 0)
		line = find_locations(lines, offset);
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}
