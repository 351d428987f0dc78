/*
 * live_trim.h - gives back the pages of the shadow that hold no entry.
 *
 * Owners store entries without a lock, so a page that is empty now may not be
 * so when it is dropped. Therefore a chunk is closed first:
 *
 *	closed    its place reads NULL, so that owners come to the slow path,
 *		  which knows of this; a barrier in all threads (membarrier)
 *		  and then one look at each thread outside of its hooks make
 *		  sure that nobody still uses what it read before
 *	offered   pages that are found empty now, unless somebody who is about
 *		  to store there withdraws them
 *	dropping  while the system call lasts; who would store in the chunk
 *		  waits
 *
 * Then it is opened again. Reading, and taking blocks out, goes on all the
 * time: the pages that are dropped hold nothing to take. Where the system has
 * no membarrier (Linux 4.14) or does not let a thread look at another's memory
 * (process_vm_readv), nothing is given back.
 *
 * Context: ticker, but for the first two and the last.
 */
#ifndef HEAPTOP_AGENT_LIVE_TRIM_H
#define HEAPTOP_AGENT_LIVE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct live_chunk;

/* The chunk whose place reads NULL since it is closed; NULL: it is not there.
 * Context: hook. */
uint32_t *live_trim_closed(uint32_t **place);
/* Before entries are stored from a unit on in a closed chunk. False: it cannot
 * be done. Context: hook. */
bool live_trim_keep(uint64_t unit);

/* Looks at what a chunk holds in memory, and gives back what it can. Returns
 * the bytes that were given back. */
uint64_t live_trim(struct live_chunk *);

/* In the child of a fork: opens what its parent had closed. */
void live_trim_forked(void);

#endif
