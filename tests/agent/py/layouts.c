/*
 * layouts.c - prints the table of layouts, one line a field: the layout's
 * name, the field, its value.
 */
#include "config.h"

#include <stdio.h>

#include "agent/py/pyoffsets.h"

#define FIELDS(X)              \
	X(minor)               \
	X(free_threaded)       \
	X(thread_frame)        \
	X(cframe_current)      \
	X(thread_id)           \
	X(frame_previous)      \
	X(frame_code)          \
	X(frame_instr)         \
	X(frame_owner)         \
	X(frame_entry)         \
	X(frame_tlbc)          \
	X(code_filename)       \
	X(code_name)           \
	X(code_qualname)       \
	X(code_firstlineno)    \
	X(code_lines)          \
	X(code_flags)          \
	X(code_firsttraceable) \
	X(code_bytecode)       \
	X(code_tlbc)           \
	X(code_size)           \
	X(frame_size)          \
	X(ob_type)             \
	X(ob_size)             \
	X(type_name)           \
	X(type_qualname)       \
	X(gc_head)             \
	X(bytes_data)          \
	X(str_length)          \
	X(str_state)           \
	X(str_ascii)           \
	X(str_compact)         \
	X(str_pointer)         \
	X(str_kind_mask)       \
	X(str_compact_bit)     \
	X(str_ascii_bit)

int
main(void)
{
	for (size_t i = 0; i < PY_LAYOUT_COUNT; i++) {
#define PRINT(field_) \
	printf("%zu %s %lld\n", i, #field_, (long long)py_layouts[i].field_);
		FIELDS(PRINT)
	}
	return 0;
}
