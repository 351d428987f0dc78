/*
 * pytypes.h - what the blocks of Python's object allocator are.
 *
 * The block of an object begins with what the collector and the type keep in
 * front of it:
 *
 *	[dict, weak references][GC head] count type ...
 *	 managed by the type     tracked  ^ the object
 *
 * A type says in its flags which of the two its objects have. So a word where
 * the type would be is believed if it points at a type object that agrees on
 * the place; all that is read is copied by the kernel (peek.h) and checked, so
 * nothing depends on who holds the GIL, nor on whether the object is finished.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_PY_PYTYPES_H
#define HEAPTOP_AGENT_PY_PYTYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/peek.h"

struct py_types; /* the types that were met */

/* What a block is: one of these, or PY_IS_OBJECT and more: an object of the
 * type with that number. */
enum {
	PY_IS_GONE,   /* not there any more */
	PY_IS_BUFFER, /* no object */
	PY_IS_KEPT,   /* a dead object on a free list */
	PY_IS_CROWD,  /* an object of a type beyond the maximum */
	PY_IS_OBJECT,
};
#define PY_TYPES_MAX 1024 /* greatest number that py_types_read gives */

struct py_block {
	uint64_t address;
	uint64_t size;
	uint32_t what; /* set by py_types_read */
};

/* NULL: no interpreter that is known, or no memory. */
struct py_types *py_types_new(void);
void py_types_free(struct py_types *);

/* At most PEEK_MAX blocks. */
void py_types_read(struct py_types *, struct py_block *blocks, size_t count);
/* "int", "numpy.ndarray", "__main__.Plane.Point"; good until py_types_free. */
const char *py_types_name(const struct py_types *, uint32_t what);

#endif
