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

#include "agent/nodes.h"
#include "agent/record.h"
#include "agent/safe.h"

#define CHUNK_BITS 12
#define CHUNK	   (1u << CHUNK_BITS)

static struct {
	struct safe_lock lock;
	uint32_t count;
	uint32_t first; /* sites up to this one get no more blocks */
	struct site *chunks[SITES_MAX / CHUNK];
} sites;

static struct site *
site_at(uint32_t id)
{
	return &sites.chunks[id >> CHUNK_BITS][id & (CHUNK - 1)];
}

static uint32_t
look_up(const struct node *node, uint32_t domain)
{
	uint32_t id = __atomic_load_n(&node->site, __ATOMIC_ACQUIRE);
	uint32_t first = sites_first();

	/* The newest come first. */
	while (id > first && site_at(id)->domain != domain)
		id = site_at(id)->next;
	return id > first ? id : 0;
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

	if (id >= SITES_MAX) {
		record_lost(WIRE_LOST_SITES_FULL, 1);
		return 0;
	}
	if (!chunk_room(id)) {
		record_lost(WIRE_LOST_NO_MEMORY, 1);
		return 0;
	}
	*site_at(id) = (struct site){node->id, node->site, domain};
	__atomic_store_n(&sites.count, id, __ATOMIC_RELEASE);
	__atomic_store_n(&node->site, id, __ATOMIC_RELEASE);
	return id;
}

uint32_t
sites_intern(struct node *node, uint32_t domain)
{
	uint32_t id = look_up(node, domain);

	if (id)
		return id;
	safe_lock(&sites.lock);
	id = look_up(node, domain);
	if (!id)
		id = site_make(node, domain);
	safe_unlock(&sites.lock);
	return id;
}

uint32_t
sites_first(void)
{
	return __atomic_load_n(&sites.first, __ATOMIC_ACQUIRE);
}

void
sites_begin(void (*tell)(void *, uint32_t), void *context)
{
	safe_lock(&sites.lock);
	tell(context, sites.count);
	__atomic_store_n(&sites.first, sites.count, __ATOMIC_RELEASE);
	safe_unlock(&sites.lock);
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
