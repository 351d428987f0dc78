/*
 * sites.c - the table of sites.
 *
 * Open addressing over 64-bit entries (40 bits of hash, 24 bits of id), half
 * full at most. A writer that must grow it copies to a table twice the size
 * and publishes that; readers that still use the old one miss the newest
 * sites, find nothing, and take the lock. Old tables stay: together they are
 * as large as the last.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/sites.h"

#include <string.h>

#include "agent/modules.h"
#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/safe.h"

#define ID_BITS	    24
#define ID_MASK	    ((UINT64_C(1) << ID_BITS) - 1)
#define FIRST_SLOTS 4096
#define CHUNK_BITS  12
#define CHUNK_SIZE  (1u << CHUNK_BITS)

struct table {
	uint64_t mask; /* slots - 1 */
	uint64_t slots[];
};

static struct {
	struct table *table;
	struct safe_lock lock;
	uint32_t count;
	struct site **chunks[SITES_MAX / CHUNK_SIZE + 1];
} sites;

uint64_t
sites_hash(const uint64_t *words, size_t depth, unsigned domain)
{
	/* Independent products, so that they overlap in the pipeline; order
	 * counts because each place has a multiplier of its own. */
	uint64_t multiplier = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = domain + (depth << 8);

	for (size_t i = 0; i < depth; i++) {
		hash += words[i] * multiplier;
		multiplier += UINT64_C(0xd1b54a32d192ed04);
	}
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	hash ^= hash >> 32;
	return hash;
}

/* Some code object was freed since: do the words still mean the same ones? */
static bool
codes_are(struct site *site, uint64_t epoch)
{
	const uint32_t *refs = site_refs(site);

	for (size_t i = 0; i < site->depth; i++)
		if (site->words[i] & PY_WORD_TAG &&
		    py_code_find(site->words[i]) != refs[i])
			return false;
	__atomic_store_n(&site->code_epoch, epoch, __ATOMIC_RELAXED);
	return true;
}

bool
site_is(struct site *site, uint64_t hash, const uint64_t *words, size_t depth,
	unsigned domain)
{
	uint64_t epoch;

	if (site->hash != hash || site->depth != depth ||
	    site->domain != domain ||
	    memcmp(site->words, words, depth * sizeof(*words)) != 0)
		return false;
	if (!site->python)
		return true;
	epoch = __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	if (epoch == __atomic_load_n(&site->code_epoch, __ATOMIC_RELAXED))
		return true;
	return codes_are(site, epoch);
}

static struct site *
look_up(const struct table *table, uint64_t hash, const uint64_t *words,
	size_t depth, unsigned domain)
{
	if (!table)
		return NULL;
	for (uint64_t at = hash & table->mask;; at = (at + 1) & table->mask) {
		uint64_t entry =
		    __atomic_load_n(&table->slots[at], __ATOMIC_ACQUIRE);
		struct site *site;

		if (!entry)
			return NULL;
		if (entry >> ID_BITS != hash >> ID_BITS)
			continue;
		site = sites_get(entry & ID_MASK);
		if (site_is(site, hash, words, depth, domain))
			return site;
	}
}

static void
table_put(struct table *table, uint64_t hash, uint32_t id)
{
	uint64_t at = hash & table->mask;

	while (table->slots[at])
		at = (at + 1) & table->mask;
	__atomic_store_n(&table->slots[at], (hash >> ID_BITS << ID_BITS) | id,
			 __ATOMIC_RELEASE);
}

static struct table *
table_grow(const struct table *old)
{
	uint64_t count = old ? (old->mask + 1) * 2 : FIRST_SLOTS;
	struct table *table =
	    safe_map(sizeof(*table) + count * sizeof(table->slots[0]));

	if (!table)
		return NULL;
	table->mask = count - 1;
	for (uint32_t id = 1; id <= sites.count; id++)
		table_put(table, sites_get(id)->hash, id);
	__atomic_store_n(&sites.table, table, __ATOMIC_RELEASE);
	return table;
}

static bool
chunk_room(uint32_t id)
{
	struct site ***chunk = &sites.chunks[id >> CHUNK_BITS];

	if (*chunk)
		return true;
	*chunk = safe_map(CHUNK_SIZE * sizeof(**chunk));
	return *chunk != NULL;
}

static struct site *
site_make(uint64_t hash, const uint64_t *words, size_t depth, unsigned domain)
{
	struct site *site = safe_alloc(
	    sizeof(*site) + depth * (sizeof(*words) + sizeof(uint32_t)));
	uint32_t *refs;

	if (!site)
		return NULL;
	site->hash = hash;
	site->depth = depth;
	site->domain = domain;
	site->code_epoch = __atomic_load_n(&py_code_epoch, __ATOMIC_ACQUIRE);
	memcpy(site->words, words, depth * sizeof(*words));
	refs = (uint32_t *)(site->words + depth);
	for (size_t i = 0; i < depth; i++) {
		if (words[i] & PY_WORD_TAG) {
			site->python = 1;
			refs[i] = py_code_intern(words[i]);
		} else {
			refs[i] = modules_intern(words[i]);
		}
	}
	return site;
}

/* With the lock. The site becomes visible only when it is whole. */
static bool
site_publish(struct site *site)
{
	struct table *table = sites.table;
	uint32_t id = sites.count + 1;

	if (id >= SITES_MAX || !chunk_room(id))
		return false;
	if (!table || id > table->mask / 2) {
		table = table_grow(table);
		if (!table)
			return false;
	}
	site->id = id;
	sites.chunks[id >> CHUNK_BITS][id & (CHUNK_SIZE - 1)] = site;
	__atomic_store_n(&sites.count, id, __ATOMIC_RELEASE);
	table_put(table, site->hash, id);
	return true;
}

struct site *
sites_intern(uint64_t hash, const uint64_t *words, size_t depth,
	     unsigned domain)
{
	struct table *table = __atomic_load_n(&sites.table, __ATOMIC_ACQUIRE);
	struct site *site = look_up(table, hash, words, depth, domain);
	struct site *fresh;
	bool full = false;

	if (site)
		return site;
	/* Made outside the lock: naming a code object takes its own. A thread
	 * that makes the same site at the same time wastes one. */
	fresh = site_make(hash, words, depth, domain);
	if (!fresh) {
		record_lost(WIRE_LOST_NO_MEMORY, 1);
		return NULL;
	}
	safe_lock(&sites.lock);
	site = look_up(sites.table, hash, words, depth, domain);
	if (!site) {
		full = !site_publish(fresh);
		site = full ? NULL : fresh;
	}
	safe_unlock(&sites.lock);
	if (full)
		record_lost(WIRE_LOST_SITES_FULL, 1);
	return site;
}

uint32_t
sites_count(void)
{
	return __atomic_load_n(&sites.count, __ATOMIC_ACQUIRE);
}

struct site *
sites_get(uint32_t id)
{
	return sites.chunks[id >> CHUNK_BITS][id & (CHUNK_SIZE - 1)];
}

/* Another thread may have held the lock at the fork. What it was about to do
 * is either published or lost as a whole. */
void
sites_forked(void)
{
	memset(&sites.lock, 0, sizeof(sites.lock));
}
