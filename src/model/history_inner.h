/*
 * history_inner.h - how changes are kept; of history*.c only.
 *
 * Changes are bytes: for each site the distance of its index from the one
 * before and five differences, all as numbers of seven bits a byte, so that the
 * usual one takes about ten.
 */
#ifndef HEAPTOP_MODEL_HISTORY_INNER_H
#define HEAPTOP_MODEL_HISTORY_INNER_H

#include "base/packed.h"
#include "model/history.h"

/* Of one site, as in struct site. */
struct total {
	uint64_t alloc_bytes;
	uint64_t alloc_count;
	uint64_t free_bytes;
	uint64_t free_count;
	uint64_t peak_bytes;
};
#define TOTAL_NUMBERS (sizeof(struct total) / sizeof(uint64_t))

struct kept {
	struct moment moment;
	unsigned char *data; /* changes since the one before; NULL none */
	size_t size;
};

struct writer {
	unsigned char *data;
	size_t size;
	size_t room;
	uint32_t site; /* the last that was put */
};

/* Stands at a change as long as it is good. */
struct reader {
	const unsigned char *at;
	const unsigned char *end;
	struct change change;
	bool good;
};

/*
 * kept[i].data leads from moment i - 1 to i. Moments [0, lost) are not whole,
 * so the data of [0, lost] leads nowhere and is not kept.
 */
struct history {
	struct kept *kept;
	size_t count;
	size_t kept_room;
	size_t lost;
	/* Of each number of struct total, by site index, at the newest moment.
	 */
	struct packed state[TOTAL_NUMBERS];
	size_t state_count;
	size_t size; /* of all data */
	size_t room;
	bool totals_only; /* the state alone is too much */
	size_t marks_seen;
	struct writer scratch;
};

void writer_clear(struct writer *);
/* Sites in order; a change of nothing is left out. */
void writer_put(struct writer *, const struct change *);
struct reader reader_of(const struct kept *);
void reader_step(struct reader *);
/* Makes what is in scratch the data of a moment that has none. */
void kept_fill(struct history *, struct kept *);

void change_add(struct change *, const struct change *);
/* A site's at the newest moment. */
struct total state_get(const struct history *, size_t index);
void state_put(struct history *, size_t index, const struct total *);
void total_add(struct total *, const struct change *);
void total_subtract(struct total *, const struct change *);

#endif
