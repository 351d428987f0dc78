/*
 * pyruntime.c - finds the interpreter, and the thread state to walk.
 *
 * Everything is looked up by name, once; nothing here is linked to Python.
 *
 * Context: setup, but for py_runtime_thread (hook).
 */
#include "config.h"

#include "agent/py/pyruntime.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "agent/arch/arch.h"
#include "agent/lookup.h"
#include "agent/py/py.h"
#include "agent/py/pyeval.h"
#include "agent/unwind.h"
#include "agent/unwind_cfi.h"
#include "agent/unwind_module.h"

#define RELEASE_CANDIDATE 0xc0 /* the low byte of PY_VERSION_HEX */
#define FINAL		  0xf0
#define FIRST_PUBLISHED	  13 /* 3.13 publishes its offsets */

struct py_runtime py_runtime;

/* Where names are looked for; NULL: in all that is loaded. */
static const struct unwind_module *only;

static void *
find(const char *name)
{
	return only ? lookup_in(only->start, only->bias, name, NULL)
		    : dlsym(RTLD_DEFAULT, name);
}

static void *
find_either(const char *name, const char *older)
{
	void *found = find(name);

	return found ? found : find(older);
}

/* PY_VERSION_HEX from text like "3.8.18 (default, ...)" or "3.12.0rc1+". */
static uint32_t
parse_version(const char *text)
{
	uint32_t part[3] = {0, 0, 0};
	uint32_t level = FINAL;

	for (int i = 0; i < 3; i++) {
		while (*text >= '0' && *text <= '9' && part[i] < 256)
			part[i] = part[i] * 10 + (uint32_t)(*text++ - '0');
		if (i < 2 && *text++ != '.')
			return 0;
	}
	if (text[0] == 'r' && text[1] == 'c')
		level = RELEASE_CANDIDATE;
	else if (*text == 'a' || *text == 'b')
		level = 0;
	return part[0] << 24 | part[1] << 16 | part[2] << 8 | level;
}

static uint32_t
find_version(void)
{
	const unsigned long *hex = find("Py_Version");
	const char *(*text)(void);

	if (hex)
		return (uint32_t)*hex;
	*(void **)&text = find("Py_GetVersion");
	return text ? parse_version(text()) : 0;
}

static int64_t
basic_size(const struct py_layout *layout, const char *type)
{
	return *(const int64_t *)(type + layout->type_name + 8);
}

/*
 * What type objects say before the interpreter has started. Catches builds
 * with another object header (Py_TRACE_REFS) and patched structures.
 */
static bool
types_agree(const struct py_layout *layout)
{
	const char *code = find("PyCode_Type");
	const char *str = find("PyUnicode_Type");
	const char *frame = find("PyFrame_Type");
	const void *type = find("PyType_Type");

	if (!code || !str || !frame || !type)
		return false;
	if (*(const void *const *)(code + layout->ob_type) != type ||
	    *(const void *const *)(str + layout->ob_type) != type)
		return false;
	if (basic_size(layout, code) != layout->code_size ||
	    basic_size(layout, str) != layout->str_pointer + 8)
		return false;
	return layout->frame_size == PY_ABSENT ||
	       basic_size(layout, frame) == layout->frame_size;
}

static const struct py_layout *
find_layout(uint32_t version)
{
	unsigned minor = version >> 16 & 0xff;
	const struct py_layout *layout;
	const uint64_t *published = NULL;
	bool free_threaded = false;
	uint64_t theirs;

	if (version >> 24 != 3 || (version & 0xff) < RELEASE_CANDIDATE)
		return NULL;
	if (minor >= FIRST_PUBLISHED) {
		published = find("_PyRuntime");
		if (!published ||
		    !py_layout_published(published, &theirs, &free_threaded) ||
		    theirs != version)
			return NULL;
	}
	layout = py_layout_find(minor, free_threaded);
	if (!layout || !types_agree(layout))
		return NULL;
	return published && !py_layout_agrees(layout, published) ? NULL
								 : layout;
}

static void
find_functions(struct py_runtime *runtime)
{
	*(void **)&runtime->this_thread = find("PyGILState_GetThisThreadState");
	*(void **)&runtime->current = find_either(
	    "PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet");
	*(void **)&runtime->is_finalizing =
	    find_either("Py_IsFinalizing", "_Py_IsFinalizing");
	runtime->finalizing = find("_Py_Finalizing");
	*(void **)&runtime->is_initialized = find("Py_IsInitialized");
	*(void **)&runtime->get_allocator = find("PyMem_GetAllocator");
	*(void **)&runtime->set_allocator = find("PyMem_SetAllocator");
	*(void **)&runtime->get_arenas = find("PyObject_GetArenaAllocator");
	*(void **)&runtime->set_arenas = find("PyObject_SetArenaAllocator");
	*(void **)&runtime->get_listener = find("PyRefTracer_GetTracer");
	*(void **)&runtime->set_listener = find("PyRefTracer_SetTracer");
	runtime->code_type = find("PyCode_Type");
	runtime->bytes_type = find("PyBytes_Type");
	runtime->str_type = find("PyUnicode_Type");
}

