/*
 * pylines.h - instruction to line, in the three formats CPython has had.
 *
 * Context: any; reads the given bytes only, whatever they are.
 */
#ifndef HEAPTOP_AGENT_PY_PYLINES_H
#define HEAPTOP_AGENT_PY_PYLINES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/py/pyoffsets.h"

struct py_lines {
	const uint8_t *table;
	size_t size;
	int32_t first_line;
	enum py_line_format format;
};

/*
 * The line of the instruction that starts `offset` bytes into the bytecode;
 * below 0 (not started) it is first_line. Returns 0 when the table gives none.
 * The time is linear in the table.
 */
uint32_t py_lines_find(const struct py_lines *, int32_t offset);

/* A range of a table, where a look ended; zero at first. */
struct py_lines_place {
	const uint8_t *table;
	size_t at; /* of the next entry */
	int64_t start;
	int64_t end;
	int64_t line;
	bool has_line;
};
/* The same from there on, where that is not behind the offset. Who asks for
 * many offsets of a long table, mostly in their order, reads it once. */
uint32_t py_lines_find_from(const struct py_lines *, int32_t offset,
			    struct py_lines_place *);

/* What the table tells of a unit of 2 bytes of bytecode. */
struct py_unit {
	uint16_t first; /* unit with the same line, or one that is nearly that:
			   where many lines come and go, one may be met anew */
	int16_t step;	/* its line - first_line; PY_UNIT_NO_LINE */
};
#define PY_UNIT_NO_LINE INT16_MIN
/*
 * The same for all units. Fills at most `max` and returns how many the table
 * tells of; what follows is like the last one in the format of 3.6 to 3.9, and
 * has no line in the others. 0 also when there are more, or lines too far away.
 */
size_t py_lines_units(const struct py_lines *, struct py_unit *, size_t max);

#endif
