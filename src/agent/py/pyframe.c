/*
 * pyframe.c - walks the Python frames of the calling thread, by offset.
 *
 * One walk function per layout: the layout is a constant in each, so the
 * compiler leaves the loads alone. The frames are this thread's own and the
 * thread is in our hook, so nothing moves, with or without the GIL. A code
 * object is touched only where a frame may still be in its prologue.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/py/py.h"
#include "agent/py/pyruntime.h"
#include "agent/py/pyword.h"

/* Frames of this owner and above are the interpreter's own. */
#define OWNER_INTERPRETER 3
#define OWNER_GENERATOR	  1
/* Prologues end before this (32 cell variables would make one longer). */
#define PROLOGUE_BYTES 64
#define TLBC_ENTRIES   8
/* Between two frames that are shown; more is a cycle. */
#define SKIPPED_MAX 1000

#define INLINE static inline __attribute__((always_inline))

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

INLINE uint64_t
frame_first(const struct py_layout *layout, uint64_t thread)
{
	uint64_t frame = load(thread, layout->thread_frame);

	if (layout->cframe_current != PY_ABSENT && frame)
		frame = load(frame, layout->cframe_current);
	return frame;
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
frame_offset(const struct py_layout *layout, uint64_t frame, uint64_t code)
{
	uint64_t base;

	if (layout->instr == PY_INSTR_BYTES)
		return load_int(frame, layout->frame_instr);
	if (layout->instr == PY_INSTR_UNITS)
		return 2 * (int64_t)load_int(frame, layout->frame_instr);
	base = frame_bytecode(layout, frame, code);
	return base ? (int64_t)(load(frame, layout->frame_instr) - base) : -1;
}

/* Whether the frame has not begun: CPython does not show those either. */
INLINE bool
frame_is_incomplete(const struct py_layout *layout, uint64_t code, int owner,
		    int64_t offset)
{
	if (offset >= PROLOGUE_BYTES || owner == OWNER_GENERATOR)
		return false;
	return offset <
	       2 * (int64_t)load_int(code, layout->code_firsttraceable);
}

INLINE size_t
walk(const struct py_layout *layout, uint64_t thread, uint64_t *words,
     size_t max, bool *cut)
{
	uint64_t frame = frame_first(layout, thread);
	size_t skipped = 0;
	size_t count = 0;

	for (; frame; frame = load(frame, layout->frame_previous)) {
		uint64_t code;
		int64_t offset;
		int owner = 0;

		if (frame & 7 || skipped > SKIPPED_MAX)
			goto nonsense;
		if (layout->frame_owner != PY_ABSENT) {
			owner = *(const int8_t *)(frame + layout->frame_owner);
			skipped++;
			if (owner >= OWNER_INTERPRETER)
				continue;
		}
		code =
		    load(frame, layout->frame_code) & ~layout->frame_code_tags;
		if (!py_word_fits(code))
			goto nonsense;
		offset = frame_offset(layout, frame, code);
		if (layout->frame_owner != PY_ABSENT &&
		    frame_is_incomplete(layout, code, owner, offset))
			continue;
		if (count == max) {
			*cut = true;
			return count;
		}
		skipped = 0;
		words[count++] = py_word_pack(code, offset);
	}
	return count;
nonsense:
	*cut = true;
	return count;
}

#define LAYOUT(name_, ...)                                            \
	static size_t walk_##name_(uint64_t thread, uint64_t *words,  \
				   size_t max, bool *cut)             \
	{                                                             \
		static const struct py_layout layout = {__VA_ARGS__}; \
                                                                      \
		return walk(&layout, thread, words, max, cut);        \
	}
#include "agent/py/pyoffsets.def"
#undef LAYOUT

#define LAYOUT(name_, ...) [PY_LAYOUT_##name_] = walk_##name_,
static size_t (*const walks[PY_LAYOUT_COUNT])(uint64_t, uint64_t *, size_t,
					      bool *) = {
#include "agent/py/pyoffsets.def"
};
#undef LAYOUT

size_t
py_walk(uint64_t *words, size_t max, bool gil, bool *cut)
{
	const struct py_layout *layout =
	    __atomic_load_n(&py_runtime.layout, __ATOMIC_ACQUIRE);
	const char *thread;

	if (!layout)
		return 0;
	thread = py_runtime_thread(gil);
	if (!thread)
		return 0;
	return walks[layout - py_layouts]((uint64_t)thread, words, max, cut);
}
