/*
 * live_hash.h - a map of live blocks as a hash table.
 *
 * For sampled blocks, and for all where address space is very short: 16 bytes
 * for each block, half to three quarters full, whatever the blocks' sizes and
 * places. Slower than the shadow: each access takes the lock of one of 64
 * tables.
 *
 * Context: hook. Addresses below 2^47.
 */
#ifndef HEAPTOP_AGENT_LIVE_HASH_H
#define HEAPTOP_AGENT_LIVE_HASH_H

#include <stdbool.h>
#include <stdint.h>

struct block;

/* Replaces what is known of the address. False: no memory. */
bool live_hash_put(uint64_t address, struct block);
struct block live_hash_take(uint64_t address);
/* The same, but it stays. */
struct block live_hash_look(uint64_t address);
/* Shows all blocks, those of one table at a time while its lock is held: visit
 * must only touch memory. */
void live_hash_each(void (*visit)(void *context, uint64_t address,
				  struct block),
		    void *context);
/* Forgets all. Context: ticker, while no hook is called. */
void live_hash_clear(void);
void live_hash_forked(void);

#endif
