/*
 * tracing.h - what Python allocated since the program asked for it: bytes that
 * are live now, and the most that were (api.h).
 *
 * Only sites made since are looked at (sites_begin), so what is older counts
 * neither at its birth nor at its free. While nobody has asked, no site is
 * above tracing_first, and a hook pays one comparison.
 *
 * Context: hook; begin, end, peak_reset and the sums: the program's calls.
 */
#ifndef HEAPTOP_AGENT_TRACING_H
#define HEAPTOP_AGENT_TRACING_H

#include <stdbool.h>
#include <stdint.h>

#include "heaptop/wire.h"

#define TRACING_NONE UINT32_MAX

extern uint32_t tracing_first;

/* Whether blocks of a site are to be told. */
static inline bool
tracing_has(uint32_t site)
{
	return __builtin_expect(
	    site > __atomic_load_n(&tracing_first, __ATOMIC_RELAXED), 0);
}

/* A block of one of those sites was born (bytes > 0), or is gone (< 0). Blocks
 * that are not of Python's allocators are left out. */
void tracing_add(uint32_t site, int64_t bytes);

/* Tracemalloc knows one domain for Python's three allocators. */
static inline bool
tracing_is_python(uint32_t domain)
{
	return domain >= WIRE_DOMAIN_PYMEM_RAW &&
	       domain <= WIRE_DOMAIN_PYMEM_OBJECT;
}

/* From now on, from nothing; false: no memory. Also to begin anew. */
bool tracing_begin(void);
void tracing_end(void);
bool tracing_is_on(void);

/* 0 when it is off. */
uint64_t tracing_live(void);
uint64_t tracing_peak(void);
void tracing_peak_reset(void);

#endif
