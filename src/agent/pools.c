/*
 * pools.c - what allocators map while they serve a call.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/pools.h"

#include "agent/tls.h"

static int64_t bytes_mapped;

void
pools_changed(int64_t bytes)
{
	if (thread_tls.guard && thread_tls.guard != GUARD_FOREVER)
		__atomic_fetch_add(&bytes_mapped, bytes, __ATOMIC_RELAXED);
}

uint64_t
pools_bytes(void)
{
	int64_t bytes = __atomic_load_n(&bytes_mapped, __ATOMIC_RELAXED);

	return bytes > 0 ? (uint64_t)bytes : 0;
}
