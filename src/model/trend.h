/*
 * trend.h - how rows have gone: history asked for what a query answered.
 */
#ifndef HEAPTOP_MODEL_TREND_H
#define HEAPTOP_MODEL_TREND_H

#include "model/history.h"
#include "model/query.h"

/* The sites of rows: a set of each, in no order. */
struct row_sites {
	struct site_set *sets;
	uint32_t *sites; /* those of all sets, one row after the other */
};

/* Of rows of the engine's last run, or copies of them; sites as below. */
struct row_sites row_sites_find(struct engine *, const struct row *rows,
				size_t count, size_t sites);
void row_sites_free(struct row_sites *);

/*
 * Fills out[count], for rows of the engine's last run, as of a moment of the
 * history. sites: how many the snapshot has that was asked.
 */
void trend_rows(struct engine *, const struct history *, size_t index,
		const struct row *rows, size_t count, size_t sites,
		struct trend *out);

/* Live bytes of one such row at each moment; owned by the caller. */
uint64_t *trend_series(struct engine *, const struct history *,
		       const struct row *, size_t sites);

#endif
