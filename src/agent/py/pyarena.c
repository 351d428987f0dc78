/*
 * pyarena.c - stands in front of the allocator of pymalloc's arenas, so that
 * what it maps and unmaps counts as memory that blocks are cut from, also where
 * no other hook is in progress: a free is none, nor is a malloc that passes.
 *
 * The context stays and only functions change, as for the others in an
 * interpreter that runs (pyhook.c).
 *
 * Context: hook and ticker.
 */
#include "config.h"

#include "agent/py/py.h"
#include "agent/py/pyruntime.h"
#include "agent/record.h"

/* The smallest arena there is. From 3.11 on Python's own stacks come from there
 * too, in smaller pieces: those are mappings as any. */
#define ARENA_LEAST (256u << 10)

static struct py_arenas below;

static void *
arena_alloc(void *ctx, size_t size)
{
	bool hushed =
	    size >= ARENA_LEAST && record_hush(__builtin_frame_address(0));
	void *arena = below.alloc(ctx, size);

	record_unhush(hushed);
	return arena;
}

static void
arena_free(void *ctx, void *arena, size_t size)
{
	bool hushed =
	    size >= ARENA_LEAST && record_hush(__builtin_frame_address(0));

	below.free(ctx, arena, size);
	record_unhush(hushed);
}

void
py_arenas_take(void)
{
	struct py_arenas current, ours = {NULL, arena_alloc, arena_free};

	if (!py_runtime.get_arenas || !py_runtime.set_arenas)
		return;
	py_runtime.get_arenas(&current);
	if (current.alloc == arena_alloc ||
	    (below.alloc &&
	     (below.alloc != current.alloc || below.ctx != current.ctx)))
		return;
	below = current;
	ours.ctx = current.ctx;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	py_runtime.set_arenas(&ours);
}

void
py_arenas_leave(void)
{
	struct py_arenas current;

	if (!below.alloc)
		return;
	py_runtime.get_arenas(&current);
	if (current.alloc == arena_alloc)
		py_runtime.set_arenas(&below);
}
