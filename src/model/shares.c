/* shares.c - how rows of a merged snapshot spread over its processes. */
#include "config.h"

#include "model/shares.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void
shares_make(struct shares *shares, struct engine *engine,
	    const struct snapshot *snapshot, const struct mark *mark,
	    const struct row *row)
{
	const struct merge *merge = snapshot->merge;
	uint32_t *sites;
	size_t count;

	*shares = (struct shares){0};
	if (!merge || !(row->process_bits || row->size_diff))
		return;
	sites = mem_array(snapshot->site_count, sizeof(*sites));
	count = engine_sites(engine, row, sites, snapshot->site_count);
	shares->each = mem_array(merge_count(merge), sizeof(*shares->each));
	shares->count =
	    merge_shares(merge, mark ? mark->parts : NULL, sites, count,
			 shares->each, merge_count(merge), &shares->sum);
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

struct shares_growth
shares_growth(const struct shares *shares)
{
	struct shares_growth growth = {0};
	double sum = 0;

	for (size_t i = 0; i < shares->count; i++) {
		const struct share *share = &shares->each[i];

		if (share->size_diff <= 0)
			continue;
		growth.count++;
		sum += (double)share->size_diff;
		if (!growth.most || share->size_diff > growth.most->size_diff)
			growth.most = share;
	}
	if (growth.most)
		growth.percent = (unsigned)lround(
		    100 * (double)growth.most->size_diff / sum);
	return growth;
}

const char *
shares_text(char out[SHARES_TEXT_MAX], const struct shares *shares)
{
	struct shares_growth growth = shares_growth(shares);

	if (growth.count)
		snprintf(out, SHARES_TEXT_MAX, "+%zu %3u%%", growth.count,
			 growth.percent);
	else if (shares->count)
		snprintf(out, SHARES_TEXT_MAX, "%zu %3u%%", shares->count,
			 shares_biggest(shares));
	else
		snprintf(out, SHARES_TEXT_MAX, "-");
	return out;
}
