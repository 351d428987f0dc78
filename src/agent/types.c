/*
 * types.c - what the live blocks of some sites are.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/types.h"

#include <string.h>
#include <time.h>

#include "agent/arch/arch.h"
#include "agent/live.h"
#include "agent/live_scan.h"
#include "agent/names.h"
#include "agent/picks.h"
#include "agent/py/pytypes.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/sites.h"

#define SEARCH_NS UINT64_C(700000000)
#define READ_NS	  UINT64_C(700000000)
#define NAMED	  100 /* types of a row that have an entry */

_Static_assert(WIRE_TYPES_ROWS *(NAMED + 3) <= WIRE_TYPES_MAX, "entries");

struct total {
	double count;
	double bytes;
};

struct work {
	const uint32_t *stop;
	uint64_t end_ns;
	uint64_t random;
	uint32_t digest;
	uint32_t count; /* of sites */
	uint32_t rows;
	uint32_t sites[WIRE_TYPES_SITES];
	uint8_t row_of[WIRE_TYPES_SITES];
	uint8_t *wanted; /* [site]: its row + 1 */
	uint32_t wanted_room;
	struct picks row[WIRE_TYPES_ROWS];
	struct pick *room; /* for the picks of all rows */
	struct py_types *types;
	struct total found[PY_TYPES_MAX + 1]; /* in one row */
	struct total in_stratum[PY_TYPES_MAX + 1];
	const struct pick *batch[PEEK_MAX];
	struct py_block blocks[PEEK_MAX];
};

/* The answer's place in the segment. */
static struct {
	struct wire_types *page;
	uint64_t offset;
} answer;

static void
visit(void *context, uint64_t address, struct block block)
{
	struct work *work = context;

	picks_add(&work->row[work->wanted[block.site] - 1], &work->random,
		  address, block);
}

static bool
may_go_on(void *context)
{
	const struct work *work = context;

	return !__atomic_load_n(work->stop, __ATOMIC_ACQUIRE) &&
	       safe_clock_ns(CLOCK_MONOTONIC) < work->end_ns;
}

/* Reading */

/* Blocks that are what they were after they have been read. */
static bool
is_still(const struct pick *pick)
{
	struct block block = live_look(pick->address);

	return block.site == pick->site && block.size == pick->size &&
	       block.level == pick->level;
}

/* Returns how many could be read. */
static uint32_t
batch_read(struct work *work, uint32_t count, struct total *sum)
{
	uint32_t read = 0;

	for (uint32_t i = 0; i < count; i++)
		work->blocks[i] = (struct py_block){work->batch[i]->address,
						    work->batch[i]->size, 0};
	py_types_read(work->types, work->blocks, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct pick *pick = work->batch[i];
		uint32_t what = work->blocks[i].what;
		struct weight weight;

		if (what == PY_IS_GONE || !is_still(pick))
			continue;
		weight = sample_weight(pick->size, pick->level);
		work->in_stratum[what].count += (double)weight.count;
		work->in_stratum[what].bytes += (double)weight.bytes;
		sum->count += (double)weight.count;
		sum->bytes += (double)weight.bytes;
		read++;
	}
	return read;
}

/* The next picks of a stratum from *at on. */
static uint32_t
batch_fill(struct work *work, const struct picks *row, unsigned stratum,
	   uint32_t *at)
{
	uint32_t count = 0;

	for (; *at < row->count && count < PEEK_MAX; ++*at)
		if (row->list[*at].stratum == stratum)
			work->batch[count++] = &row->list[*at];
	return count;
}

/* Adds what the blocks of a stratum are, made to add up to all of them. */
static void
stratum_read(struct work *work, const struct picks *row, unsigned number,
	     struct wire_types_row *out)
{
	const struct stratum *stratum = &row->strata[number];
	struct total sum = {0, 0};
	uint32_t at = 0;
	uint32_t count;

	memset(work->in_stratum, 0, sizeof(work->in_stratum));
	while ((count = batch_fill(work, row, number, &at))) {
		if (!may_go_on(work)) {
			out->flags |= WIRE_TYPES_PART;
			break;
		}
		out->read += batch_read(work, count, &sum);
	}
	for (uint32_t i = 0; i <= PY_TYPES_MAX && sum.count > 0; i++) {
		struct total *found = &work->found[i];

		found->count += work->in_stratum[i].count *
				(double)stratum->all.count / sum.count;
		if (sum.bytes > 0)
			found->bytes += work->in_stratum[i].bytes *
					(double)stratum->all.bytes / sum.bytes;
	}
}

static void
row_read(struct work *work, const struct picks *row, struct wire_types_row *out)
{
	memset(work->found, 0, sizeof(work->found));
	for (unsigned i = 0; i < PICKS_STRATA; i++) {
		const struct stratum *stratum = &row->strata[i];

		if (!stratum->all.count)
			continue;
		stratum_read(work, row, i, out);
		out->blocks += stratum->all.count;
		out->bytes += stratum->all.bytes;
	}
}

/* Answering */

static void
entry_add(struct wire_types *page, uint32_t row, enum wire_type_kind kind,
	  uint32_t name, const struct total *total)
{
	if (total->count < 0.5)
		return;
	page->types[page->count++] = (struct wire_type){
	    .name = name,
	    .row = (uint16_t)row,
	    .kind = (uint16_t)kind,
	    .blocks = (uint64_t)(total->count + 0.5),
	    .bytes = (uint64_t)(total->bytes + 0.5),
	};
}

