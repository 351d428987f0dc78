/* types.c - what the blocks of a row are. */
#include "config.h"

#include "model/types.h"

#include <stdlib.h>

#include "base/mem.h"

void
types_fini(struct types *types)
{
	free(types->totals);
	*types = (struct types){0};
}

void
types_add(struct types *types, enum type_kind kind, uint32_t name,
	  uint64_t count, uint64_t size)
{
	struct type_total *total = types->totals;
	size_t i = 0;

	if (!count)
		return;
	while (i < types->count &&
	       (total[i].kind != kind || total[i].name != name))
		i++;
	if (i == types->count) {
		types->totals = mem_room(types->totals, &types->room,
					 types->count, sizeof(*types->totals));
		types->totals[types->count++] =
		    (struct type_total){.kind = kind, .name = name};
	}
	types->totals[i].count += count;
	types->totals[i].size += size;
}

static int
bigger(const void *a, const void *b)
{
	const struct type_total *one = a;
	const struct type_total *other = b;

	if (one->size != other->size)
		return one->size < other->size ? 1 : -1;
	return one->count < other->count   ? 1
	       : one->count > other->count ? -1
					   : 0;
}

void
types_sort(struct types *types)
{
	if (types->count)
		qsort(types->totals, types->count, sizeof(*types->totals),
		      bigger);
}

const char *
types_label(const struct names *names, const struct type_total *total)
{
	static const char *const labels[] = {
	    [TYPE_OBJECT] = "(unnamed type)",
	    [TYPE_BUFFER] = "(buffer)",
	    [TYPE_KEPT] = "(free list)",
	    [TYPE_OTHERS] = "(other types)",
	};
	static const char *const domains[DOMAIN_COUNT] = {
	    [DOMAIN_MALLOC] = "(malloc)",
	    [DOMAIN_PYMEM_RAW] = "(pymem_raw)",
	    [DOMAIN_PYMEM_MEM] = "(pymem_mem)",
	    [DOMAIN_PYMEM_OBJECT] = "(pymem_object)",
	    [DOMAIN_MMAP] = "(mmap)",
	};

	if (total->kind == TYPE_DOMAIN)
		return total->name < DOMAIN_COUNT ? domains[total->name] : "?";
	if (total->kind == TYPE_OBJECT && total->name)
		return names_text(names, total->name);
	return labels[total->kind];
}

static size_t
sites_to_ask(const struct snapshot *snapshot, const uint32_t *sites,
	     size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found +=
		    snapshot->sites[sites[i] - 1].domain == DOMAIN_PYMEM_OBJECT;
	return found < TYPES_SITES_MAX ? found : TYPES_SITES_MAX;
}

static void
ask_site(struct types_ask *ask, struct types *types,
	 const struct snapshot *snapshot, uint32_t id)
{
	const struct site *site = &snapshot->sites[id - 1];
	uint64_t count = site_live_count(site);
	uint64_t size = site_live_bytes(site);

	if (site->domain == DOMAIN_PYMEM_MEM) {
		types_add(types, TYPE_BUFFER, 0, count, size);
	} else if (site->domain != DOMAIN_PYMEM_OBJECT) {
		types_add(types, TYPE_DOMAIN, site->domain, count, size);
	} else if (count && ask->count == TYPES_SITES_MAX) {
		types_add(types, TYPE_OTHERS, 0, count, size);
		types->left_out++;
	} else if (count) {
		ask->rows[ask->count] = (uint8_t)ask->row_count;
		ask->sites[ask->count++] = id;
	}
}

bool
types_ask_row(struct types_ask *ask, struct types *types,
	      const struct snapshot *snapshot, const uint32_t *sites,
	      size_t count)
{
	if (ask->row_count == TYPES_ROWS_MAX ||
	    sites_to_ask(snapshot, sites, count) > TYPES_SITES_MAX - ask->count)
		return false;
	*types = (struct types){.every = 1};
	for (size_t i = 0; i < count; i++)
		ask_site(ask, types, snapshot, sites[i]);
	ask->row_count++;
	return true;
}
