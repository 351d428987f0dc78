/* merge_shares.c - what each process of several has of some sites. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/packed.h"
#include "model/merge_inner.h"

static int
compare_shares(const void *left, const void *right)
{
	const struct share *a = left, *b = right;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->member < b->member ? -1 : a->member > b->member;
}

struct moment_parts {
	size_t count;
	struct packed size[]; /* of each member: live, by its site index */
};

struct moment_parts *
merge_moment(const struct merge *merge)
{
	struct moment_parts *moment =
	    mem_alloc(sizeof(*moment) + merge->count * sizeof(*moment->size));

	moment->count = merge->count;
	for (size_t m = 0; m < merge->count; m++) {
		const struct member *member = &merge->members[m];
		struct packed *size = &moment->size[m];

		*size = (struct packed){0};
		packed_room(size, member->part_room);
		for (size_t i = 0; i < member->part_room; i++)
			if (member->parts[i].whole)
				packed_set(size, i,
					   site_live_bytes(
					       &member->snapshot->sites[i]));
	}
	return moment;
}

void
merge_moment_free(struct moment_parts *moment)
{
	for (size_t i = 0; moment && i < moment->count; i++)
		packed_fini(&moment->size[i]);
	free(moment);
}

static uint64_t
size_then(const struct moment_parts *moment, struct link link)
{
	size_t index = link.site - 1;

	return link.member < moment->count &&
		       index < moment->size[link.member].room
		   ? packed_get(&moment->size[link.member], index)
		   : 0;
}

size_t
merge_shares(const struct merge *merge, const struct moment_parts *since,
	     const uint32_t *sites, size_t count, struct share *out, size_t max,
	     struct share *sum)
{
	struct share *shares = mem_array(merge->count, sizeof(*shares));
	size_t used = 0;

	*sum = (struct share){0};
	for (size_t i = 0; i < count; i++) {
		struct link link = {0};

		if (sites[i] && sites[i] <= merge->whole->site_count)
			link = merge->first[sites[i] - 1];
		for (; link.site; link = link_part(merge, link)->next) {
			const struct site *site = link_site(merge, link);
			struct share *share = &shares[link.member];
			uint64_t size = site_live_bytes(site);

			share->size += size;
			share->count += site_live_count(site);
			if (since)
				share->size_diff +=
				    (int64_t)(size - size_then(since, link));
		}
	}
	for (size_t i = 0; i < merge->count; i++) {
		struct share share = shares[i];

		share.member = i;
		sum->size += share.size;
		sum->count += share.count;
		sum->size_diff += share.size_diff;
		if (share.size || share.count || share.size_diff)
			shares[used++] = share;
	}
	qsort(shares, used, sizeof(*shares), compare_shares);
	if (max)
		memcpy(out, shares, (used < max ? used : max) * sizeof(*out));
	free(shares);
	return used;
}
