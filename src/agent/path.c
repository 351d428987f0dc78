/*
 * path.c - stacks that a thread has met, by their words.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/path.h"

#include <string.h>

#include "agent/unwind.h"

#define likely(condition_)   __builtin_expect(!!(condition_), 1)
#define unlikely(condition_) __builtin_expect(!!(condition_), 0)

#define FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define STEP   UINT64_C(0xd1b54a32d192ed04)
#define MIXER  UINT64_C(0xd6e8feb86659fd93)

static uint64_t
load(uint64_t address)
{
	return *(const uint64_t *)address;
}

/* A sum, so that the multiplications of many words overlap; order counts since
 * each place has a factor of its own. */
static inline uint64_t
hash_end(uint64_t sum, size_t total, const struct node *base, uint32_t domain)
{
	uint64_t hash =
	    (sum + total + (uint64_t)base * FACTOR + ((uint64_t)domain << 32)) *
	    MIXER;

	return hash ^ hash >> 32;
}

static uint64_t
hash_of(const struct path_key *key)
{
	uint64_t factor = FACTOR;
	uint64_t sum = 0;

	for (size_t i = 0; i < key->total; i++, factor += STEP)
		sum += key->words[i] * factor;
	return hash_end(sum, key->total, key->base, key->domain);
}

/* What is at a position of the log; NULL: nothing, or overwritten. */
static inline struct path *
path_at(struct paths *paths, uint32_t position)
{
	if (!position || paths->head - position > PATH_UNITS - 1)
		return NULL;
	return (struct path *)&paths
	    ->log[(size_t)(position % PATH_UNITS) * PATH_UNIT];
}

static inline uint32_t
position_of(const struct paths *paths, const struct path *path)
{
	uint32_t place =
	    (uint32_t)(((const char *)path - paths->log) / PATH_UNIT);

	/* The last time that the log's head was there. */
	return paths->head - (paths->head - place) % PATH_UNITS;
}

static inline bool
words_equal(const struct path *path, const uint64_t *words, size_t total)
{
	uint64_t differ = 0;

	for (size_t i = 0; i < total; i++)
		differ |= path->words[i] ^ words[i];
	return !differ;
}

static inline struct path *
find(struct paths *paths, const struct path_key *key, uint64_t hash)
{
	const uint32_t *pair = paths->index[hash % PATH_SETS];

	for (int way = 0; way < 2; way++) {
		struct path *path = path_at(paths, pair[way]);

		if (path && path->hash == hash && path->total == key->total &&
		    path->base == key->base && path->domain == key->domain &&
		    path->epoch == key->epoch &&
		    words_equal(path, key->words, key->total))
			return path;
	}
	return NULL;
}

struct path *
path_find(struct paths *paths, const struct path_key *key)
{
	return find(paths, key, hash_of(key));
}

/* Whether bp is where the path's shape has it. */
static inline bool
checks_hold(const struct path *path, const struct unwind_state *state)
{
	const struct unwind_check *check = path_checks(path);

	for (unsigned i = 0; i < path->checks; i++) {
		uint64_t bp = check[i].offset == UNWIND_CHECK_ENTRY
				  ? state->bp
				  : load(state->sp + 8 * check[i].offset);

		if (bp - state->sp != check[i].delta)
			return false;
	}
	return true;
}

static inline uint32_t
hint_of(const struct paths *paths, const struct unwind_state *state,
	uint64_t high)
{
	uint64_t first = state->pc * FACTOR;
	uint64_t slot = state->sp + 8 * paths->firsts[first >> 56];
	uint64_t caller = slot < high ? load(slot) : 0;

	first += (caller ^ state->sp << 24) * STEP;
	return (first ^ first >> 29) >> 20 & (PATH_HINTS - 1);
}

