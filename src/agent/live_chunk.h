/*
 * live_chunk.h - the memory of the shadow.
 *
 * Chunks are reserved when a block first comes to live in the addresses they
 * stand for, and never unmapped; their pages are given back when no entry is
 * left in them (live_trim.h). Their places stand in one table, which inline
 * code reads, or where address space is short in a tree, for smaller chunks.
 *
 * Context: hook; ticker where said.
 */
#ifndef HEAPTOP_AGENT_LIVE_CHUNK_H
#define HEAPTOP_AGENT_LIVE_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#define LIVE_PAGE 4096

/* A chunk that was made; never freed. */
struct live_chunk {
	struct live_chunk *next; /* the one made before */
	uint32_t *start;
	uint32_t **place;  /* where it is looked up: start, NULL while closed */
	uint64_t address;  /* of its first entry */
	uint64_t resident; /* bytes in memory when last looked at; ticker */
};

/* Small: chunks of 1 MiB of addresses. False: no memory. */
bool live_chunk_init(bool small);

/* The entry of an address; NULL: it has none. */
uint32_t *live_chunk_entry(uint64_t address);
/* The same, to store a block of several entries there. Makes the chunk; NULL:
 * no memory, or an address that no shadow has. */
uint32_t *live_chunk_entry_make(uint64_t address);
/* How many entries come before that of an address, in the same chunk. */
uint64_t live_chunk_unit(uint64_t address);

/* The newest chunk. Context: ticker. */
struct live_chunk *live_chunk_first(void);
/* Bytes of each chunk, pages. */
uint64_t live_chunk_size(void);

#endif
