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

static uint64_t
sort_value(const struct row *row, enum column column)
{
	switch (column) {
	case COLUMN_SIZE_DIFF:
	case COLUMN_PER_WORK: /* the units are the same for all rows */
		return row->size_diff < 0 ? -(uint64_t)row->size_diff
					  : (uint64_t)row->size_diff;
	case COLUMN_COUNT:
		return row->count;
	case COLUMN_COUNT_DIFF:
		return row->count_diff < 0 ? -(uint64_t)row->count_diff
					   : (uint64_t)row->count_diff;
	case COLUMN_AVERAGE:
		return from_double(
		    row->count ? (double)row->size / (double)row->count : 0);
	case COLUMN_RATE:
		return from_double(row->rate_size);
	case COLUMN_RATE_COUNT:
		return from_double(row->rate_count);
	case COLUMN_PEAK:
		return row->peak_size;
	case COLUMN_TOTAL:
		return row->total_size;
	case COLUMN_TOTAL_COUNT:
		return row->total_count;
	case COLUMN_ERROR:
		return from_double(row->size_error);
	case COLUMN_PROCESSES:
		return row_processes(row);
	case COLUMN_SITE:
		return 0;
	case COLUMN_SIZE:
	case COLUMN_TREND: /* of what is seen only: column_sorts */
	case COLUMN_AGE:
	case COLUMN_PERCENT:
	case COLUMN_MAX:
		break;
	}
	return row->size;
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

static int
compare(const void *left, const void *right, void *context)
{
	const struct engine *engine = context;
	const struct sort_entry *first = left, *second = right;
	const struct row *a = &engine->slots[first->slot].row;
	const struct row *b = &engine->slots[second->slot].row;
	int order = compare_u64(second->value, first->value);

	if (!order && engine->query->sort == COLUMN_SITE)
		order = compare_texts(engine->names, a, b);
	if (order)
		return engine->query->ascending ? -order : order;
	order = compare_u64(b->size, a->size);
	if (!order)
		order = compare_u64(b->count, a->count);
	if (!order)
		order = compare_texts(engine->names, a, b);
	if (!order)
		order = compare_u64(a->domain, b->domain);
	if (!order)
		order = compare_u64(a->identity, b->identity);
	return order;
}

/* Moves the `top` first entries of the order to the front, in any order:
 * quickselect with the middle one as pivot. */
static void
select_top(struct engine *engine, struct sort_entry *entries, size_t count,
	   size_t top)
{
	while (count > 1 && top && top < count) {
		struct sort_entry pivot = entries[count / 2], swap;
		size_t low = 0, high = count - 1;

		for (;; low++, high--) {
			while (compare(&entries[low], &pivot, engine) < 0)
				low++;
			while (compare(&entries[high], &pivot, engine) > 0)
				high--;
			if (low >= high)
				break;
			swap = entries[low];
			entries[low] = entries[high];
			entries[high] = swap;
		}
		if (top <= high + 1) {
			if (count == high + 1)
				return;
			count = high + 1;
		} else {
			entries += high + 1;
			count -= high + 1;
			top -= high + 1;
		}
	}
}

static size_t
collect(struct engine *engine)
{
	size_t count = 0;

	if (engine->slot_count > engine->entry_room) {
		engine->entry_room = engine->slot_room;
		engine->entries = mem_grow(engine->entries, engine->entry_room,
					   sizeof(*engine->entries));
	}
	for (size_t i = 0; i < engine->slot_count; i++) {
		const struct slot *slot = &engine->slots[i];

		if (slot->row.site_count && slot->pass)
			engine->entries[count++] = (struct sort_entry){
			    sort_value(&slot->row, engine->query->sort),
			    (uint32_t)i};
	}
	return count;
}

static void
finish(const struct engine *engine, struct row *row)
{
	row->size_error = sqrt(row->size_error);
	row->count_error = sqrt(row->count_error);
	row->size_diff_error = sqrt(row->size_diff_error);
	row->count_diff_error = sqrt(row->count_diff_error);
	if (engine->rate_seconds > 0) {
		row->rate_size /= engine->rate_seconds;
		row->rate_count /= engine->rate_seconds;
	}
}

void
sort_rows(struct engine *engine)
{
	size_t matched = collect(engine), count = matched;
	size_t top = engine->query->top;

	if (top && top < count) {
		select_top(engine, engine->entries, count, top);
		count = top;
	}
	if (count)
		qsort_r(engine->entries, count, sizeof(*engine->entries),
			compare, engine);
	if (engine->inclusive)
		inclusive_mend(engine, engine->entries, count);
	if (count > engine->out_room ||
	    engine->out_room > room_for(4 * count)) {
		engine->out_room = room_for(count);
		engine->out = mem_grow(engine->out, engine->out_room,
				       sizeof(*engine->out));
	}
	for (size_t i = 0; i < count; i++) {
		engine->out[i] = engine->slots[engine->entries[i].slot].row;
		finish(engine, &engine->out[i]);
	}
	finish(engine, &engine->rows.total);
	engine->rows.rows = engine->out;
	engine->rows.count = count;
	engine->rows.matched = matched;
}
