/* shares.c - how rows of a merged snapshot spread over its processes. */
#include "config.h"

#include "model/shares.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

void
shares_make(struct shares *shares, struct engine *engine,
	    const struct snapshot *snapshot, const struct row *row)
{
	const struct merge *merge = snapshot->merge;
	uint32_t *sites;
	size_t count;

	*shares = (struct shares){0};
	if (!merge || !row->process_bits)
		return;
	sites = mem_array(snapshot->site_count, sizeof(*sites));
	count = engine_sites(engine, row, sites, snapshot->site_count);
	shares->each = mem_array(merge_count(merge), sizeof(*shares->each));
	shares->count = merge_shares(merge, sites, count, shares->each,
				     merge_count(merge), &shares->sum);
	free(sites);
}

void
shares_fini(struct shares *shares)
{
	free(shares->each);
	*shares = (struct shares){0};
}

unsigned
shares_biggest(const struct shares *shares)
{
	if (!shares->sum.size)
		return 0;
	return (unsigned)lround(100 * (double)shares->each[0].size /
				(double)shares->sum.size);
}
