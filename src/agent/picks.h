/*
 * picks.h - a sample of blocks, of which there may be any number: at most
 * PICKS_MAX are kept, all as long as they fit.
 *
 * Blocks of one size are mostly of one type, and the few that are large hold
 * much. So each size is a stratum; when there is no room left, the one with
 * most picks keeps half of them. In a stratum one block of each `every` that
 * follow each other is picked, at random: what is allocated in turns is often
 * found in turns, and a fixed step would then see one kind only.
 *
 * Context: ticker. Only touches memory.
 */
#ifndef HEAPTOP_AGENT_PICKS_H
#define HEAPTOP_AGENT_PICKS_H

#include <stdint.h>

#include "agent/live.h"
#include "agent/sample.h"

#define PICKS_MAX 100000

/* Sizes up to SMALL by eights, then by powers of 2. */
#define PICKS_SMALL  512
#define PICKS_SMALLS (PICKS_SMALL / 8 + 1)
#define PICKS_STRATA (PICKS_SMALLS + 64 - 9)
_Static_assert(PICKS_STRATA <= 256, "pick.stratum");

struct pick {
	uint64_t address;
	uint64_t size;
	uint32_t site;
	uint8_t level;
	uint8_t stratum;
};

struct stratum {
	uint32_t count;	   /* of its picks */
	uint32_t every;	   /* a power of 2; 0: no block yet */
	uint32_t seen;	   /* since the last `every` blocks began */
	uint32_t turn;	   /* which of them is picked */
	struct weight all; /* what all of its blocks stand for */
};

/* All zero but for list is empty. */
struct picks {
	struct pick *list; /* room for PICKS_MAX; in the order they came */
	uint32_t count;
	struct stratum strata[PICKS_STRATA];
};

/* *random is not 0, and is changed. */
void picks_add(struct picks *, uint64_t *random, uint64_t address,
	       struct block);

#endif
