/*
 * tracing.h - what Python allocated since the program asked for it: bytes that
 * are live now, and the most that were (api.h).
 *
 * Only sites of the era that began then are looked at (sites.h), so what is
 * older counts neither at its birth nor at its free. While nobody has asked, a
 * hook pays one comparison.
 *
 * Context: hook; begin, end, peak_reset and the sums: the program's calls.
 */
#ifndef HEAPTOP_AGENT_TRACING_H
#define HEAPTOP_AGENT_TRACING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"
#include "heaptop/wire.h"

extern HIDDEN bool tracing_on;

static inline bool
tracing_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&tracing_on, __ATOMIC_RELAXED),
				0);
}

/* A block of a site was born (bytes > 0), or is gone (< 0). What is older, or
 * not of Python's allocators, is left out. */
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

/* 0 when it is off. */
uint64_t tracing_live(void);
uint64_t tracing_peak(void);
void tracing_peak_reset(void);

#endif
