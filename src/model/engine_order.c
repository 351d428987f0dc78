/*
 * engine_order.c - rows in their order, as far as somebody looks.
 *
 * Where rows are many, only those are taken that reach a bar, until others are
 * asked for. A cut is an index that no entry before it comes after; between two
 * neighbouring cuts the order is not known. Around a row that is asked for,
 * cuts are made until it stands alone.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

#define SAMPLES	       256
#define SORTED_AT_ONCE 32
#define CUTS_MAX       128
#define PAGE_ROWS      64

static inline bool
is_before(struct engine *engine, const struct sort_entry *a,
	  const struct sort_entry *b)
{
	if (a->value != b->value)
		return (a->value > b->value) != engine->query.ascending;
	if (a->size != b->size && engine->query.sort != COLUMN_SITE)
		return a->size > b->size;
	return entry_compare(a, b, engine) < 0;
}

/* Cuts */

static void
cut_add(struct engine *engine, size_t at)
{
	engine->cuts[at / 64] |= UINT64_C(1) << at % 64;
}

/* The last one that is not after an index. */
static size_t
cut_before(const struct engine *engine, size_t at)
{
	size_t word = at / 64;
	uint64_t bits = engine->cuts[word] & ~UINT64_C(0) >> (63 - at % 64);

	while (!bits)
		bits = engine->cuts[--word];
	return 64 * word + 63 - (unsigned)__builtin_clzll(bits);
}

static size_t
cut_after(const struct engine *engine, size_t at)
{
	size_t word = ++at / 64;
	uint64_t bits = engine->cuts[word] & ~UINT64_C(0) << at % 64;

	while (!bits)
		bits = engine->cuts[++word];
	return 64 * word + (unsigned)__builtin_ctzll(bits);
}

static struct sort_entry
middle_of(struct engine *engine, const struct sort_entry *a,
	  const struct sort_entry *b, const struct sort_entry *c)
{
	if (is_before(engine, b, a)) {
		const struct sort_entry *swap = a;

		a = b;
		b = swap;
	}
	if (is_before(engine, b, c))
		return *b;
	return is_before(engine, a, c) ? *c : *a;
}

/* Makes a cut between two that are next to each other (C. A. R. Hoare). */
static size_t
cut_between(struct engine *engine, size_t begin, size_t end)
{
	struct sort_entry *entries = engine->entries, swap;
	size_t left = begin, right = end - 1;
	struct sort_entry pivot =
	    middle_of(engine, &entries[begin],
		      &entries[begin + (end - begin) / 2], &entries[right]);

	for (;; left++, right--) {
		while (is_before(engine, &entries[left], &pivot))
			left++;
		while (is_before(engine, &pivot, &entries[right]))
			right--;
		if (left >= right)
			break;
		swap = entries[left];
		entries[left] = entries[right];
		entries[right] = swap;
	}
	cut_add(engine, right + 1);
	return right + 1;
}

static int
compare_values(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return compare_u64(*b, *a);
}

/* What a few rows in a hundred reach, or all; more than what half of them have,
 * as where most have not grown. */
static uint64_t
bar_find(const struct engine *engine)
{
	uint64_t values[SAMPLES];
	struct sort_entry entry;
	size_t count = 0;

	if (engine->query.ascending || engine->slot_count < 4 * SAMPLES)
		return 0;
	for (size_t i = 0; i < SAMPLES; i++)
		if (entry_make(engine, i * (engine->slot_count / SAMPLES),
			       &entry))
			values[count++] = entry.value;
	if (count < SAMPLES / 2)
		return 0;
	qsort(values, count, sizeof(*values), compare_values);
	return values[count / 32] + (values[count / 32] == values[count / 2]);
}

/* Takes a slot, if it is a row and reaches the bar. */
static void
entry_add(struct engine *engine, size_t index)
{
	struct sort_entry entry;

	if (!entry_make(engine, index, &entry))
		return;
	engine->entry_most += index >= engine->entry_slots;
	if (entry.value < engine->bar)
		return;
	engine->entries =
	    mem_room(engine->entries, &engine->entry_room, engine->entry_count,
		     sizeof(*engine->entries));
	engine->entries[engine->entry_count++] = entry;
}

/* Nothing is known of the order of all those that there are. */
static void
cuts_start(struct engine *engine)
{
	free(engine->cuts);
	engine->cuts =
	    mem_array(engine->entry_count / 64 + 1, sizeof(*engine->cuts));
	cut_add(engine, 0);
	cut_add(engine, engine->entry_count);
}

/* Those that reach the bar, which all others come after. */
static void
entries_collect(struct engine *engine, uint64_t bar)
{
	engine->bar = bar;
	engine->entry_count = engine->entry_most = engine->entry_slots = 0;
	for (size_t i = 0; i < engine->slot_count; i++)
		entry_add(engine, i);
	engine->entry_slots = engine->slot_count;
	cuts_start(engine);
}

/* What else than changes makes other entries: the same while it is. */
static uint64_t
order_of(const struct engine *engine)
{
	enum column sort = engine->query.sort;
	uint64_t of = hash_mix(hash_mix(1, engine->orders), sort);

	for (enum part_id id = 0; id < PART_COUNT; id++) {
		if (engine->parts[id].of == PART_UNKNOWN)
			return 0;
		of = hash_mix(of, engine->parts[id].of);
	}
	return engine->inclusive || engine->query.ascending ||
		       column_is_past(sort) || sort == COLUMN_PROCESSES
		   ? 0
		   : of | 1;
}

/* Looks again at the entries and at what changed; false: at too many or too
 * few. */