struct path *
path_meet(struct paths *paths, const struct unwind_state *state, uint64_t high,
	  uint32_t domain, const struct node *(*base)(void *), void *context)
{
	uint64_t words[PATH_WORDS];
	uint32_t hint = paths->hints[hint_of(paths, state, high)];
	struct path *guess = path_at(paths, hint);
	struct path_key key = {words, 0, 0, NULL, domain, 0};
	const uint16_t *offsets;
	uint64_t sum = state->pc * FACTOR;
	uint64_t factor = FACTOR + STEP;
	uint64_t differ;
	struct path *path;

	if (!guess || guess->span > high - state->sp)
		return NULL;
	key.total = guess->total;
	offsets = path_offsets(guess);
	words[0] = state->pc;
	differ = state->pc ^ guess->words[0];
	for (size_t i = 1; i < key.total; i++, factor += STEP) {
		uint64_t word = load(state->sp + 8 * offsets[i]);

		words[i] = word;
		differ |= word ^ guess->words[i];
		sum += word * factor;
	}
	if (guess->stopped) {
		key.base = base(context);
		if (!path_at(paths, hint))
			return NULL; /* overwritten meanwhile */
	}
	if (likely(!differ && guess->base == key.base &&
		   guess->domain == domain))
		return checks_hold(guess, state) ? guess : NULL;
	path = find(paths, &key, hash_end(sum, key.total, key.base, domain));
	if (!path || !path->has_shape || !checks_hold(path, state) ||
	    memcmp(path_offsets(path) + 1, offsets + 1,
		   (key.total - 1) * sizeof(*offsets)))
		return NULL;
	return path;
}

/* Room for bytes, in one piece. */
static struct path *
log_take(struct paths *paths, size_t bytes)
{
	uint32_t units = (uint32_t)((bytes + PATH_UNIT - 1) / PATH_UNIT);
	uint32_t at = paths->head % PATH_UNITS;
	struct path *path;

	/* Position 0 is none; long before positions repeat, begin anew. */
	if (paths->head == 0 || paths->head >= UINT32_MAX - 4 * PATH_UNITS) {
		memset(paths->index, 0, sizeof(paths->index));
		memset(paths->hints, 0, sizeof(paths->hints));
		paths->head = at = 1;
	}
	if (at + units > PATH_UNITS) {
		paths->head += PATH_UNITS - at;
		at = 0;
	}
	path = (struct path *)&paths->log[(size_t)at * PATH_UNIT];
	paths->head += units;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return path;
}

struct path *
path_make(struct paths *paths, const struct path_key *key,
	  const struct unwind_shape *shape)
{
	size_t checks = shape ? shape->check_count : 0;
	size_t offsets = shape ? key->total : 0;
	struct path *path =
	    log_take(paths, sizeof(*path) + key->total * sizeof(*path->words) +
				checks * sizeof(*shape->checks) +
				offsets * sizeof(*shape->offsets));

	path->hash = hash_of(key);
	path->base = key->base;
	path->site = 0;
	path->epoch = key->epoch;
	path->span = 0;
	path->count = (uint16_t)key->count;
	path->total = (uint16_t)key->total;
	path->domain = (uint8_t)key->domain;
	path->checks = (uint8_t)checks;
	path->has_shape = shape != NULL;
	path->stopped = shape && shape->stopped;
	memcpy(path->words, key->words, key->total * sizeof(*path->words));
	if (!shape)
		return path;
	path->span = shape->span;
	memcpy((void *)path_checks(path), shape->checks,
	       checks * sizeof(*shape->checks));
	memcpy((void *)path_offsets(path), shape->offsets,
	       offsets * sizeof(*shape->offsets));
	return path;
}

void
path_publish(struct paths *paths, struct path *path)
{
	uint32_t *pair = paths->index[path->hash % PATH_SETS];

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[1] = pair[0];
	pair[0] = position_of(paths, path);
}

void
path_hint(struct paths *paths, const struct unwind_state *state, uint64_t high,
	  const struct path *path)
{
	if (path->total > 1)
		paths->firsts[state->pc * FACTOR >> 56] = path_offsets(path)[1];
	paths->hints[hint_of(paths, state, high)] = position_of(paths, path);
}

void
path_refresh(struct paths *paths, uint64_t stop)
{
	uint64_t rules = __atomic_load_n(&unwind_changes, __ATOMIC_ACQUIRE);

	if (likely(paths->rules == rules && paths->stop == stop))
		return;
	memset(paths->index, 0, sizeof(paths->index));
	memset(paths->hints, 0, sizeof(paths->hints));
	paths->rules = rules;
	paths->stop = stop;
}
