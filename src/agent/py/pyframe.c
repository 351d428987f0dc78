/*
 * pyframe.c - walks the Python frames of the calling thread.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/py/pyframe.h"

#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pyruntime.h"

/* Between two frames that are shown; more is a cycle. */
#define SKIPPED_MAX 1000

/* with_runs: as py_walk_runs. */
INLINE size_t
walk(const struct py_layout *layout, uint64_t thread, uint64_t *words,
     size_t max, bool with_runs, bool *cut)
{
	uint64_t frame = frame_first(layout, thread);
	size_t skipped = 0;
	size_t count = 0;

	for (; frame; frame = load(frame, layout->frame_previous)) {
		bool ends_run = with_runs && frame_ends_run(layout, frame);
		struct py_frame seen;

		if (skipped > SKIPPED_MAX ||
		    !frame_read(layout, frame, &seen)) {
			*cut = true;
			return count;
		}
		skipped++;
		if (max - count < (seen.word != 0) + (size_t)ends_run) {
			*cut = true;
			return count;
		}
		if (seen.word) {
			skipped = 0;
			py_code_group(&seen.word);
			words[count++] = seen.word;
		}
		if (ends_run)
			words[count++] = PY_RUN_END;
	}
	return count;
}

#define LAYOUT(name_, ...)                                            \
	static size_t walk_##name_(uint64_t thread, uint64_t *words,  \
				   size_t max, bool *cut)             \
	{                                                             \
		static const struct py_layout layout = {__VA_ARGS__}; \
                                                                      \
		return walk(&layout, thread, words, max, false, cut); \
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

/* Not on a hot path: the layout is read from the table. */
size_t
py_walk_runs(uint64_t *words, size_t max, bool gil, bool *cut)
{
	const struct py_layout *layout =
	    __atomic_load_n(&py_runtime.layout, __ATOMIC_ACQUIRE);
	const char *thread = layout ? py_runtime_thread(gil) : NULL;

	if (!thread)
		return 0;
	return walk(layout, (uint64_t)thread, words, max, true, cut);
}
