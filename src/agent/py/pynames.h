/*
 * pynames.h - what code objects said about themselves, kept for ever.
 *
 * Records are interned by content: two code objects with the same file, name,
 * first line and line table share one, so that a program which compiles the
 * same source again and again does not fill memory.
 *
 * Context: hook; the functions that add are called under pycode's lock.
 */
#ifndef HEAPTOP_AGENT_PY_PYNAMES_H
#define HEAPTOP_AGENT_PY_PYNAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct py_unit;

struct py_record {
	uint32_t id; /* from 1 */
	int32_t first_line;
	const char *file;
	const char *function;
	const uint8_t *lines;
	size_t lines_size;
	const struct py_unit *units; /* of py_lines_units; NULL: none */
	size_t units_count;
};

/* The record of the code object at `code`, made when there is none. NULL: no
 * memory, or too many. The object must be alive. */
const struct py_record *py_names_intern(const char *code);

/* Whether it is the record of the code object at `code`. False may be wrong. */
bool py_names_agree(const struct py_record *, const char *code);

/* The record with that id, or NULL. Needs no lock. */
const struct py_record *py_names_get(uint32_t id);

#endif