static uint32_t
biggest(const struct work *work)
{
	uint32_t best = PY_IS_OBJECT;

	for (uint32_t i = PY_IS_OBJECT; i <= PY_TYPES_MAX; i++)
		if (work->found[i].bytes > work->found[best].bytes)
			best = i;
	return best;
}

static void
row_answer(struct work *work, struct wire_types *page, uint32_t row)
{
	struct total *others = &work->found[PY_IS_CROWD];

	for (unsigned i = 0; i < NAMED; i++) {
		uint32_t what = biggest(work);

		if (work->found[what].count <= 0)
			break;
		entry_add(page, row, WIRE_TYPE_OBJECT,
			  names_string(py_types_name(work->types, what)),
			  &work->found[what]);
		work->found[what] = (struct total){0, 0};
	}
	for (uint32_t i = PY_IS_OBJECT; i <= PY_TYPES_MAX; i++) {
		others->count += work->found[i].count;
		others->bytes += work->found[i].bytes;
	}
	entry_add(page, row, WIRE_TYPE_BUFFER, 0, &work->found[PY_IS_BUFFER]);
	entry_add(page, row, WIRE_TYPE_KEPT, 0, &work->found[PY_IS_KEPT]);
	entry_add(page, row, WIRE_TYPE_OTHERS, 0, others);
}

static void
rows_answer(struct work *work, struct wire_types *page, bool whole)
{
	work->end_ns = safe_clock_ns(CLOCK_MONOTONIC) + READ_NS;
	for (uint32_t i = 0; i < work->rows; i++) {
		page->row[i].flags = whole ? 0 : WIRE_TYPES_PART;
		row_read(work, &work->row[i], &page->row[i]);
		row_answer(work, page, i);
	}
}

/* The request, copied: others may write to it at any moment. */
static void
request_take(struct work *work, const struct wire_control *control)
{
	uint32_t count =
	    __atomic_load_n(&control->types_count, __ATOMIC_RELAXED);

	work->count = count < WIRE_TYPES_SITES ? count : WIRE_TYPES_SITES;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t site =
		    __atomic_load_n(&control->types_sites[i], __ATOMIC_RELAXED);
		uint8_t row =
		    __atomic_load_n(&control->types_rows[i], __ATOMIC_RELAXED);

		work->sites[i] = site;
		work->row_of[i] = row;
		work->digest = WIRE_TYPES_DIGEST(work->digest, site, row);
	}
}

/* False: there is nothing to look for, or no memory. A site is in one row, the
 * first. */
static bool
request_map(struct work *work, uint32_t sites)
{
	work->wanted_room = sites + 1;
	work->wanted = safe_map(work->wanted_room);
	if (!work->wanted)
		return false;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t site = work->sites[i];
		uint8_t row = work->row_of[i];

		if (!site || site > sites || row >= WIRE_TYPES_ROWS ||
		    work->wanted[site] ||
		    sites_get(site)->domain != WIRE_DOMAIN_PYMEM_OBJECT)
			continue;
		work->wanted[site] = (uint8_t)(row + 1);
		if (row >= work->rows)
			work->rows = row + 1u;
	}
	if (!work->rows)
		return false;
	work->room = safe_reserve(sizeof(struct pick) * PICKS_MAX * work->rows);
	if (!work->room)
		return false;
	for (uint32_t i = 0; i < work->rows; i++)
		work->row[i].list = &work->room[(uint64_t)i * PICKS_MAX];
	return true;
}

static void
work_do(struct work *work, struct wire_types *page, uint32_t sites)
{
	struct live_scan scan = {
	    .sites = sites,
	    .visit = visit,
	    .may_go_on = may_go_on,
	    .context = work,
	};
	bool whole;

	if (!request_map(work, sites))
		return;
	work->types = py_types_new();
	if (!work->types)
		return;
	scan.wanted = work->wanted;
	work->end_ns = safe_clock_ns(CLOCK_MONOTONIC) + SEARCH_NS;
	whole = live_scan(&scan);
	page->rows = work->rows;
	rows_answer(work, page, whole);
}

static void
work_end(struct work *work)
{
	if (work->types)
		py_types_free(work->types);
	if (work->room)
		safe_unreserve(work->room,
			       sizeof(struct pick) * PICKS_MAX * work->rows);
	if (work->wanted)
		safe_unmap(work->wanted, work->wanted_room);
	safe_unmap(work, sizeof(*work));
}

static struct wire_types *
answer_page(struct segment *segment)
{
	if (!answer.page)
		answer.page =
		    segment_grow(segment, WIRE_TYPES_BYTES, &answer.offset);
	return answer.page;
}

void
types_serve(struct segment *segment, struct wire_status *status, uint32_t sites,
	    const uint32_t *stop)
{
	const struct wire_control *control = segment->control;
	uint32_t wanted =
	    __atomic_load_n(&control->types_wanted, __ATOMIC_ACQUIRE);
	struct wire_types *page;
	struct work *work;

	if (wanted == status->types_done)
		return;
	status->types_done = wanted;
	page = answer_page(segment);
	work = page ? safe_map(sizeof(*work)) : NULL;
	if (!work)
		return;
	status->types_offset = answer.offset;
	__atomic_store_n(&page->sequence, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memset(page, 0, sizeof(*page));
	work->stop = stop;
	work->random = arch_cycles() | 1;
	request_take(work, control);
	page->digest = work->digest;
	work_do(work, page, sites);
	__atomic_store_n(&page->sequence, wanted, __ATOMIC_RELEASE);
	work_end(work);
}

void
types_forget(void)
{
	memset(&answer, 0, sizeof(answer));
}
