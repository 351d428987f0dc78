/*
 * fuzz_lines.c - any bytes as a line table of CPython, in each of its three
 * formats: the two ways to read one agree, and a line is one that can be.
 */
#include "config.h"

#include "agent/py/pylines.h"
#include "fuzz.h"

#define UNITS	  4096
#define TABLE_MAX 300 /* longer ones tell nothing new */

static uint32_t
line_of(const struct py_lines *lines, const struct py_unit *unit)
{
	return unit->step == PY_UNIT_NO_LINE
		   ? 0
		   : (uint32_t)(lines->first_line + unit->step);
}

/* Each unit is told twice: by the table of all, and alone. */
static void
compare(const struct py_lines *lines, size_t step)
{
	static struct py_unit units[UNITS];
	size_t count = py_lines_units(lines, units, UNITS);

	FUZZ_REQUIRE(count <= UNITS);
	for (size_t i = 0; i < count; i += step) {
		FUZZ_REQUIRE(units[i].first <= i);
		FUZZ_REQUIRE(line_of(lines, &units[i]) ==
			     py_lines_find(lines, (int32_t)(2 * i)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int32_t offsets[] = {-1, 0, 2, 600, INT32_MAX};
	struct fuzz_input input = {data, size};
	struct py_lines lines = {
	    .format = (enum py_line_format)(fuzz_number(&input, 1) % 3),
	    .first_line = (int32_t)fuzz_number(&input, 4),
	};
	uint8_t *table;

	if (input.left > TABLE_MAX)
		input.left = TABLE_MAX;
	table = malloc(input.left + 1);
	/* At its end, so that a read past it is seen. */
	memcpy(table + 1, input.at, input.left);
	lines.table = table + 1;
	lines.size = input.left;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
		FUZZ_REQUIRE(py_lines_find(&lines, offsets[i]) <= INT32_MAX);
	compare(&lines, 1 + lines.size / 16);
	free(table);
	return 0;
}
