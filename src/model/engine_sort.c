/*
 * engine_sort.c - the order of rows, which is total: equal values are told
 * apart by size, count, text and at last identity.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

static uint64_t
from_double(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* All rates are of the same time. */
static uint64_t
rate_order(const struct engine *engine, uint64_t difference)
{
	return engine->rate_seconds > 0 ? difference ^ UINT64_C(1) << 63
					: UINT64_C(1) << 63;
}

static uint64_t
sort_value(const struct engine *engine, uint32_t slot, const uint64_t *totals)
{
	uint64_t size = totals[TOTAL_ALLOC_BYTES] - totals[TOTAL_FREE_BYTES];
	uint64_t count = totals[TOTAL_ALLOC_COUNT] - totals[TOTAL_FREE_COUNT];
	uint64_t numbers[PART_WIDTH_MAX];

	switch (engine->query->sort) {
	case COLUMN_SIZE_DIFF:
	case COLUMN_PERCENT_DIFF:
	case COLUMN_PER_WORK: /* the units are the same for all rows */
		slot_sum(engine, slot, PART_MARK, numbers);
		return magnitude(size - numbers[LIVE_BYTES]);
	case COLUMN_COUNT:
		return count;
	case COLUMN_COUNT_DIFF:
		slot_sum(engine, slot, PART_MARK, numbers);
		return magnitude(count - numbers[LIVE_COUNT]);
	case COLUMN_AVERAGE:
		return from_double(count ? (double)size / (double)count : 0);
	case COLUMN_RATE:
		slot_sum(engine, slot, PART_RATE, numbers);
		return rate_order(engine, size - numbers[LIVE_BYTES]);
	case COLUMN_RATE_COUNT:
		slot_sum(engine, slot, PART_RATE, numbers);
		return rate_order(engine, count - numbers[LIVE_COUNT]);
	case COLUMN_PEAK:
		return totals[TOTAL_PEAK_BYTES];
	case COLUMN_TOTAL:
		return totals[TOTAL_ALLOC_BYTES];
	case COLUMN_TOTAL_COUNT:
		return totals[TOTAL_ALLOC_COUNT];
	case COLUMN_ERROR:
		slot_sum(engine, slot, PART_SPREAD, numbers);
		return from_double(spread_variance(numbers + SPREAD_BYTES));
	case COLUMN_PROCESSES:
		return engine->snapshot->merge
			   ? (uint64_t)__builtin_popcountll(
				 engine->process_bits[slot - 1])
			   : 0;
	case COLUMN_TREND:
	case COLUMN_AGE:
		return engine->lately ? engine->lately[slot - 1] : 0;
	case COLUMN_SITE:
		return 0;
	case COLUMN_SIZE:
	case COLUMN_PERCENT:
	case COLUMN_MAX:
		break;
	}
	return size;
}

static int
compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int
compare_texts(const struct names *names, const struct row *a,
	      const struct row *b)
{
	int order = a->file == b->file ? 0
				       : strcmp(names_text(names, a->file),
						names_text(names, b->file));

	if (!order && a->module != b->module)
		order = strcmp(names_text(names, a->module),
			       names_text(names, b->module));
	if (!order)
		order = compare_u64(a->line, b->line);
	if (!order && a->function != b->function)
		order = strcmp(names_text(names, a->function),
			       names_text(names, b->function));
	return order;
}

/* By live bytes, then by blocks: most first. */
static int
compare_live(const struct engine *engine, uint32_t left, uint32_t right)
{
	uint64_t a[PART_WIDTH_MAX], b[PART_WIDTH_MAX];
	int order;

	slot_sum(engine, left, PART_TOTALS, a);
	slot_sum(engine, right, PART_TOTALS, b);
	order = compare_u64(b[TOTAL_ALLOC_BYTES] - b[TOTAL_FREE_BYTES],
			    a[TOTAL_ALLOC_BYTES] - a[TOTAL_FREE_BYTES]);
	if (order)
		return order;
	return compare_u64(b[TOTAL_ALLOC_COUNT] - b[TOTAL_FREE_COUNT],
			   a[TOTAL_ALLOC_COUNT] - a[TOTAL_FREE_COUNT]);
}

static int
compare(const void *left, const void *right, void *context)
{
	struct engine *engine = context;
	const struct sort_entry *first = left, *second = right;
	int order = compare_u64(second->value, first->value);
	struct row a = {0}, b = {0};

	if (order)
		return engine->query->ascending ? -order : order;
	if (first->slot == second->slot)
		return 0;
	if (engine->query->sort == COLUMN_SITE) {
		slot_texts(engine, &engine->slots[first->slot], &a);
		slot_texts(engine, &engine->slots[second->slot], &b);
		order = compare_texts(engine->names, &a, &b);
	}
	if (order)
		return engine->query->ascending ? -order : order;
	order = compare_live(engine, first->slot + 1, second->slot + 1);
	if (order)
		return order;
	row_fill(engine, first->slot + 1, &a);
	row_fill(engine, second->slot + 1, &b);
	order = compare_texts(engine->names, &a, &b);
	if (!order)
		order = compare_u64(a.domain, b.domain);
	if (!order)
		order = compare_u64(a.identity, b.identity);
	return order;
}

