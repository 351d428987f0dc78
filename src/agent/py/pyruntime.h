/*
 * pyruntime.h - the interpreter of this process: its version, its layout, and
 * the few addresses in it that the agent calls or compares with.
 */
#ifndef HEAPTOP_AGENT_PY_PYRUNTIME_H
#define HEAPTOP_AGENT_PY_PYRUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"
#include "agent/py/pyoffsets.h"

/* PyMemAllocatorEx, the same in every version. */
struct py_allocator {
	void *ctx;
	void *(*malloc)(void *ctx, size_t size);
	void *(*calloc)(void *ctx, size_t count, size_t size);
	void *(*realloc)(void *ctx, void *block, size_t size);
	void (*free)(void *ctx, void *block);
};

/* CPython's own numbers. */
enum { DOMAIN_RAW, DOMAIN_MEM, DOMAIN_OBJ, DOMAIN_COUNT };

/* PyObjectArenaAllocator, likewise. */
struct py_arenas {
	void *ctx;
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *arena, size_t size);
};

/* PyRefTracer, from 3.13 on: is told of objects. */
typedef int py_listener(void *object, int event, void *data);

/* Written once, by py_runtime_find, before the hooks are installed. */
struct py_runtime {
	const struct py_layout *layout; /* set last; NULL: none to be used */
	uint32_t version;		/* 0x030b0200 */
	bool attached_current;		/* PY_ATTACHED_CURRENT and later */

	void *(*this_thread)(void); /* the state tied to this OS thread */
	void *(*current)(void);	    /* the state that runs */
	int (*is_finalizing)(void); /* from 3.7 */
	void *const *finalizing;    /* 3.6: the state that finalises */
	int (*is_initialized)(void);
	void (*get_allocator)(int domain, struct py_allocator *);
	void (*set_allocator)(int domain, const struct py_allocator *);

	void (*get_arenas)(struct py_arenas *); /* NULL, as set_arenas: none */
	void (*set_arenas)(const struct py_arenas *);
	/* What CPython serves small blocks from; all NULL: that is not used. */
	struct py_allocator pymalloc;

	py_listener *(*get_listener)(void **data); /* NULL before 3.13 */
	int (*set_listener)(py_listener *, void *data);

	const void *code_type;
	const void *bytes_type;
	const void *str_type;
};

/* From this minor version on, current() is of the calling thread. */
#define PY_ATTACHED_CURRENT 12
/* From this version on fork counts the threads of the process. */
#define PY_COUNTS_THREADS 0x030c0000

extern HIDDEN struct py_runtime py_runtime;

enum py_found { PY_FOUND_NONE, PY_FOUND_UNKNOWN, PY_FOUND };

/* Fills py_runtime. UNKNOWN: there is an interpreter, but it is of a version or
 * build that the table of layouts does not describe. library: where to look,
 * without the loader, context: hook that its code has called; NULL: in all that
 * is loaded, context: setup. */
struct unwind_module;
enum py_found py_runtime_find(const struct unwind_module *library);

static inline bool
py_runtime_is_finalizing(void)
{
	if (py_runtime.is_finalizing)
		return py_runtime.is_finalizing() != 0;
	return __atomic_load_n(py_runtime.finalizing, __ATOMIC_RELAXED) != NULL;
}

/*
 * Context: hook. The thread state whose frames this thread runs, or NULL. gil:
 * the caller holds the GIL for sure.
 */
const char *py_runtime_thread(bool gil);
/* Where that stands which current() returns, for as long as the calling thread
 * lives; NULL: only current() can tell. Context: hook. */
const uint64_t *py_runtime_current_place(void);

#endif