static bool
is_complete(const struct py_runtime *runtime)
{
	return runtime->this_thread && runtime->current &&
	       (runtime->is_finalizing || runtime->finalizing) &&
	       runtime->is_initialized && runtime->get_allocator &&
	       runtime->set_allocator && runtime->code_type &&
	       runtime->bytes_type && runtime->str_type;
}

static bool
is_same_module(const void *a, const void *b)
{
	struct cfi_image of_a, of_b;
	const char *name;

	return module_find((uint64_t)a, &of_a, &name) &&
	       module_find((uint64_t)b, &of_b, &name) &&
	       of_a.start == of_b.start;
}

/*
 * pymalloc is CPython's own, has no context, and is both domains' allocator but
 * not the raw one's. mimalloc has other functions for each of the two, layers
 * for debugging have contexts.
 */
static void
find_pymalloc(struct py_runtime *runtime, const struct py_layout *layout)
{
	struct py_allocator domain[DOMAIN_COUNT];

	for (int i = 0; i < DOMAIN_COUNT; i++)
		runtime->get_allocator(i, &domain[i]);
	if (!layout->free_threaded &&
	    !memcmp(&domain[DOMAIN_MEM], &domain[DOMAIN_OBJ],
		    sizeof(*domain)) &&
	    !domain[DOMAIN_OBJ].ctx &&
	    domain[DOMAIN_OBJ].malloc != domain[DOMAIN_RAW].malloc &&
	    is_same_module(*(void **)&domain[DOMAIN_OBJ].malloc,
			   *(void **)&runtime->set_allocator))
		runtime->pymalloc = domain[DOMAIN_OBJ];
}

/* Stripped executables keep the symbol and its size among the dynamic ones. */
static void
find_eval(void)
{
	static const char name[] = "_PyEval_EvalFrameDefault";
	uint64_t start = (uint64_t)find(name), size;
	struct cfi_image image;
	const char *path;

	if (start && module_find(start, &image, &path) &&
	    lookup_in(image.start, image.bias, name, &size))
		py_eval_find(start, size);
}

static enum py_found
find_all(void)
{
	struct py_runtime found = {0};
	const struct py_layout *layout = NULL;
	uint32_t version = 0;
	bool present = find("PyMem_SetAllocator") && find("Py_IsInitialized");

	if (present)
		version = find_version();
	if (version)
		layout = find_layout(version);
	if (layout)
		find_functions(&found);
	if (!present)
		return PY_FOUND_NONE;
	py_runtime.version = version & ~0xffu;
	if (!layout || !is_complete(&found))
		return PY_FOUND_UNKNOWN;
	found.version = version & ~0xffu;
	found.attached_current = layout->minor >= PY_ATTACHED_CURRENT;
	find_pymalloc(&found, layout);
	py_runtime = found;
	find_eval();
	__atomic_store_n(&py_runtime.layout, layout, __ATOMIC_RELEASE);
	return PY_FOUND;
}

/* The host must not see what was not found. One that is found takes the message
 * away; dlerror would first write it, which leaves pieces in the host's heap.
 */
static void
forget_error(void)
{
	(void)dlsym(RTLD_DEFAULT, "malloc");
}

enum py_found
py_runtime_find(const struct unwind_module *library)
{
	enum py_found found;

	only = library;
	found = find_all();
	only = NULL;
	if (!library)
		forget_error();
	return found;
}

bool
py_counts_threads(void)
{
	const unsigned long *version = find("Py_Version");

	forget_error();
	return version && *version >= PY_COUNTS_THREADS;
}

uint32_t
py_version(void)
{
	return __atomic_load_n(&py_runtime.version, __ATOMIC_RELAXED);
}

/*
 * From 3.12 current() is the state this thread has attached: right also in
 * subinterpreters. Detached (GIL released), this_thread() still names it.
 *
 * To 3.11 current() is the state of whichever thread holds the GIL: right in
 * subinterpreters, but ours only if it says so. this_thread() is always ours,
 * but names the main interpreter's state.
 *
 * A finalising interpreter frees the states of other threads while their slots
 * still point at them, so then only a state that runs now is believed. One that
 * current() gave is that.
 */
const char *
py_runtime_thread(bool gil)
{
	const char *state;

	if (py_runtime.attached_current) {
		state = py_runtime.current();
		if (state || py_runtime_is_finalizing())
			return state;
		return py_runtime.this_thread();
	}
	if (gil) {
		state = py_runtime.current();
		if (state &&
		    *(const uint64_t *)(state + py_runtime.layout->thread_id) ==
			(uint64_t)__builtin_thread_pointer())
			return state;
	}
	state = py_runtime.this_thread();
	if (state && py_runtime_is_finalizing() &&
	    state != py_runtime.current())
		return NULL;
	return state;
}

const uint64_t *
py_runtime_current_place(void)
{
	void *(*current)(void) = py_runtime.current;
	/* First, so that a thread-local variable is there already. */
	uint64_t state = (uint64_t)current();
	const uint64_t *place = arch_returned_word(*(void **)&current);

	return place && *place == state ? place : NULL;
}
