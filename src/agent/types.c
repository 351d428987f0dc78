/*
 * types.c - what the live blocks of some sites are.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/types.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "agent/arch/arch.h"
#include "agent/live.h"
#include "agent/live_scan.h"
#include "agent/names.h"
#include "agent/py/pytypes.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/sites.h"

#define SEARCH_NS UINT64_C(700000000)
#define READ_NS	  UINT64_C(700000000)
#define NAMED	  100 /* types of a row that have an entry */

#define ROW_ROOM 100000 /* blocks of a row that are looked into */

/* Blocks of the same size are a class; larger ones by powers of 2. */
#define SMALL_MAX 512
#define SMALLS	  (SMALL_MAX / 8 + 1)
#define CLASSES	  (SMALLS + 64 - 9)
_Static_assert(CLASSES <= 256, "pick.class");
_Static_assert(WIRE_TYPES_ROWS *(NAMED + 3) <= WIRE_TYPES_MAX, "entries");

struct pick {
	uint64_t address;
	uint64_t size;
	uint32_t site;
	uint8_t level;
	uint8_t class;
};

/* One of each `every` blocks that follow each other, at random, is picked. */
struct class
{
	uint32_t count; /* of picks */
	uint32_t every; /* a power of 2; 0: no block yet */
	uint32_t seen;	/* since the last window of `every` began */
	uint32_t turn;	/* which of the window is picked */
	struct weight all;
};

struct row {
	struct pick *picks; /* room for ROW_ROOM */
	uint32_t count;
	struct class classes[CLASSES];
};

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
	struct row row[WIRE_TYPES_ROWS];
	struct pick *picks; /* of all rows */
	struct py_types *types;
	struct total found[PY_TYPES_MAX + 1]; /* in one row */
	struct total in_class[PY_TYPES_MAX + 1];
	const struct pick *batch[PEEK_MAX];
	struct py_block blocks[PEEK_MAX];
};

/* The answer's place in the segment. */
static struct {
	struct wire_types *page;
	uint64_t offset;
} answer;

static uint64_t
now_ns(void)
{
	struct timespec now = {0, 0};

	safe_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0,
		     0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint32_t throw(struct work * work)
{
	work->random ^= work->random << 13;
	work->random ^= work->random >> 7;
	work->random ^= work->random << 17;
	return (uint32_t)(work->random >> 20);
}

/* Picking */

static unsigned
class_of(uint64_t size)
{
	if (size <= SMALL_MAX)
		return (unsigned)(size + 7) / 8;
	return (unsigned)(SMALLS + 63 - 9 - __builtin_clzll(size));
}

/* Keeps one of each two neighbours in the class with most picks, at random. */
static void
row_thin(struct work *work, struct row *row)
{
	unsigned most = 0;
	uint32_t kept = 0;
	uint32_t met = 0;
	bool first = false;

	for (unsigned i = 1; i < CLASSES; i++)
		if (row->classes[i].count > row->classes[most].count)
			most = i;
	for (uint32_t i = 0; i < row->count; i++) {
		if (row->picks[i].class == most) {
			if (met++ % 2 == 0)
				first = throw(work) % 2;
			/* Of an odd number the last is in no pair. */
			if ((met % 2 == 1) != first)
				continue;
		}
		row->picks[kept++] = row->picks[i];
	}
	row->classes[most].count -= row->count - kept;
	row->classes[most].every *= 2;
	row->classes[most].seen = 0;
	row->count = kept;
}

static void
row_pick(struct work *work, struct row *row, const struct pick *pick)
{
	if (row->count == ROW_ROOM)
		row_thin(work, row);
	row->picks[row->count++] = *pick;
	row->classes[pick->class].count++;
}

static void
visit(void *context, uint64_t address, struct block block)
{
	struct work *work = context;
	struct row *row = &work->row[work->wanted[block.site] - 1];
	unsigned number = class_of(block.size);
	struct class *class = &row->classes[number];
	struct weight weight = {block.size, 1};

	if (block.level)
		weight = sample_weight(block.size, block.level);
	class->all.count += weight.count;
	class->all.bytes += weight.bytes;
	class->every += !class->every;
	if (class->seen == 0)
		class->turn = throw(work) & (class->every - 1);
	if (class->seen++ == class->turn)
		row_pick(work, row,
			 &(struct pick){
			     .address = address,
			     .size = block.size,
			     .site = block.site,
			     .level = (uint8_t)block.level,
			     .class = (uint8_t)number,
			 });
	if (class->seen >= class->every)
		class->seen = 0;
}

static bool
may_go_on(void *context)
{
	const struct work *work = context;

	return !__atomic_load_n(work->stop, __ATOMIC_ACQUIRE) &&
	       now_ns() < work->end_ns;
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
		work->in_class[what].count += (double)weight.count;
		work->in_class[what].bytes += (double)weight.bytes;
		sum->count += (double)weight.count;
		sum->bytes += (double)weight.bytes;
		read++;
	}
	return read;
}

/* The next picks of a class from *at on. */
static uint32_t
batch_fill(struct work *work, const struct row *row, unsigned class,
	   uint32_t *at)
{
	uint32_t count = 0;

	for (; *at < row->count && count < PEEK_MAX; ++*at)
		if (row->picks[*at].class == class)
			work->batch[count++] = &row->picks[*at];
	return count;
}

/* Adds what the blocks of a class are, made to add up to all of them. */
static void
class_read(struct work *work, const struct row *row, unsigned number,
	   struct wire_types_row *out)
{
	const struct class *class = &row->classes[number];
	struct total sum = {0, 0};
	uint32_t at = 0;
	uint32_t count;

	memset(work->in_class, 0, sizeof(work->in_class));
	while ((count = batch_fill(work, row, number, &at))) {
		if (!may_go_on(work)) {
			out->flags |= WIRE_TYPES_PART;
			break;
		}
		out->read += batch_read(work, count, &sum);
	}
	for (uint32_t i = 0; i <= PY_TYPES_MAX && sum.count > 0; i++) {
		struct total *found = &work->found[i];

		found->count += work->in_class[i].count *
				(double)class->all.count / sum.count;
		if (sum.bytes > 0)
			found->bytes += work->in_class[i].bytes *
					(double)class->all.bytes / sum.bytes;
	}
}

static void
row_read(struct work *work, const struct row *row, struct wire_types_row *out)
{
	memset(work->found, 0, sizeof(work->found));
	for (unsigned i = 0; i < CLASSES; i++) {
		const struct class *class = &row->classes[i];

		if (!class->all.count)
			continue;
		class_read(work, row, i, out);
		out->blocks += class->all.count;
		out->bytes += class->all.bytes;
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
	work->end_ns = now_ns() + READ_NS;
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
	work->picks = safe_reserve(sizeof(struct pick) * ROW_ROOM * work->rows);
	if (!work->picks)
		return false;
	for (uint32_t i = 0; i < work->rows; i++)
		work->row[i].picks = &work->picks[(uint64_t)i * ROW_ROOM];
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
	work->end_ns = now_ns() + SEARCH_NS;
	whole = live_scan(&scan);
	page->rows = work->rows;
	rows_answer(work, page, whole);
}

static void
work_end(struct work *work)
{
	if (work->types)
		py_types_free(work->types);
	if (work->picks)
		safe_unreserve(work->picks,
			       sizeof(struct pick) * ROW_ROOM * work->rows);
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
