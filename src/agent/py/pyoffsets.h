/*
 * pyoffsets.h - where CPython keeps what the agent reads: one layout a version.
 *
 * The table is pyoffsets.def. There is no "latest" and no "nearest" row: an
 * interpreter without a row of its own gets no Python frames.
 */
#ifndef HEAPTOP_AGENT_PY_PYOFFSETS_H
#define HEAPTOP_AGENT_PY_PYOFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PY_ABSENT (-1) /* 0 is a real offset in 3.12 and later */

/* How a frame says which instruction it runs. */
enum py_instr {
	PY_INSTR_BYTES,	  /* int, bytes from the start of the bytecode */
	PY_INSTR_UNITS,	  /* int, in units of 2 bytes */
	PY_INSTR_POINTER, /* the address inside the bytecode */
};

enum py_line_format {
	PY_LINES_LNOTAB,    /* 3.6 to 3.9: co_lnotab */
	PY_LINES_RANGES,    /* 3.10: co_linetable */
	PY_LINES_LOCATIONS, /* 3.11 and later: co_linetable */
};

/* Offsets in bytes, named structure_field as CPython names them. */
struct py_layout {
	uint8_t minor;
	bool free_threaded;
	enum py_instr instr;
	enum py_line_format lines;

	int16_t thread_frame;	/* frame, cframe or current_frame */
	int16_t cframe_current; /* 3.11, 3.12: thread_frame is the cframe */
	int16_t thread_id;	/* pthread_t */

	int16_t frame_previous;
	int16_t frame_code;
	int16_t frame_instr;
	int16_t frame_owner;	  /* byte; absent: every frame is real */
	int16_t frame_entry;	  /* byte, 3.11: the loop began with it */
	int16_t frame_tlbc;	  /* index of the thread's own bytecode */
	uint64_t frame_code_tags; /* bits of frame_code that are no address */

	int16_t code_filename;
	int16_t code_name;
	int16_t code_qualname;
	int16_t code_firstlineno;
	int16_t code_lines;
	int16_t code_flags; /* int */
	int16_t code_firsttraceable;
	int16_t code_bytecode; /* inline array */
	int16_t code_tlbc;
	int16_t code_size;  /* PyCode_Type.tp_basicsize */
	int16_t frame_size; /* PyFrame_Type.tp_basicsize, to 3.10 */

	int16_t ob_type;
	int16_t ob_size;
	int16_t type_name;     /* tp_basicsize follows it */
	int16_t type_qualname; /* of a heap type */
	int16_t gc_head;       /* bytes before an object with a PyGC_Head */
	int16_t bytes_data;
	int16_t str_length;
	int16_t str_state;
	int16_t str_ascii;   /* characters of a compact ASCII string */
	int16_t str_compact; /* of any other compact string */
	int16_t str_pointer; /* of the rest, by pointer; size is 8 more */
	uint32_t str_kind_mask;
	uint32_t str_kind_shift;
	uint32_t str_compact_bit;
	uint32_t str_ascii_bit;
};

#define PY_LAYOUT_ENUM_(name_, ...) PY_LAYOUT_##name_,
enum py_layout_index {
#define LAYOUT PY_LAYOUT_ENUM_
#include "agent/hidden.h"
#include "agent/py/pyoffsets.def"
#undef LAYOUT
	PY_LAYOUT_COUNT,
};
#undef PY_LAYOUT_ENUM_

extern HIDDEN const struct py_layout py_layouts[PY_LAYOUT_COUNT];

/* The row of 3.minor, NULL when there is none. */
const struct py_layout *py_layout_find(unsigned minor, bool free_threaded);

/* From 3.13 on: whether the table of offsets that the interpreter publishes at
 * the start of _PyRuntime says the same as the layout. */
bool py_layout_agrees(const struct py_layout *, const uint64_t *published);
/* What that table says of itself; false when it is not such a table. */
bool py_layout_published(const uint64_t *published, uint64_t *version,
			 bool *free_threaded);

#endif
