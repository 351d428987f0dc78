/*
 * pycode.c - from a code object's address to the record of its names.
 *
 *   table    open addressed by address, at most half full. Written under the
 *            lock, inside an odd `sequence`; read without the lock, and again
 *            under it when the sequence moved or was odd.
 *   filter   one bit per hash of an address that is or was in the table, so
 *            that the free of any other block costs one load of a small array.
 *   stamp    what the object's pointers looked like when it was recorded: an
 *            object that does not match is another one at the same address,
 *            whose predecessor was freed unseen. Once some were, one that does
 *            match may be another too, and what it says is compared.
 *
 * Context: hook, but for py_code_name (ticker).
 */
#include "config.h"

#include "agent/py/pycode.h"

#include "agent/py/py.h"
#include "agent/py/pylines.h"
#include "agent/py/pynames.h"
#include "agent/py/pyruntime.h"
#include "agent/py/pyword.h"
#include "agent/record.h"
#include "agent/safe.h"

#define FIRST_BITS  12
#define FILTER_BITS 3 /* log2 of filter bits per slot */
#define GOLDEN	    UINT64_C(0x9e3779b97f4a7c15)

struct slot {
	uint64_t code; /* 0: empty */
	uint64_t stamp;
	const struct py_record *record;
};

/* Never freed, never moved; a bigger one takes its place. */
struct table {
	unsigned bits; /* log2 of the slots */
	struct py_code_filter *filter;
	struct slot slots[];
};

static struct {
	struct safe_lock lock;
	uint32_t sequence; /* odd while the table's slots change */
	struct table *table;
	size_t count;
	size_t removed;		      /* since the filter was made */
	struct py_code_filter *spare; /* the other filter of the table */
	bool doubtful;		      /* some were freed unseen */
} codes;

static struct py_code_filter no_codes = {.shift = 63};
struct py_code_filter *py_code_filter = &no_codes;

uint64_t py_code_epoch = 1; /* 0 is none, in what was never filled in */

static inline size_t
home(const struct table *table, uint64_t code)
{
	return py_code_hash(code) >> (64 - table->bits);
}

static void
filter_set(struct py_code_filter *filter, uint64_t code)
{
	uint64_t bit = py_code_hash(code) >> filter->shift;

	__atomic_fetch_or(&filter->bits[bit >> 3], (uint8_t)(1u << (bit & 7)),
			  __ATOMIC_RELAXED);
}

static inline size_t
filter_size(unsigned bits)
{
	return (size_t)1 << (bits + FILTER_BITS - 3);
}

static struct py_code_filter *
filter_new(unsigned bits)
{
	struct py_code_filter *filter =
	    safe_alloc(sizeof(*filter) + filter_size(bits));

	if (filter)
		filter->shift = 64 - FILTER_BITS - bits;
	return filter;
}

static struct slot *
probe(struct table *table, uint64_t code)
{
	size_t mask = ((size_t)1 << table->bits) - 1;

	for (size_t at = home(table, code), left = mask; left; at++, left--) {
		struct slot *slot = &table->slots[at & mask];
		uint64_t there = __atomic_load_n(&slot->code, __ATOMIC_RELAXED);

		if (there == code)
			return slot;
		if (!there)
			break;
	}
	return NULL;
}

/* Copies the slot of code without the lock. Returns false when another thread
 * was changing the table; found->code is 0 when the code is not in it. */
