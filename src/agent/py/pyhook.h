/*
 * pyhook.h - what CPython's three allocators call in place of their own
 * functions.
 */
#ifndef HEAPTOP_AGENT_PY_PYHOOK_H
#define HEAPTOP_AGENT_PY_PYHOOK_H

#include "agent/hidden.h"
#include "agent/py/pyruntime.h"

/* The ctx of hooks of the first kind, never used for another installation. */
struct py_slot {
	struct py_allocator below;
};
extern HIDDEN const struct py_allocator py_slot_hooks[DOMAIN_COUNT];

/* The second kind: whatever ctx they are called with is that of the allocator
 * below, which is this. Written once, before they are installed. */
extern HIDDEN struct py_allocator py_below[DOMAIN_COUNT];
extern HIDDEN const struct py_allocator py_running_hooks[DOMAIN_COUNT];

/*
 * The free alone, of an allocator that somebody has put on top of light hooks:
 * he has a copy of those, and would free past us. All else stays his, which is
 * this. Written once, likewise. Not of the raw domain.
 */
extern HIDDEN struct py_allocator py_over[DOMAIN_COUNT];
extern HIDDEN void (*const py_free_over[DOMAIN_COUNT])(void *, void *);

#endif
