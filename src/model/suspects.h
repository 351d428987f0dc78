/*
 * suspects.h - evidence of a leak: how what is live of a row went while it was
 * watched, from the mark to the moment that is shown.
 *
 * The watched time is cut into four quarters. The floor of a quarter is the
 * least that was live in it, so what comes and goes within a quarter (churn, a
 * collector that runs now and then) leaves no trace.
 *
 *	slope  = (floor of the last quarter - floor of the first) / 3 quarters
 *	lately = (floor of the last quarter - floor of the third) / 1 quarter
 *	grew   = share of the moments that had more live than the one before
 *	kept   = (blocks born - blocks freed) / born, not below 0: at least that
 *	         share of the blocks born since then still live
 *	swing  = median of how far it moved from one moment to the next
 *	rank   = min(slope, lately) * (1 + grew + kept) / 3, not below 0; and 0
 *	         when the last quarter's floor rose by no more than the swing
 *
 * So a cache that fills and levels off falls to 0 once it has been level for
 * a quarter and the one before; growth at the start alone has no slope after
 * the first quarter. What is within its sampling error has rank 0, and so has
 * all that was watched at less than EVIDENCE_MOMENTS moments.
 */
#ifndef HEAPTOP_MODEL_SUSPECTS_H
#define HEAPTOP_MODEL_SUSPECTS_H

#include "model/history.h"
#include "model/query.h"

#define EVIDENCE_MOMENTS 8 /* two in each quarter */
#define SUSPECTS_MAX	 128

/* Of one row. Bytes a second and shares from 0 to 1. */
struct evidence {
	double slope;
	double lately;
	double grew;
	double kept;
	uint64_t born; /* blocks */
	uint64_t freed;
	double rank;
};

/*
 * Judges a series: values at times, oldest first, and the blocks born and freed
 * since the first of them. doubtful: its growth may be chance.
 */
void evidence_judge(const uint64_t *times_ns, const uint64_t *values,
		    size_t count, uint64_t born, uint64_t freed, bool doubtful,
		    struct evidence *);

struct suspect {
	size_t row; /* index of the rows that were judged */
	uint64_t identity;
	struct evidence evidence;
	struct trend trend;
};

struct suspects {
	struct suspect list[SUSPECTS_MAX]; /* the strongest evidence first */
	size_t count;
	size_t moments; /* that were judged */
	uint64_t watched_ns;
};

/*
 * Judges the rows of the engine's last run that have grown, the most grown
 * ones when they are many, from the moment at or after from_ns
 * (CLOCK_MONOTONIC) to index.
 */
void suspects_find(struct engine *, const struct history *, uint64_t from_ns,
		   size_t index, const struct rows *, size_t sites,
		   struct suspects *);

#endif
