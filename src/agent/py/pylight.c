/*
 * pylight.c - the hooks of a process that is sampled.
 *
 * Context: hook, but where said.
 */
#include "config.h"

#include "agent/py/pylight.h"

#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/sample.h"

struct py_light py_light;
bool py_frees_unseen;

/* What pymalloc does not serve comes to the raw hook, and is to be kept quiet
 * there: full hooks do that. */
#define LIGHT(name_, domain_)                                                \
	static void *name_##_malloc(void *ctx, size_t size)                  \
	{                                                                    \
		if (size - 1 < PY_LIGHT_SMALL && record_passes(size))        \
			return py_runtime.pymalloc.malloc(ctx, size);        \
		return py_light.full[domain_]->malloc(ctx, size);            \
	}                                                                    \
	static void *name_##_calloc(void *ctx, size_t count, size_t size)    \
	{                                                                    \
		size_t bytes;                                                \
                                                                             \
		if (!__builtin_mul_overflow(count, size, &bytes) &&          \
		    bytes - 1 < PY_LIGHT_SMALL && record_passes(bytes))      \
			return py_runtime.pymalloc.calloc(ctx, count, size); \
		return py_light.full[domain_]->calloc(ctx, count, size);     \
	}
LIGHT(light_mem, DOMAIN_MEM)
LIGHT(light_obj, DOMAIN_OBJ)

static const struct py_allocator light_hooks[DOMAIN_COUNT] = {
    [DOMAIN_MEM] = {.malloc = light_mem_malloc, .calloc = light_mem_calloc},
    [DOMAIN_OBJ] = {.malloc = light_obj_malloc, .calloc = light_obj_calloc},
};

bool
py_light_is(const struct py_allocator *current, int domain)
{
	return current->malloc == light_hooks[domain].malloc;
}

bool
py_light_fits(void)
{
	return py_runtime.pymalloc.malloc && !sample_was_exact &&
	       sample_interval() >= PY_LIGHT_INTERVAL;
}

void
py_light_setup(void)
{
	py_light.is_outside = py_light_fits();
}

void
py_light_begin(void)
{
	py_light.was_on = true;
	__atomic_store_n(&py_frees_unseen, true, __ATOMIC_SEQ_CST);
	py_code_forget();
}

void
py_light_install(int domain, const struct py_allocator *full)
{
	struct py_allocator current, ours = light_hooks[domain];

	py_light.full[domain] = full;
	py_runtime.get_allocator(domain, &current);
	ours.ctx = current.ctx;
	ours.realloc = full->realloc;
	ours.free = py_runtime.pymalloc.free;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	py_runtime.set_allocator(domain, &ours);
}

void
py_light_end(void)
{
	__atomic_store_n(&py_light.is_outside, false, __ATOMIC_SEQ_CST);
	__atomic_store_n(&py_frees_unseen, false, __ATOMIC_SEQ_CST);
	py_code_forget();
}
