/*
 * match.h - the sites of one snapshot found again in another.
 *
 * Ids mean nothing outside their own source, so stacks are compared by what
 * they contain: native frames by the module's build id (its path, where there
 * is none) and offset, Python frames by file, function and line.
 */
#ifndef HEAPTOP_CMD_MATCH_H
#define HEAPTOP_CMD_MATCH_H

#include "model/snapshot.h"

/*
 * Makes `mark` the totals of `before` in terms of the sites of `after`, and
 * appends to `after` a site, with nothing live, for each site of `before` that
 * it lacks: what is gone is a difference too. The caller calls mark_fini.
 */
void match_sites(struct snapshot *after, const struct snapshot *before,
		 struct mark *mark);

#endif