static bool
look(uint64_t code, struct slot *found)
{
	uint32_t before = __atomic_load_n(&codes.sequence, __ATOMIC_ACQUIRE);
	struct table *table = __atomic_load_n(&codes.table, __ATOMIC_ACQUIRE);
	struct slot *slot = table ? probe(table, code) : NULL;

	found->code = 0;
	if (slot) {
		found->code = code;
		found->stamp = __atomic_load_n(&slot->stamp, __ATOMIC_RELAXED);
		found->record =
		    __atomic_load_n(&slot->record, __ATOMIC_RELAXED);
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(before & 1) &&
	       __atomic_load_n(&codes.sequence, __ATOMIC_RELAXED) == before;
}

/* From here to py_code_intern: under the lock. */

static void
change_begin(void)
{
	__atomic_store_n(&codes.sequence, codes.sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void
change_end(void)
{
	__atomic_store_n(&codes.sequence, codes.sequence + 1, __ATOMIC_RELEASE);
}

static void
slot_store(struct slot *slot, const struct slot *value)
{
	__atomic_store_n(&slot->stamp, value->stamp, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->record, value->record, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->code, value->code, __ATOMIC_RELAXED);
}

static void
place(struct table *table, const struct slot *value)
{
	size_t mask = ((size_t)1 << table->bits) - 1;
	size_t at = home(table, value->code);

	while (table->slots[at & mask].code)
		at++;
	filter_set(table->filter, value->code);
	slot_store(&table->slots[at & mask], value);
}

/* Frees the slot; later ones of the same run move up, so no marks are left. */
static void
unplace(struct table *table, struct slot *slot)
{
	size_t mask = ((size_t)1 << table->bits) - 1;
	size_t hole = (size_t)(slot - table->slots);
	const struct slot none = {0};

	for (size_t at = hole + 1; table->slots[at & mask].code; at++) {
		struct slot *next = &table->slots[at & mask];
		size_t distance = (at - home(table, next->code)) & mask;

		if (distance >= ((at - hole) & mask)) {
			slot_store(&table->slots[hole & mask], next);
			hole = at;
		}
	}
	slot_store(&table->slots[hole & mask], &none);
}

static struct table *
table_new(unsigned bits)
{
	size_t slots = sizeof(struct slot) << bits;
	struct table *table = safe_alloc(sizeof(*table) + slots);

	if (!table)
		return NULL;
	table->bits = bits;
	table->filter = filter_new(bits);
	return table->filter ? table : NULL;
}

/* Readers of the old table go on in it until they are done. */
static bool
grow(void)
{
	struct table *old = codes.table;
	struct table *table;

	if (old && codes.count < (size_t)1 << (old->bits - 1))
		return true;
	table = table_new(old ? old->bits + 1 : FIRST_BITS);
	if (!table)
		return false;
	for (size_t i = 0; old && i < (size_t)1 << old->bits; i++)
		if (old->slots[i].code)
			place(table, &old->slots[i]);
	codes.removed = 0;
	codes.spare = NULL;
	__atomic_store_n(&codes.table, table, __ATOMIC_RELEASE);
	__atomic_store_n(&py_code_filter, table->filter, __ATOMIC_RELEASE);
	return true;
}

/* Makes the filter again, without the codes that are gone. The two filters
 * take turns, so a reader always sees a whole one. */
static void
filter_renew(struct table *table)
{
	struct py_code_filter *fresh = codes.spare;

	if (!fresh)
		fresh = filter_new(table->bits);
	if (!fresh)
		return;
	for (size_t i = 0; i < filter_size(table->bits); i++)
		__atomic_store_n(&fresh->bits[i], 0, __ATOMIC_RELAXED);
	for (size_t i = 0; i < (size_t)1 << table->bits; i++)
		if (table->slots[i].code)
			filter_set(fresh, table->slots[i].code);
	codes.spare = table->filter;
	codes.removed = 0;
	table->filter = fresh;
	__atomic_store_n(&py_code_filter, fresh, __ATOMIC_RELEASE);
}

static void
retire(uint64_t code)
{
	struct slot *slot = codes.table ? probe(codes.table, code) : NULL;

	if (!slot)
		return;
	change_begin();
	unplace(codes.table, slot);
	change_end();
	codes.count--;
	if (++codes.removed > (size_t)1 << codes.table->bits)
		filter_renew(codes.table);
	__atomic_fetch_add(&py_code_epoch, 1, __ATOMIC_RELEASE);
}

/* Whether the slot's object is still the one that is there now. */
static bool
is_it(const struct slot *slot, uint64_t code, uint64_t stamp)
{
	return slot->stamp == stamp &&
	       (!__atomic_load_n(&codes.doubtful, __ATOMIC_RELAXED) ||
		py_names_agree(slot->record, (const char *)code));
}

static const struct py_record *
adopt(uint64_t code, uint64_t stamp)
{
	struct slot *known = codes.table ? probe(codes.table, code) : NULL;
	struct slot fresh = {code, stamp, NULL};

	if (known && is_it(known, code, stamp))
		return known->record;
	if (known)
		retire(code);
	if (!grow())
		return NULL;
	fresh.record = py_names_intern((const char *)code);
	if (!fresh.record)
		return NULL;
	change_begin();
	place(codes.table, &fresh);
	change_end();
	codes.count++;
	return fresh.record;
}

static uint64_t
stamp_of(const char *code)
{
	const struct py_layout *layout = py_runtime.layout;
	uint64_t stamp = *(const uint32_t *)(code + layout->code_firstlineno);

	stamp = stamp * GOLDEN + *(const uint64_t *)(code + layout->code_name);
	stamp = stamp * GOLDEN + *(const uint64_t *)(code + layout->code_lines);
	return stamp * GOLDEN +
	       *(const uint64_t *)(code + layout->code_filename);
}

static const struct py_record *
intern(uint64_t code)
{
	const struct py_record *record;
	struct slot found;
	uint64_t stamp;

	if (*(const void *const *)(code + py_runtime.layout->ob_type) !=
	    py_runtime.code_type) {
		record_lost(WIRE_LOST_PY_FRAME, 1);
		return NULL;
	}
	stamp = stamp_of((const char *)code);
	if (look(code, &found) && found.code && is_it(&found, code, stamp))
		return found.record;
	safe_lock(&codes.lock);
	record = adopt(code, stamp);
	safe_unlock(&codes.lock);
	return record;
}

uint32_t
py_code_intern(uint64_t word)
{
	const struct py_record *record = intern(py_word_code(word));

	return record ? record->id : 0;
}

bool
py_code_group(uint64_t *word)
{
	const struct py_record *record = intern(py_word_code(*word));
	uint64_t unit = *word & PY_WORD_NO_UNIT;

	if (!record)
		return false;
	if (!record->units || unit == PY_WORD_NO_UNIT)
		return true;
	if (unit >= record->units_count) {
		if (py_runtime.layout->lines != PY_LINES_LNOTAB)
			return true;
		unit = record->units_count - 1;
	}
	*word = (*word & ~PY_WORD_NO_UNIT) | record->units[unit].first;
	return true;
}

uint32_t
py_code_find(uint64_t word)
{
	uint64_t code = py_word_code(word);
	struct slot found;
	struct slot *slot;

	if (!look(code, &found)) {
		safe_lock(&codes.lock);
		slot = codes.table ? probe(codes.table, code) : NULL;
		found.code = slot ? code : 0;
		found.record = slot ? slot->record : NULL;
		safe_unlock(&codes.lock);
	}
	return found.code ? found.record->id : 0;
}

void
py_code_freed(void *block)
{
	uint64_t code = (uint64_t)block;
	struct slot found;

	if (look(code, &found) && !found.code)
		return;
	safe_lock(&codes.lock);
	retire(code);
	safe_unlock(&codes.lock);
}

/* Tables live for ever, so the place in the last one may be kept; one thread at
 * a time uses it. */
static uint32_t
find_line(const struct py_lines *lines, int32_t offset)
{
	static struct py_lines_place last;
	static bool busy;
	uint32_t line;

	if (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		return py_lines_find(lines, offset);
	line = py_lines_find_from(lines, offset, &last);
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
	return line;
}

static uint32_t
line_of(const struct py_record *record, uint64_t word)
{
	uint64_t unit = word & PY_WORD_NO_UNIT;
	struct py_lines lines;

	if (unit < record->units_count) {
		int step = record->units[unit].step;

		return step == PY_UNIT_NO_LINE
			   ? 0
			   : (uint32_t)(record->first_line + step);
	}
	lines.table = record->lines;
	lines.size = record->lines_size;
	lines.first_line = record->first_line;
	lines.format = py_runtime.layout->lines;
	return find_line(&lines, py_word_offset(word));
}

void
py_code_name(uint32_t id, uint64_t word, struct py_name *name)
{
	const struct py_record *record = py_names_get(id);

	if (!record) {
		*name = (struct py_name){"?", "?", 0, 0};
		return;
	}
	name->file = record->file;
	name->function = record->function;
	name->line = line_of(record, word);
	name->first_line =
	    record->first_line > 0 ? (uint32_t)record->first_line : 0;
}

/* Each is compared before it is believed again. */
void
py_code_forget(void)
{
	__atomic_store_n(&codes.doubtful, true, __ATOMIC_RELAXED);
	__atomic_fetch_add(&py_code_epoch, 1, __ATOMIC_RELEASE);
}

void
py_code_forked(void)
{
	codes.lock.word = 0;
	if (codes.sequence & 1)
		codes.sequence++;
}
