/*
 * piece_words.h - the words of pieces and of the stack; for piece*.c alone.
 */
#ifndef HEAPTOP_AGENT_PIECE_WORDS_H
#define HEAPTOP_AGENT_PIECE_WORDS_H

#include "agent/piece.h"

#define PIECE_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define PIECE_STEP   UINT64_C(0xd1b54a32d192ed04)

static inline uint64_t
load(uint64_t address)
{
	return *(const uint64_t *)address;
}

/* As the compiler sees it, the sum is one addressing mode. */
static inline uint64_t
word_at(uint64_t sp, uint16_t offset)
{
	return ((const uint64_t *)sp)[(uint64_t)offset];
}

static inline const struct shape_check *
checks_of(const struct piece *piece)
{
	return (const struct shape_check *)&piece->words[1 + piece->rest];
}

static inline const uint16_t *
offsets_of(const struct piece *piece)
{
	return (const uint16_t *)(checks_of(piece) + piece->checks);
}

static inline uint64_t
mix(uint64_t hash)
{
	return hash ^ hash >> 29 ^ hash >> 47;
}

#endif
