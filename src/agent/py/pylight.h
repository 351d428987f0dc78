/*
 * pylight.h - the hooks of a process that is sampled: CPython frees its small
 * objects by itself, and we hear only of those that were recorded.
 *
 * A small block that is recorded is asked of pymalloc in a size that pymalloc
 * does not serve, but passes on to the raw allocator. When it is freed it goes
 * the same way back, to our hook there. Of all others nobody has to be told: so
 * pymalloc's own free stands in the interpreter's table, and a malloc that
 * passes is a jump to pymalloc's.
 *
 *	is_outside	 no small block that was recorded is pymalloc's
 *	py_frees_unseen	 pymalloc's blocks are freed without a word; then
 *			 is_outside too
 *
 * Once that has ended, for a lower rate or an exact one, it does not come back.
 * Code objects are freed without a word as well: what is known of them is
 * looked at anew for each block that is recorded (py_code_forget).
 *
 * Context: hook, but where said.
 */
#ifndef HEAPTOP_AGENT_PY_PYLIGHT_H
#define HEAPTOP_AGENT_PY_PYLIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/hidden.h"
#include "agent/py/pyruntime.h"

#define PY_LIGHT_SMALL 512 /* pymalloc's largest block */
/* The least mean interval: a block outside takes more memory, and a stack more
 * time. */
#define PY_LIGHT_INTERVAL (UINT64_C(64) << 10)

struct py_light {
	bool is_outside;
	bool was_on; /* light hooks were installed at some time */
	/* The hooks that see everything, and have pymalloc below. */
	const struct py_allocator *full[DOMAIN_COUNT];
};
extern HIDDEN struct py_light py_light;

/* Once the runtime is known, before hooks are installed. Context: setup. */
void py_light_setup(void);
/* Whether they may be installed, at the rate of now. */
bool py_light_fits(void);

/* What to ask the allocator below for, when a block of this size is to be
 * recorded as sampled. */
static inline size_t
py_light_size(const struct py_allocator *below, size_t size)
{
	bool moves = size <= PY_LIGHT_SMALL &&
		     __atomic_load_n(&py_light.is_outside, __ATOMIC_RELAXED) &&
		     below->malloc == py_runtime.pymalloc.malloc;

	return moves ? PY_LIGHT_SMALL + 1 : size;
}

/* Whether those are light hooks. */
bool py_light_is(const struct py_allocator *, int domain);
/* Light hooks, in place of full ones that are on top. All ctx are good: neither
 * pymalloc nor full hooks look at them. Begin before the first domain's. */
void py_light_begin(void);
void py_light_install(int domain, const struct py_allocator *full);
/* No domain has light hooks any more, and none will have. */
void py_light_end(void);

#endif
