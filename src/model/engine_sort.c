/*
 * engine_sort.c - which of two rows comes first. The order is total: equal
 * values are told apart by size, count, text and at last identity.
 */
#include "config.h"

#include <string.h>

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

	switch (engine->query.sort) {
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

int
slots_compare(const struct engine *engine, uint32_t left, uint32_t right)
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

int
entry_compare(const void *left, const void *right, void *context)
{
	struct engine *engine = context;
	const struct sort_entry *first = left, *second = right;
	int order = compare_u64(second->value, first->value);
	struct row a = {0}, b = {0};

	if (order)
		return engine->query.ascending ? -order : order;
	if (first->slot == second->slot)
		return 0;
	if (engine->query.sort == COLUMN_SITE) {
		slot_texts(engine, &engine->slots[first->slot], &a);
		slot_texts(engine, &engine->slots[second->slot], &b);
		order = compare_texts(engine->names, &a, &b);
	}
	if (order)
		return engine->query.ascending ? -order : order;
	order = slots_compare(engine, first->slot + 1, second->slot + 1);
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

bool
entry_make(const struct engine *engine, size_t index, struct sort_entry *entry)
{
	uint32_t slot = (uint32_t)index + 1;
	uint64_t totals[PART_WIDTH_MAX];

	if (!slot_at(engine, slot)->pass)
		return false;
	slot_sum(engine, slot, PART_TOTALS, totals);
	if (!totals[TOTAL_SITES])
		return false;
	*entry = (struct sort_entry){
	    .value = sort_value(engine, slot, totals),
	    .size = totals[TOTAL_ALLOC_BYTES] - totals[TOTAL_FREE_BYTES],
	    .slot = (uint32_t)index,
	};
	return true;
}
