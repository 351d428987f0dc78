/*
 * py_beside.c - lets tracemalloc run beside heaptop without being counted.
 *
 * tracemalloc asks the raw allocator that it found at its start for the memory
 * of its own tables, so whoever is below it counts that as the program's. Here
 * a raw call goes
 *
 *	program -> outer -> tracemalloc -> inner -> heaptop -> libc
 *
 * and inner knows from outer which calls are the program's. Any other call for
 * memory is tracemalloc's own and goes to libc's malloc at once. The allocators
 * of objects need nothing: tracemalloc takes no memory of its own from them.
 *
 * From 3.13 on both may want to hear of objects that are born; there is room
 * for one, so that one tells both. No Python headers: it runs in all versions.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct allocator {
	void *ctx;
	void *(*malloc)(void *ctx, size_t size);
	void *(*calloc)(void *ctx, size_t count, size_t size);
	void *(*realloc)(void *ctx, void *block, size_t size);
	void (*free)(void *ctx, void *block);
};

typedef int tracer_function(void *object, int event, void *data);

struct tracer {
	tracer_function *tell;
	void *data;
};

/* Of the interpreter and the agent. */
static struct {
	void (*get_allocator)(int domain, struct allocator *);
	void (*set_allocator)(int domain, const struct allocator *);
	void *(*call)(void *callable, const char *format, ...);
	tracer_function *(*get_tracer)(void **data);
	int (*set_tracer)(tracer_function *, void *data);
	int (*trace_start)(void); /* heaptop's; blocks of before stay apart */
} python;

static struct allocator below, tracing;
static struct tracer first, second;
static __thread bool is_programs; /* the next call of inner */

/* The call is not tracemalloc's own. */
static bool
passes(void)
{
	bool programs = is_programs;

	is_programs = false;
	return programs;
}

static void *
inner_malloc(void *ctx, size_t size)
{
	return passes() ? below.malloc(ctx, size) : malloc(size);
}

static void *
inner_calloc(void *ctx, size_t count, size_t size)
{
	return passes() ? below.calloc(ctx, count, size) : calloc(count, size);
}

static void *
inner_realloc(void *ctx, void *block, size_t size)
{
	return passes() ? below.realloc(ctx, block, size)
			: realloc(block, size);
}

static void
inner_free(void *ctx, void *block)
{
	below.free(ctx, block);
}

static void *
outer_malloc(void *ctx, size_t size)
{
	void *block;

	is_programs = true;
	block = tracing.malloc(ctx, size);
	is_programs = false;
	return block;
}

static void *
outer_calloc(void *ctx, size_t count, size_t size)
{
	void *block;

	is_programs = true;
	block = tracing.calloc(ctx, count, size);
	is_programs = false;
	return block;
}

static void *
outer_realloc(void *ctx, void *block, size_t size)
{
	is_programs = true;
	block = tracing.realloc(ctx, block, size);
	is_programs = false;
	return block;
}

static void
outer_free(void *ctx, void *block)
{
	tracing.free(ctx, block);
}

static int
tell_both(void *object, int event, void *data)
{
	(void)data;
	first.tell(object, event, first.data);
	return second.tell(object, event, second.data);
}

static void
find_python(void)
{
	*(void **)&python.get_allocator =
	    dlsym(RTLD_DEFAULT, "PyMem_GetAllocator");
	*(void **)&python.set_allocator =
	    dlsym(RTLD_DEFAULT, "PyMem_SetAllocator");
	*(void **)&python.call = dlsym(RTLD_DEFAULT, "PyObject_CallFunction");
	*(void **)&python.get_tracer =
	    dlsym(RTLD_DEFAULT, "PyRefTracer_GetTracer");
	*(void **)&python.set_tracer =
	    dlsym(RTLD_DEFAULT, "PyRefTracer_SetTracer");
	*(void **)&python.trace_start =
	    dlsym(RTLD_DEFAULT, "heaptop_trace_start");
}

/* Calls tracemalloc.start(nframe). With the GIL. Returns whether somebody
 * heard of objects before, and goes on to. */
int beside_start(void *start, int nframe);
int
beside_start(void *start, int nframe)
{
	struct allocator own = {NULL, inner_malloc, inner_calloc, inner_realloc,
				inner_free};

	find_python();
	if (python.get_tracer)
		first.tell = python.get_tracer(&first.data);
	python.get_allocator(0, &below);
	own.ctx = below.ctx;
	is_programs = false;
	python.set_allocator(0, &own);
	python.call(start, "i", nframe);
	if (python.trace_start)
		python.trace_start();
	python.get_allocator(0, &tracing);
	own = (struct allocator){tracing.ctx, outer_malloc, outer_calloc,
				 outer_realloc, outer_free};
	python.set_allocator(0, &own);
	if (!first.tell)
		return 0;
	second.tell = python.get_tracer(&second.data);
	python.set_tracer(tell_both, NULL);
	return 1;
}
