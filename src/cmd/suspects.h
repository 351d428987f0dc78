/*
 * suspects.h - rows by evidence of a leak, as --suspects prints them.
 */
#ifndef HEAPTOP_CMD_SUSPECTS_H
#define HEAPTOP_CMD_SUSPECTS_H

#include "cmd/option.h"
#include "model/suspects.h"

/* Of one answer; rows and trends in the order of `found`. */
struct judged {
	struct suspects found;
	struct row rows[SUSPECTS_MAX];
	struct trend trends[SUSPECTS_MAX];
};

/*
 * Judges the rows of the engine's last run, which must have been all of them,
 * since the query's mark, and makes `rows` those of judged: the strongest
 * evidence first, as many as the options ask for. judged must outlive them.
 */
void judged_make(struct judged *, struct engine *, const struct options *,
		 const struct history *, const struct snapshot *,
		 const struct query *, struct rows *);

#endif
