/*
 * sites.c - the sites: a stack and the domain of the blocks.
 *
 * A node has one site for nearly all stacks, so its sites are a short chain.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/sites.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "agent/counts.h"
#include "agent/nodes.h"
#include "agent/safe.h"

#define ID_MASK	   (SITES_MAX - 1)
#define CHUNK_BITS 12
#define CHUNK	   (1u << CHUNK_BITS)

static struct {
	struct safe_lock lock;
	uint32_t count;
	struct site *chunks[SITES_MAX / CHUNK];
} sites;

uint32_t sites_now;

static struct site *
site_at(uint32_t id)
{
	return &sites.chunks[id >> CHUNK_BITS][id & (CHUNK - 1)];
}

static uint32_t
look_up(const struct node *node, uint32_t domain)
{
	uint32_t id = __atomic_load_n(&node->site, __ATOMIC_ACQUIRE) & ID_MASK;
	uint32_t era = sites_era();

	for (; id; id = site_at(id)->next)
		if (site_at(id)->domain == domain &&
		    __atomic_load_n(&site_at(id)->era, __ATOMIC_ACQUIRE) == era)
			break;
	return id;
}

/* With the lock. A site of a former era that has no block any more; nobody has
 * met it since the era began, or it would be one of this era. */
static uint32_t
take_over(const struct node *node, uint32_t domain)
{
	uint32_t id = node->site & ID_MASK;

	while (id && (site_at(id)->domain != domain || !counts_are_even(id)))
		id = site_at(id)->next;
	if (id)
		__atomic_store_n(&site_at(id)->era, sites_now,
				 __ATOMIC_RELEASE);
	return id;
}

static bool
chunk_room(uint32_t id)
{
	struct site **chunk = &sites.chunks[id >> CHUNK_BITS];

	if (!*chunk)
		*chunk = safe_map(CHUNK * sizeof(**chunk));
	return *chunk != NULL;
}

/* With the lock. */
static uint32_t
site_make(struct node *node, uint32_t domain)
{
	uint32_t id = sites.count + 1;

	if (id >= SITES_MAX || !chunk_room(id))
		return 0;
	*site_at(id) = (struct site){
	    .node = node->id & (NODES_MAX - 1),
	    .domain = domain & 0xff,
	    .next = node->site & ID_MASK,
	    .era = sites_now,
	};
	__atomic_store_n(&sites.count, id, __ATOMIC_RELEASE);
	__atomic_store_n(&node->site, domain << SITE_BITS | id,
			 __ATOMIC_RELEASE);
	return id;
}

uint32_t
sites_intern_slow(const struct node *known, uint32_t domain)
{
	struct node *node = nodes_get(known->id);
	uint32_t id = look_up(node, domain);

	if (id)
		return id;
	safe_lock(&sites.lock);
	id = look_up(node, domain);
	if (!id && sites_now)
		id = take_over(node, domain);
	if (!id)
		id = site_make(node, domain);
	safe_unlock(&sites.lock);
	return id;
}

bool
sites_is_new(uint32_t id)
{
	return id && __atomic_load_n(&site_at(id)->era, __ATOMIC_ACQUIRE) ==
			 sites_era();
}

void
sites_begin(void (*tell)(void *, uint32_t), void *context)
{
	safe_lock(&sites.lock);
	tell(context, sites_now + 1);
	__atomic_store_n(&sites_now, sites_now + 1, __ATOMIC_RELEASE);
	safe_unlock(&sites.lock);
}

bool
sites_are_full(void)
{
	return sites_count() + 1 >= SITES_MAX || nodes_are_full();
}

uint32_t
sites_count(void)
{
	return __atomic_load_n(&sites.count, __ATOMIC_ACQUIRE);
}

const struct site *
sites_get(uint32_t id)
{
	return site_at(id);
}

void
sites_forked(void)
{
	memset(&sites.lock, 0, sizeof(sites.lock));
}
