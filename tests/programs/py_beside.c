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
 * of objects need no inner: tracemalloc takes no memory of its own from them.
 *
 * Outer, which all three have, notes which blocks there are, so that a script
 * can ask both tools about each.
 *
 * From 3.13 on both may want to hear of objects that are born; there is room
 * for one, so that one tells both. No Python headers: it runs in all versions.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define DOMAINS 3 /* raw, mem, object */
#define NOTES	(1u << 18)

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

/* Open addressing; block 0: free. For ctypes. */
extern struct note {
	uint64_t block;
	uint64_t size;
} beside_notes[NOTES];
struct note beside_notes[NOTES];
static unsigned notes_count;
static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER;

static struct allocator below; /* inner */
/* By domain, under outer. */
static struct layer {
	struct allocator tracing;
	bool raw;
} layers[DOMAINS];
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

static unsigned
home_of(uint64_t block)
{
	return (block >> 4) * UINT64_C(0x9e3779b97f4a7c15) % NOTES;
}

/* The note of a block, or the place for it; half of them at least are free. */
static struct note *
note_of(uint64_t block)
{
	unsigned at = home_of(block);

	while (beside_notes[at].block && beside_notes[at].block != block)
		at = (at + 1) % NOTES;
	return &beside_notes[at];
}

/* Moves up what would not be found any more over the gap. */
static void
note_remove(struct note *note)
{
	unsigned gap = note - beside_notes;
	unsigned at = gap;

	for (;;) {
		at = (at + 1) % NOTES;
		note = &beside_notes[at];
		if (!note->block)
			break;
		if ((at - home_of(note->block)) % NOTES < (at - gap) % NOTES)
			continue;
		beside_notes[gap] = *note;
		gap = at;
	}
	beside_notes[gap].block = 0;
}

static void *
noted(void *block, size_t size)
{
	struct note *note;

	if (!block)
		return NULL;
	pthread_mutex_lock(&notes_lock);
	note = note_of((uint64_t)block);
	if (!note->block && ++notes_count > NOTES / 2)
		abort();
	*note = (struct note){(uint64_t)block, size};
	pthread_mutex_unlock(&notes_lock);
	return block;
}

static void
note_gone(void *block)
{
	struct note *note;

	pthread_mutex_lock(&notes_lock);
	note = note_of((uint64_t)block);
	if (note->block) {
		note_remove(note);
		notes_count--;
	}
	pthread_mutex_unlock(&notes_lock);
}

static void *
outer_malloc(void *ctx, size_t size)
{
	const struct layer *layer = ctx;
	void *block;

	is_programs = layer->raw;
	block = layer->tracing.malloc(layer->tracing.ctx, size);
	is_programs = false;
	return noted(block, size);
}

static void *
outer_calloc(void *ctx, size_t count, size_t size)
{
	const struct layer *layer = ctx;
	void *block;

	is_programs = layer->raw;
	block = layer->tracing.calloc(layer->tracing.ctx, count, size);
	is_programs = false;
	return noted(block, count * size);
}

static void *
outer_realloc(void *ctx, void *old, size_t size)
{
	const struct layer *layer = ctx;
	void *block;

	if (old)
		note_gone(old);
	is_programs = layer->raw;
	block = layer->tracing.realloc(layer->tracing.ctx, old, size);
	is_programs = false;
	return noted(block, size);
}

static void
outer_free(void *ctx, void *block)
{
	const struct layer *layer = ctx;

	if (block)
		note_gone(block);
	layer->tracing.free(layer->tracing.ctx, block);
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
	for (int domain = 0; domain < DOMAINS; domain++) {
		struct layer *layer = &layers[domain];

		layer->raw = domain == 0;
		python.get_allocator(domain, &layer->tracing);
		own = (struct allocator){layer, outer_malloc, outer_calloc,
					 outer_realloc, outer_free};
		python.set_allocator(domain, &own);
	}
	if (!first.tell)
		return 0;
	second.tell = python.get_tracer(&second.data);
	python.set_tracer(tell_both, NULL);
	return 1;
}
