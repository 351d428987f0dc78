/*
 * pools.h - what allocators map while they serve a call: memory that they cut
 * blocks from, as Python's arenas for small objects. The blocks are counted,
 * so the mappings are not; but a ledger of resident memory needs their sum.
 *
 * libc's own malloc maps by system calls that pass no hook.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_POOLS_H
#define HEAPTOP_AGENT_POOLS_H

#include <stdint.h>

/* A hook that forwards only was called, and its mapping has changed by bytes.
 * Does nothing outside of another hook. */
void pools_changed(int64_t bytes);
/* Never below 0: what was mapped before the agent came may have gone since. */
uint64_t pools_bytes(void);

#endif
