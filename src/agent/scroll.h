/*
 * scroll.h - a log that begins anew when it is full.
 *
 * What was written last is there, what is old gets overwritten. Whoever points
 * into it keeps the position, which is never given twice, and so finds out.
 *
 * Context: hook. For one thread, zero at first, touched as it fills.
 */
#ifndef HEAPTOP_AGENT_SCROLL_H
#define HEAPTOP_AGENT_SCROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCROLL_UNIT  16
#define SCROLL_UNITS 131072 /* 2 MiB */

struct scroll {
	uint32_t head; /* units ever written; position 0 is none */
	_Alignas(SCROLL_UNIT) char bytes[SCROLL_UNITS * SCROLL_UNIT];
};

/* What is at a position; NULL: nothing, or overwritten. */
static inline void *
scroll_at(struct scroll *scroll, uint32_t position)
{
	if (!position || scroll->head - position >= SCROLL_UNITS)
		return NULL;
	return &scroll->bytes[(size_t)(position % SCROLL_UNITS) * SCROLL_UNIT];
}

/* Whether positions are about to be given twice: all must be forgotten. */
static inline bool
scroll_is_over(const struct scroll *scroll)
{
	return !scroll->head || scroll->head >= UINT32_MAX - 4 * SCROLL_UNITS;
}

static inline void
scroll_restart(struct scroll *scroll)
{
	scroll->head = 1;
}

/* The position of room for size bytes, in one piece. Oldest ones are lost. */
static inline uint32_t
scroll_take(struct scroll *scroll, size_t size)
{
	uint32_t units = (uint32_t)((size + SCROLL_UNIT - 1) / SCROLL_UNIT);
	uint32_t left = SCROLL_UNITS - scroll->head % SCROLL_UNITS;
	uint32_t position = scroll->head + (units > left ? left : 0);

	scroll->head = position + units;
	/* Before the room is written to: a handler may look meanwhile. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return position;
}

#endif
