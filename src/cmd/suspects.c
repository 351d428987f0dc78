/* suspects.c - rows by evidence of a leak, as --suspects prints them. */
#include "config.h"

#include "cmd/suspects.h"

void
judged_make(struct judged *judged, struct engine *engine,
	    const struct options *options, const struct history *history,
	    const struct snapshot *snapshot, const struct query *query,
	    struct rows *rows)
{
	struct suspects *found = &judged->found;

	suspects_find(engine, history, query->mark->mono_ns,
		      history_at(history, snapshot->mono_ns), rows,
		      snapshot->site_count, found);
	rows->matched = found->count;
	if (options->top && found->count > options->top)
		found->count = options->top;
	for (size_t i = 0; i < found->count; i++) {
		judged->rows[i] = rows->rows[found->list[i].row];
		judged->trends[i] = found->list[i].trend;
	}
	rows->rows = judged->rows;
	rows->count = found->count;
	rows->trends = judged->trends;
	rows->suspects = found;
}
