/*
 * path.c - stacks that a thread has met, by their words.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/path.h"

#include <string.h>

#define FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define STEP   UINT64_C(0xd1b54a32d192ed04)
#define MIXER  UINT64_C(0xd6e8feb86659fd93)

/* A sum, so that the multiplications of many words overlap; order counts since
 * each place has a factor of its own. */
static uint64_t
hash_of(const struct path_key *key)
{
	uint64_t factor = FACTOR;
	uint64_t sum = (uint64_t)key->base * FACTOR + key->count +
		       ((uint64_t)key->domain << 32);

	for (size_t i = 0; i < key->count; i++, factor += STEP)
		sum += key->words[i] * factor;
	sum *= MIXER;
	return sum ^ sum >> 32;
}

static bool
is_it(const struct path *path, const struct path_key *key, uint64_t hash)
{
	return path && path->hash == hash && path->count == key->count &&
	       path->base == key->base && path->domain == key->domain &&
	       path->epoch == key->epoch &&
	       !memcmp(path->words, key->words,
		       key->count * sizeof(*key->words));
}

const struct path *
path_find(struct paths *paths, const struct path_key *key)
{
	uint64_t hash = hash_of(key);
	const uint32_t *pair = paths->index[hash % PATH_SETS];

	for (int way = 0; way < 2; way++) {
		const struct path *path = scroll_at(&paths->scroll, pair[way]);

		if (is_it(path, key, hash))
			return path;
	}
	return NULL;
}

void
paths_begin(struct paths *paths)
{
	/* Untouched memory is zero, and stays untouched. */
	if (paths->scroll.head)
		memset(paths->index, 0, sizeof(paths->index));
	scroll_restart(&paths->scroll);
}

void
path_add(struct paths *paths, const struct path_key *key,
	 const struct node *node, uint32_t site, struct leaf *leaf)
{
	uint64_t hash = hash_of(key);
	uint32_t *pair = paths->index[hash % PATH_SETS];
	size_t size = key->count * sizeof(*key->words);
	struct path *path;
	uint32_t position;

	if (scroll_is_over(&paths->scroll))
		paths_begin(paths);
	position = scroll_take(&paths->scroll, sizeof(*path) + size);
	path = scroll_at(&paths->scroll, position);
	path->hash = hash;
	path->base = key->base;
	path->node = node;
	path->leaf = leaf;
	path->site = site;
	path->epoch = key->epoch;
	path->domain = key->domain;
	path->count = (uint32_t)key->count;
	memcpy(path->words, key->words, size);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[1] = pair[0];
	pair[0] = position;
}