static bool
entries_follow(struct engine *engine)
{
	size_t words = engine->slot_count / 64 + 1;
	size_t count = engine->entry_count;
	uint64_t *seen = mem_array(words, sizeof(*seen));

	engine->entry_count = 0;
	for (size_t i = 0; i < count + engine->change_count; i++) {
		const struct moved *change = &engine->changes[i - count];
		uint32_t slot = i < count ? engine->entries[i].slot
					  : engine->site_at[change->site] - 1;

		if (seen[slot / 64] >> slot % 64 & 1)
			continue;
		seen[slot / 64] |= UINT64_C(1) << slot % 64;
		entry_add(engine, slot);
	}
	free(seen);
	engine->entry_slots = engine->slot_count;
	cuts_start(engine);
	return engine->entry_count > engine->entry_most / 128 &&
	       engine->entry_count < engine->entry_most / 8;
}

static void
entries_find(struct engine *engine)
{
	uint64_t of = order_of(engine);
	bool same = of && engine->bar && of == engine->entries_of;

	engine->entries_of = of;
	if (!same || !entries_follow(engine))
		entries_collect(engine, bar_find(engine));
}

/* Puts an entry where it belongs. Where cuts fall badly, which a program may
 * want, all that is left is sorted. */
static const struct sort_entry *
entry_at(struct engine *engine, size_t index)
{
	size_t begin, end, cut;

	if (index >= engine->entry_count)
		entries_collect(engine, 0);
	begin = cut_before(engine, index);
	end = cut_after(engine, index);
	for (int i = 0; i < CUTS_MAX && end - begin > SORTED_AT_ONCE; i++) {
		cut = cut_between(engine, begin, end);
		if (index < cut)
			end = cut;
		else
			begin = cut;
	}
	if (end - begin > 1)
		qsort_r(engine->entries + begin, end - begin,
			sizeof(*engine->entries), entry_compare, engine);
	while (++begin < end)
		cut_add(engine, begin);
	return &engine->entries[index];
}

void
pages_forget(struct engine *engine)
{
	for (size_t i = 0; i < engine->page_count; i++)
		free(engine->pages[i]);
	engine->page_count = 0;
}

static void
pages_start(struct engine *engine)
{
	size_t count = (engine->entry_most + PAGE_ROWS - 1) / PAGE_ROWS;

	if (count > engine->page_room) {
		engine->page_room = room_for(count);
		engine->pages = mem_grow(engine->pages, engine->page_room,
					 sizeof(*engine->pages));
	}
	for (size_t i = 0; i < count; i++)
		engine->pages[i] = NULL;
	engine->page_count = count;
}

static struct row *
page_make(struct engine *engine, size_t first)
{
	struct row *rows = mem_array(PAGE_ROWS, sizeof(*rows));

	for (size_t i = 0; i < PAGE_ROWS && first + i < engine->entry_most; i++)
		row_fill(engine, entry_at(engine, first + i)->slot + 1,
			 &rows[i]);
	return rows;
}

static void
rows_make(struct engine *engine, size_t count)
{
	if (count > engine->out_room ||
	    engine->out_room > room_for(4 * count)) {
		engine->out_room = room_for(count);
		engine->out = mem_grow(engine->out, engine->out_room,
				       sizeof(*engine->out));
	}
	if (count > engine->entry_count)
		entries_collect(engine, 0);
	for (size_t i = 0; i < count; i++)
		entry_at(engine, i);
	bests_find(engine, engine->entries, count);
	for (size_t i = 0; i < count; i++)
		row_fill(engine, engine->entries[i].slot + 1, &engine->out[i]);
	engine->rows.rows = engine->out;
}

void
rows_start(struct engine *engine)
{
	struct rows *rows = &engine->rows;
	size_t top = engine->query.top;

	pages_forget(engine);
	entries_find(engine);
	rows->engine = engine;
	rows->matched = rows->count = engine->entry_most;
	if (engine->query.later) {
		free(engine->out);
		engine->out = NULL;
		engine->out_room = 0;
		pages_start(engine);
	} else {
		if (top && top < rows->count)
			rows->count = top;
		rows_make(engine, rows->count);
	}
	row_total(engine, &rows->total);
}

const struct row *
rows_get(const struct rows *rows, size_t index)
{
	struct engine *engine = rows->engine;
	struct row **page;

	if (rows->rows)
		return &rows->rows[index];
	page = &engine->pages[index / PAGE_ROWS];
	if (!*page)
		*page = page_make(engine, index / PAGE_ROWS * PAGE_ROWS);
	return *page + index % PAGE_ROWS;
}

/* How many rows come before that of a slot; SIZE_MAX: it is no row. */
static size_t
slot_index(struct engine *engine, uint32_t slot)
{
	size_t before = 0;
	struct sort_entry entry;

	if (!slot || !entry_make(engine, slot - 1, &entry))
		return SIZE_MAX;
	if (entry.value < engine->bar)
		entries_collect(engine, 0);
	for (size_t i = 0; i < engine->entry_count; i++)
		before += is_before(engine, &engine->entries[i], &entry);
	return before;
}

size_t
rows_find(const struct rows *rows, uint64_t identity)
{
	uint32_t slot = slot_find(rows->engine, identity);
	size_t index = slot_index(rows->engine, slot);

	return index < rows->count ? index : rows->count;
}

size_t
rows_biggest(const struct rows *rows)
{
	struct engine *engine = rows->engine;
	struct sort_entry entry;
	uint32_t biggest = 0;

	for (size_t i = 0; i < engine->slot_count; i++)
		if (entry_make(engine, i, &entry) &&
		    (!biggest ||
		     slots_compare(engine, entry.slot + 1, biggest) < 0))
			biggest = entry.slot + 1;
	return slot_index(engine, biggest);
}
