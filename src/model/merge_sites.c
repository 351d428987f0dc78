/* merge_sites.c - sites of the whole are sums of those of the members. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/merge_inner.h"

static void
site_room(struct merge *merge, size_t count)
{
	size_t old = merge->site_room;

	snapshot_room(merge->whole, count);
	if (count <= old)
		return;
	merge->site_room = merge->whole->site_capacity;
	merge->first =
	    mem_grow(merge->first, merge->site_room, sizeof(*merge->first));
	merge->bits =
	    mem_grow(merge->bits, merge->site_room, sizeof(*merge->bits));
	memset(merge->first + old, 0,
	       (merge->site_room - old) * sizeof(*merge->first));
	memset(merge->bits + old, 0,
	       (merge->site_room - old) * sizeof(*merge->bits));
}

/* The site of the whole with this stack and domain. */
static uint32_t
site_find(struct merge *merge, uint32_t stack, uint16_t domain)
{
	struct snapshot *whole = merge->whole;
	uint64_t hash = hash_mix(stack, domain);
	size_t at = table_start(&merge->sites, hash);
	uint32_t id;

	while ((id = table_next(&merge->sites, hash, &at)))
		if (whole->sites[id - 1].stack == stack &&
		    whole->sites[id - 1].domain == domain)
			return id;
	site_room(merge, whole->site_count + 1);
	id = (uint32_t)whole->site_count;
	whole->sites[id - 1].stack = stack;
	whole->sites[id - 1].domain = domain;
	table_put(&merge->sites, hash, id);
	return id;
}

void
merge_site_room(struct member *member, size_t count)
{
	size_t old = member->part_room;

	if (count > old) {
		if (count < old + old / 8)
			count = old + old / 8;
		member->parts =
		    mem_grow(member->parts, count, sizeof(*member->parts));
		memset(member->parts + old, 0,
		       (count - old) * sizeof(*member->parts));
		member->part_room = count;
	}
}

static bool
site_is_live(const struct site *site)
{
	return site_live_bytes(site) || site_live_count(site);
}

static void
site_add(struct site *to, const struct site *from)
{
	to->alloc_bytes += from->alloc_bytes;
	to->alloc_count += from->alloc_count;
	to->free_bytes += from->free_bytes;
	to->free_count += from->free_count;
	to->peak_bytes += from->peak_bytes;
}

/* What a site of the whole is. */
struct sum {
	struct site site;
	struct spread spread;
	uint64_t bits;
};

static void
sum_add(struct sum *sum, const struct merge *merge, struct link link)
{
	const struct spread *spreads =
	    merge->members[link.member].snapshot->spreads;
	const struct site *site = link_site(merge, link);

	site_add(&sum->site, site);
	if (spreads)
		spread_add(&sum->spread, &spreads[link.site - 1]);
	if (site_is_live(site))
		sum->bits |= UINT64_C(1) << link.member % 64;
}

static void
site_put(struct merge *merge, uint32_t id, const struct sum *sum)
{
	struct snapshot *whole = merge->whole;
	struct site *site = &whole->sites[id - 1];
	struct spread *spread = whole->spreads ? &whole->spreads[id - 1] : NULL;

	merge->bits_changes += merge->bits[id - 1] != sum->bits;
	merge->bits[id - 1] = sum->bits;
	if (!memcmp(site, &sum->site, sizeof(*site)) &&
	    (!spread || !memcmp(spread, &sum->spread, sizeof(*spread))))
		return;
	snapshot_touch(whole, id, site);
	snapshot_sum_site(whole, site, -1);
	snapshot_sum_site(whole, &sum->site, 1);
	*site = sum->site;
	if (spread)
		*spread = sum->spread;
	merge->changed = true;
}

/* From all parts anew, whoever has changed: so nothing need be kept of what a
 * part was, and a variance has no rounding left of what was taken off it. */
static void
site_sum(struct merge *merge, uint32_t id)
{
	const struct site *site = &merge->whole->sites[id - 1];
	struct sum sum;
	struct link link = merge->first[id - 1];

	memset(&sum, 0, sizeof(sum)); /* is compared, gaps and all */
	sum.site.stack = site->stack;
	sum.site.domain = site->domain;
	for (; link.site; link = link_part(merge, link)->next)
		sum_add(&sum, merge, link);
	site_put(merge, id, &sum);
}

/* To what is there: the other parts need not be looked at. */
static void
part_new(struct merge *merge, struct link link)
{
	struct member *member = &merge->members[link.member];
	struct part *part = &member->parts[link.site - 1];
	const struct site *site = link_site(merge, link);
	uint32_t id =
	    site_find(merge, member->map.stacks.ids[site->stack], site->domain);
	struct sum sum;

	part->whole = id;
	part->next = merge->first[id - 1];
	merge->first[id - 1] = link;
	memset(&sum, 0, sizeof(sum));
	memcpy(&sum.site, &merge->whole->sites[id - 1], sizeof(sum.site));
	if (merge->whole->spreads)
		sum.spread = merge->whole->spreads[id - 1];
	sum.bits = merge->bits[id - 1];
	sum_add(&sum, merge, link);
	site_put(merge, id, &sum);
}

void
merge_site(struct merge *merge, struct link link)
{
	uint32_t whole = link_part(merge, link)->whole;

	if (whole)
		site_sum(merge, whole);
	else if (link_site(merge, link)->stack)
		part_new(merge, link);
}

void
merge_site_drop(struct merge *merge, struct link link)
{
	uint32_t whole = link_part(merge, link)->whole;
	struct link *at;

	if (!whole)
		return;
	at = &merge->first[whole - 1];
	while (at->member != link.member || at->site != link.site)
		at = &merge->members[at->member].parts[at->site - 1].next;
	*at = link_part(merge, link)->next;
	site_sum(merge, whole);
}
