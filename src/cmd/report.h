/*
 * report.h - the table as `report`, `diff` and `top -b` print it.
 */
#ifndef HEAPTOP_CMD_REPORT_H
#define HEAPTOP_CMD_REPORT_H

#include "cmd/open.h"
#include "cmd/option.h"

/* The query that the options ask for. mark NULL: no deltas. */
void report_query(const struct options *, const struct mark *, struct query *);

/*
 * Asks and prints to stdout. The snapshot is that of opened, or made from it.
 * Returns STATUS_DONE, or STATUS_THRESHOLD when
 * --fail-above was given and what passes the filter has (grown by) more.
 */
int report_print(struct engine *, const struct options *, struct opened *,
		 const struct snapshot *, const struct query *);

#endif
