/*
 * history.h - the last hour of a process: its totals, and those of all sites,
 * at falling resolution.
 *
 * Nouns.
 *   moment  one instant that is kept, by its index, oldest first; indices
 *           change when a snapshot is added, times do not
 *   tier    how close moments lie: one a second for a minute, one in ten
 *           seconds for ten minutes before that, one a minute for an hour
 *           before that; the first of each such slot of the monotonic clock
 *   change  what a site's totals have changed by since the moment before
 *
 * The totals of all sites are held once, as they are at the newest moment, and
 * each moment has its changes: going back takes them off again. So nothing is
 * rounded, and what has been let go of is only time in between. When the
 * changes need more memory than is allowed, the oldest moments lose them: their
 * process totals stay, and `whole` says that no list can be made of them.
 */
#ifndef HEAPTOP_MODEL_HISTORY_H
#define HEAPTOP_MODEL_HISTORY_H

#include "model/snapshot.h"

#define HISTORY_ROOM_DEFAULT ((size_t)40 << 20)
#define HISTORY_PINS_MAX     64 /* moments kept for marks: the newest */
/* No history has more: those of all tiers, at their edges too, and pins. */
#define HISTORY_MOMENTS_MAX 512

struct history;

/* All of the process. */
struct moment {
	uint64_t mono_ns;
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t tick;
	uint64_t live_bytes;
	uint64_t live_count;
	uint64_t rss_bytes; /* 0 unknown */
	uint64_t work_units;
	bool whole;  /* all sites are known too */
	bool pinned; /* of a mark: stays where others go */
};

/* Differences to the moment before; site is an id from 1. */
struct change {
	uint32_t site;
	int64_t alloc_bytes;
	int64_t alloc_count;
	int64_t free_bytes;
	int64_t free_count;
	int64_t peak_bytes;
};

/* room: bytes it may use; 0 the default. */
struct history *history_new(size_t room);
void history_free(struct history *);

/*
 * Takes in a snapshot; one of the same second as the last is passed over
 * quickly, unless the program has made a mark since. All must be of one source.
 * Returns whether it was kept.
 */
bool history_add(struct history *, const struct snapshot *);
/* The same, but it is kept in any case, as if the program had marked it. */
void history_pin(struct history *, const struct snapshot *);

size_t history_count(const struct history *);
/* Good until the next snapshot is added. */
const struct moment *history_moment(const struct history *, size_t index);
/* The last moment at or before that time, or the oldest. */
size_t history_at(const struct history *, uint64_t mono_ns);
/* The one nearest to a time of the other clock. */
size_t history_near(const struct history *, uint64_t time_ns);
/* The oldest moment that is whole; their count when none is. */
size_t history_reach(const struct history *);
/* Bytes in use, and allowed. */
size_t history_size(const struct history *);
size_t history_room(const struct history *);

/*
 * All sites as of a moment that is whole, for queries: totals, peaks and marks
 * as they were. Names, stacks and what is not in a moment come from now, a
 * snapshot of the same source. Variances are those of now, in proportion to
 * what had been allocated and freed. Sites that had no block yet have no stack,
 * so they are in no row, unless compared, a mark or NULL, has some. out is made
 * here; snapshot_fini.
 */
void history_snapshot(const struct history *, size_t index,
		      const struct snapshot *now, const struct mark *compared,
		      struct snapshot *out);
/* The same as a mark; mark_fini. */
void history_mark(const struct history *, size_t index,
		  const struct snapshot *now, const char *name,
		  struct mark *out);

/* The sites of a row: ids from 1, each once. */
struct site_set {
	const uint32_t *sites;
	size_t count;
};

/*
 * Live bytes of each set at each moment: out[set * history_count + moment].
 * 0 where moments are not whole.
 */
void history_series(const struct history *, const struct site_set *sets,
		    size_t count, uint64_t *out);
/* The same of few sets, however many sites they have: bit k of masks[site - 1]
 * says that a site is in set k. */
#define HISTORY_MASKED_MAX 64
void history_series_masked(const struct history *, const uint64_t *masks,
			   size_t sites, size_t count, uint64_t *out);

#define TREND_SLOTS 60

/* How a series has gone lately. */
struct trend {
	/* At the end of each of the last seconds, oldest first. */
	uint64_t values[TREND_SLOTS];
	size_t known; /* of them, the last ones */
	/* It was more every ten seconds (every minute further back) for so
	 * long; 0: it is not growing. */
	uint64_t grew_ns;
};

/* As of a moment, of a series of history_series: values at all moments. */
void history_trend(const struct history *, const uint64_t *series, size_t index,
		   struct trend *);

/* Growth is looked for between such moments: the one ten seconds before another
 * (the next minute further back), or the oldest; itself if there is none. */
size_t history_step(const struct history *, size_t index);
/* The moment of the first known second of a trend. */
size_t history_trend_first(const struct history *, size_t index);

#define TREND_LEVELS 8

/*
 * In so many cells, each the last second that it covers: from 1, the least, to
 * TREND_LEVELS; 0 unknown. What hardly moves is flat.
 */
void trend_levels(const struct trend *, unsigned char *out, size_t width);

/*
 * For files. Walks the changes that lead to a whole moment from the one before,
 * by site; to the oldest whole one they lead from nothing.
 */
typedef void history_visit(void *context, const struct change *);
void history_walk(const struct history *, size_t index, history_visit *,
		  void *context);
/*
 * Puts back what was walked: moments oldest first, each with its changes in
 * order of their sites, or with none and not whole. False, and nothing is
 * done, when they are not in order or more than an hour's.
 */
bool history_restore(struct history *, const struct moment *,
		     const struct change *changes, size_t count);

#endif