/* The first entries so far, the last of them on top: a heap. */
struct heap {
	struct engine *engine;
	struct sort_entry *entries;
	size_t count;
};

static bool
is_after(const struct heap *heap, size_t a, size_t b)
{
	return compare(&heap->entries[a], &heap->entries[b], heap->engine) > 0;
}

static void
swap(struct heap *heap, size_t a, size_t b)
{
	struct sort_entry entry = heap->entries[a];

	heap->entries[a] = heap->entries[b];
	heap->entries[b] = entry;
}

static void
heap_down(struct heap *heap, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= heap->count)
			return;
		if (child + 1 < heap->count && is_after(heap, child + 1, child))
			child++;
		if (!is_after(heap, child, at))
			return;
		swap(heap, child, at);
		at = child;
	}
}

/* Keeps one that comes before the last of those that are wanted. */
static void
heap_offer(struct heap *heap, const struct sort_entry *entry)
{
	bool ascending = heap->engine->query->ascending;
	uint64_t last = heap->entries[0].value;

	if (ascending ? entry->value > last : entry->value < last)
		return;
	if (compare(entry, &heap->entries[0], heap->engine) >= 0)
		return;
	heap->entries[0] = *entry;
	heap_down(heap, 0);
}

static void
entries_room(struct engine *engine, size_t count)
{
	if (count <= engine->entry_room)
		return;
	engine->entry_room = room_for(count);
	engine->entries = mem_grow(engine->entries, engine->entry_room,
				   sizeof(*engine->entries));
}

/* Puts the first of all rows that pass into entries, in no order, and returns
 * how many pass; *count is how many are wanted, in and out. */
static size_t
collect(struct engine *engine, size_t *count)
{
	size_t most = *count, matched = 0;
	struct heap heap;

	entries_room(engine, most);
	heap = (struct heap){engine, engine->entries, 0};
	for (size_t i = 0; i < engine->slot_count; i++) {
		uint64_t totals[PART_WIDTH_MAX];
		struct sort_entry entry = {.slot = (uint32_t)i};

		if (!engine->slots[i].pass)
			continue;
		slot_sum(engine, (uint32_t)i + 1, PART_TOTALS, totals);
		if (!totals[TOTAL_SITES])
			continue;
		matched++;
		entry.value = sort_value(engine, (uint32_t)i + 1, totals);
		if (heap.count < most) {
			heap.entries[heap.count++] = entry;
			if (heap.count == most && most < engine->slot_count)
				for (size_t k = most / 2; k--;)
					heap_down(&heap, k);
		} else {
			heap_offer(&heap, &entry);
		}
	}
	*count = heap.count;
	return matched;
}

/* One byte of the values; entries that share it stay in their order. Returns
 * whether there is anything to do. */
static bool
sort_byte(const struct sort_entry *from, struct sort_entry *to, size_t count,
	  unsigned shift, bool ascending)
{
	size_t starts[256] = {0}, used = 0;

	for (size_t i = 0; i < count; i++)
		starts[from[i].value >> shift & 255]++;
	if (starts[from[0].value >> shift & 255] == count)
		return false;
	for (size_t i = 0; i < 256; i++) {
		size_t *start = &starts[ascending ? i : 255 - i];
		size_t here = *start;

		*start = used;
		used += here;
	}
	for (size_t i = 0; i < count; i++)
		to[starts[from[i].value >> shift & 255]++] = from[i];
	return true;
}

/* By their values, byte by byte; then those whose values are the same. */
static void
sort_entries(struct engine *engine, size_t count)
{
	struct sort_entry *entries = engine->entries, *swap;
	struct sort_entry *other = mem_grow(NULL, count, sizeof(*other));
	bool ascending = engine->query->ascending;
	size_t end;

	for (unsigned shift = 0; shift < 64 && count; shift += 8)
		if (sort_byte(entries, other, count, shift, ascending)) {
			swap = entries;
			entries = other;
			other = swap;
		}
	if (entries != engine->entries)
		memcpy(engine->entries, entries, count * sizeof(*entries));
	free(entries != engine->entries ? entries : other);
	entries = engine->entries;
	for (size_t i = 0; i < count; i = end) {
		for (end = i + 1; end < count; end++)
			if (entries[end].value != entries[i].value)
				break;
		if (end - i > 1)
			qsort_r(entries + i, end - i, sizeof(*entries), compare,
				engine);
	}
}

void
sort_rows(struct engine *engine)
{
	size_t top = engine->query->top, count, matched;

	count = top && top < engine->slot_count ? top : engine->slot_count;
	matched = collect(engine, &count);
	sort_entries(engine, count);
	bests_find(engine, engine->entries, count);
	if (count > engine->out_room ||
	    engine->out_room > room_for(4 * count)) {
		engine->out_room = room_for(count);
		engine->out = mem_grow(engine->out, engine->out_room,
				       sizeof(*engine->out));
	}
	for (size_t i = 0; i < count; i++)
		row_fill(engine, engine->entries[i].slot + 1, &engine->out[i]);
	row_total(engine, &engine->rows.total);
	engine->rows.rows = engine->out;
	engine->rows.count = count;
	engine->rows.matched = matched;
}
