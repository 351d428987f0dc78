/* cmd_diff.c - `heaptop diff OLD NEW`: what changed between two. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/match.h"
#include "cmd/report.h"
#include "cmd/subcommand.h"

/* Its sites may be added to; what else it holds stays the source's. */
static struct snapshot
snapshot_copy(const struct snapshot *from)
{
	struct snapshot copy = *from;

	copy.sites = NULL;
	copy.spreads = NULL;
	copy.site_count = copy.site_capacity = 0;
	snapshot_room(&copy, from->site_count);
	memcpy(copy.sites, from->sites, from->site_count * sizeof(*copy.sites));
	if (from->spreads) {
		snapshot_spread(&copy);
		memcpy(copy.spreads, from->spreads,
		       from->site_count * sizeof(*copy.spreads));
	}
	return copy;
}

/* What is resident at both, and the former to compare with. */
static bool
ledgers_find(const struct options *options, struct opened *before,
	     struct opened *after, struct ledger *base, struct err *err)
{
	if (!open_ledger(before, options->operands[0], err) ||
	    !open_ledger(after, options->operands[1], err))
		return false;
	if (ledger_make(base, source_snapshot(before->source)))
		after->base = base;
	return true;
}

static int
diff(const struct options *options, struct opened *before, struct opened *after)
{
	struct snapshot snapshot =
	    snapshot_copy(source_snapshot(after->source));
	struct engine *engine = engine_new();
	struct query query;
	struct mark mark;
	int status;

	match_sites(&snapshot, source_snapshot(before->source), &mark);
	report_query(options, &mark, &query);
	status = report_print(engine, options, after, &snapshot, &query);
	engine_free(engine);
	mark_fini(&mark);
	free(snapshot.sites);
	free(snapshot.spreads);
	return status;
}

int
cmd_diff(const struct options *options)
{
	struct opened before, after;
	struct ledger base;
	struct err err;
	int status;

	if (!open_operand(&before, options, 0, &err))
		return failed(&err);
	if (!open_operand(&after, options, 1, &err)) {
		open_close(&before);
		return failed(&err);
	}
	status = !options->ledger ||
			 ledgers_find(options, &before, &after, &base, &err)
		     ? diff(options, &before, &after)
		     : failed(&err);
	open_close(&after);
	open_close(&before);
	return status;
}
