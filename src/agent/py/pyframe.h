/*
 * pyframe.h - reads one Python frame, by offset.
 *
 * The layout is a constant wherever these are used, one function per layout,
 * so the compiler leaves the loads of offsets alone. The frames are the calling
 * thread's own and the thread is in our hook, so nothing moves, with or without
 * the GIL. A code object is touched only where a frame may still be in its
 * prologue.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_PY_PYFRAME_H
#define HEAPTOP_AGENT_PY_PYFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/py/pyoffsets.h"
#include "agent/py/pyword.h"

/* Frames of this owner and above are the interpreter's own. */
#define OWNER_INTERPRETER 3
#define OWNER_GENERATOR	  1
/* Prologues end before this (32 cell variables would make one longer). */
#define PROLOGUE_BYTES 64
#define TLBC_ENTRIES   8
/* Code of generators, coroutines and asynchronous generators. */
#define FLAGS_GENERATOR 0x2a0

#define INLINE static inline __attribute__((always_inline))

/* What a frame says of itself. */
struct py_frame {
	uint64_t word; /* 0: a frame that is not shown */
	uint64_t key;  /* as frame_key, or FRAME_NO_KEY */
};

/* The word follows from more than the key. */
#define FRAME_NO_KEY UINT64_MAX

INLINE uint64_t
load(uint64_t base, int16_t offset)
{
	return *(const uint64_t *)(base + (uint64_t)offset);
}

INLINE int32_t
load_int(uint64_t base, int16_t offset)
{
	return *(const int32_t *)(base + (uint64_t)offset);
}

/* The innermost frame of a thread state; 0: none. */
INLINE uint64_t
frame_first(const struct py_layout *layout, uint64_t thread)
{
	uint64_t frame = load(thread, layout->thread_frame);

	if (layout->cframe_current != PY_ABSENT && frame)
		frame = load(frame, layout->cframe_current);
	return frame;
}

INLINE uint64_t
frame_instr(const struct py_layout *layout, uint64_t frame)
{
	if (layout->instr == PY_INSTR_POINTER)
		return load(frame, layout->frame_instr);
	return (uint32_t)load_int(frame, layout->frame_instr);
}

/* Where the bytecode that the frame runs begins; 0: not to be had. */
INLINE uint64_t
frame_bytecode(const struct py_layout *layout, uint64_t frame, uint64_t code)
{
	uint64_t array;
	int32_t index;

	if (layout->code_tlbc == PY_ABSENT)
		return code + (uint64_t)layout->code_bytecode;
	array = load(code, layout->code_tlbc);
	index = load_int(frame, layout->frame_tlbc);
	if (!array || index < 0 || (uint64_t)index >= load(array, 0))
		return 0;
	return load(array + 8 * (uint64_t)index, TLBC_ENTRIES);
}

INLINE int64_t
frame_offset(const struct py_layout *layout, uint64_t frame, uint64_t code,
	     uint64_t instr)
{
	uint64_t base;

	if (layout->instr == PY_INSTR_BYTES)
		return (int32_t)instr;
	if (layout->instr == PY_INSTR_UNITS)
		return 2 * (int64_t)(int32_t)instr;
	base = frame_bytecode(layout, frame, code);
	return base ? (int64_t)(instr - base) : -1;
}

/* Whether that is before the first instruction that counts as begun. */
INLINE bool
is_prologue(const struct py_layout *layout, uint64_t code, int64_t offset)
{
	return offset < PROLOGUE_BYTES &&
	       offset <
		   2 * (int64_t)load_int(code, layout->code_firsttraceable);
}

/* Whether a frame that has not begun may be a generator's, and then be shown:
 * that does not follow from where it is. */
INLINE bool
is_generators(const struct py_layout *layout, uint64_t code)
{
	return load_int(code, layout->code_flags) & FLAGS_GENERATOR;
}

/*
 * What is compared to see whether a frame still has its word. Where frames hold
 * the address of the instruction, that is enough: no two code objects that live
 * have the same.
 */
INLINE uint64_t
frame_key(const struct py_layout *layout, uint64_t frame)
{
	uint64_t instr = frame_instr(layout, frame);

	if (layout->instr == PY_INSTR_POINTER)
		return instr;
	return py_word_pack(load(frame, layout->frame_code),
			    frame_offset(layout, frame, 0, instr));
}

/* Whether it is a frame of the interpreter's own. */
INLINE bool
frame_is_interpreters(const struct py_layout *layout, uint64_t frame)
{
	return layout->frame_owner != PY_ABSENT &&
	       *(const int8_t *)(frame + layout->frame_owner) >=
		   OWNER_INTERPRETER;
}

/* Whether the loop that runs the frame was begun for it, so that the frames
 * further out are those of another run of the loop. */
INLINE bool
frame_ends_run(const struct py_layout *layout, uint64_t frame)
{
	if (layout->frame_owner == PY_ABSENT)
		return true;
	if (layout->frame_entry != PY_ABSENT)
		return *(const int8_t *)(frame + layout->frame_entry) != 0;
	return frame_is_interpreters(layout, frame);
}

/*
 * Reads a frame. It is not shown when it is the interpreter's own, or has not
 * begun: CPython does not show those either. False: it makes no sense.
 */
INLINE bool
frame_read(const struct py_layout *layout, uint64_t frame,
	   struct py_frame *seen)
{
	uint64_t code, instr;
	int64_t offset;
	int owner = 0;
	bool begun;

	seen->word = 0;
	seen->key = FRAME_NO_KEY;
	if (frame & 7)
		return false;
	if (layout->frame_owner != PY_ABSENT)
		owner = *(const int8_t *)(frame + layout->frame_owner);
	if (owner >= OWNER_INTERPRETER) {
		/* They are where no frame of another owner ever is. */
		seen->key = frame_key(layout, frame);
		return true;
	}
	code = load(frame, layout->frame_code) & ~layout->frame_code_tags;
	if (!py_word_fits(code))
		return false;
	instr = frame_instr(layout, frame);
	offset = frame_offset(layout, frame, code, instr);
	begun = layout->frame_owner == PY_ABSENT ||
		!is_prologue(layout, code, offset);
	if (layout->code_tlbc == PY_ABSENT &&
	    (begun || !is_generators(layout, code)))
		seen->key = frame_key(layout, frame);
	if (begun || owner == OWNER_GENERATOR)
		seen->word = py_word_pack(code, offset);
	return true;
}

#endif
