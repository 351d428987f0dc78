/* snapshot.c - one consistent copy of all totals, and marks. */
#include "config.h"

#include "model/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/merge.h"

/* Changes that are kept: at least so many, and one for so many sites. */
#define TOUCHED_LEAST 64
#define TOUCHED_SHARE 16

static struct {
	uint64_t marks; /* made so far */
	uint64_t count;
} snapshots;

const char *const domain_names[] = {
    [DOMAIN_MALLOC] = "malloc",	      [DOMAIN_PYMEM_RAW] = "pymem_raw",
    [DOMAIN_PYMEM_MEM] = "pymem_mem", [DOMAIN_PYMEM_OBJECT] = "pymem_object",
    [DOMAIN_MMAP] = "mmap",
};
_Static_assert(sizeof(domain_names) / sizeof(domain_names[0]) == DOMAIN_COUNT,
	       "a name for each domain");

void
snapshot_init(struct snapshot *snapshot, struct names *names)
{
	*snapshot = (struct snapshot){
	    .names = names,
	    .serial = ++snapshots.count,
	};
}

void
snapshot_fini(struct snapshot *snapshot)
{
	free(snapshot->process.command);
	free(snapshot->process.exe);
	free(snapshot->sites);
	free(snapshot->spreads);
	free(snapshot->marks);
	free(snapshot->touched);
	free(snapshot->touched_spreads);
	*snapshot = (struct snapshot){0};
}

/* A copy of size bytes, NULL of NULL. */
static void *
copy(const void *from, size_t size)
{
	return from ? memcpy(mem_alloc(size), from, size) : NULL;
}

void
snapshot_clone(struct snapshot *to, const struct snapshot *from)
{
	const struct process *process = &from->process;
	size_t count = from->site_count;

	*to = *from;
	to->process.command =
	    process->command ? mem_string(process->command) : NULL;
	to->process.exe = process->exe ? mem_string(process->exe) : NULL;
	to->sites = copy(from->sites, count * sizeof(*from->sites));
	to->site_capacity = count;
	to->spreads = copy(from->spreads, count * sizeof(*from->spreads));
	to->marks = copy(from->marks, from->mark_count * sizeof(*from->marks));
	to->mark_room = from->mark_count;
	to->serial = ++snapshots.count;
	to->touched = NULL;
	to->touched_spreads = NULL;
	to->touched_count = to->touched_room = 0;
	to->touched_spread_room = 0;
	to->touched_first = 0;
	to->touches = true; /* there will be none */
}

void
snapshot_room(struct snapshot *snapshot, size_t count)
{
	size_t room = snapshot->site_capacity;

	if (count <= snapshot->site_count)
		return;
	if (count > room) {
		room = room + room / 2 + 64;
		if (room < count)
			room = count;
		snapshot->sites =
		    mem_grow(snapshot->sites, room, sizeof(*snapshot->sites));
		if (snapshot->spreads)
			snapshot->spreads =
			    mem_grow(snapshot->spreads, room,
				     sizeof(*snapshot->spreads));
		snapshot->site_capacity = room;
	}
	memset(snapshot->sites + snapshot->site_count, 0,
	       (count - snapshot->site_count) * sizeof(*snapshot->sites));
	if (snapshot->spreads)
		memset(snapshot->spreads + snapshot->site_count, 0,
		       (count - snapshot->site_count) *
			   sizeof(*snapshot->spreads));
	snapshot->site_count = count;
}

void
snapshot_spread(struct snapshot *snapshot)
{
	if (!snapshot->spreads)
		snapshot->spreads = mem_array(snapshot->site_capacity,
					      sizeof(*snapshot->spreads));
}

/* Nothing is off by more than the square of the largest number. */
static double
clean(double variance, double most)
{
	return variance > 0 && variance <= 0x1p127
		   ? variance < most ? variance : most
		   : 0;
}

static void
variances(float *live, float *freed, double alloc, double free)
{
	alloc = clean(alloc, HUGE_VAL);
	free = clean(free, alloc);
	*live = (float)(alloc - free);
	*freed = (float)free;
}

struct spread
spread_make(double alloc_bytes, double free_bytes, double alloc_count,
	    double free_count)
{
	struct spread spread;

	variances(&spread.live_bytes, &spread.free_bytes, alloc_bytes,
		  free_bytes);
	variances(&spread.live_count, &spread.free_count, alloc_count,
		  free_count);
	return spread;
}

/* Of so many that it matters, the sum stays a number. */
static float
sum_of(float a, float b)
{
	return fminf(a + b, 0x1p127F);
}

void
spread_add(struct spread *to, const struct spread *from)
{
	to->live_bytes = sum_of(to->live_bytes, from->live_bytes);
	to->free_bytes = sum_of(to->free_bytes, from->free_bytes);
	to->live_count = sum_of(to->live_count, from->live_count);
	to->free_count = sum_of(to->free_count, from->free_count);
}

void
snapshot_add_mark(struct snapshot *snapshot, const struct program_mark *mark)
{
	if (snapshot->mark_count == PROGRAM_MARKS_MAX)
		return;
	snapshot->marks =
	    mem_room(snapshot->marks, &snapshot->mark_room,
		     snapshot->mark_count, sizeof(*snapshot->marks));
	snapshot->marks[snapshot->mark_count++] = *mark;
}

/* Drops the older half. */
static void
touched_drop(struct snapshot *snapshot)
{
	size_t old = snapshot->touched_count / 2;

	snapshot->touched_first += old;
	snapshot->touched_count -= old;
	memmove(snapshot->touched, snapshot->touched + old,
		snapshot->touched_count * sizeof(*snapshot->touched));
	if (snapshot->touched_spreads)
		memmove(snapshot->touched_spreads,
			snapshot->touched_spreads + old,
			snapshot->touched_count *
			    sizeof(*snapshot->touched_spreads));
}

/* Notes the spread of the site of the next change; there were none before. */
static void
touched_spread(struct snapshot *snapshot, uint32_t site)
{
	size_t at = snapshot->touched_count, old;

	if (at >= snapshot->touched_spread_room) {
		old = snapshot->touched_spread_room;
		snapshot->touched_spread_room = at + at / 2 + TOUCHED_LEAST;
		snapshot->touched_spreads = mem_grow(
		    snapshot->touched_spreads, snapshot->touched_spread_room,
		    sizeof(struct spread));
		memset(snapshot->touched_spreads + old, 0,
		       (snapshot->touched_spread_room - old) *
			   sizeof(struct spread));
	}
	snapshot->touched_spreads[at] = snapshot->spreads[site - 1];
}

void
snapshot_touch(struct snapshot *snapshot, uint32_t site,
	       const struct site *before)
{
	if (!snapshot->touches)
		return;
	if (snapshot->touched_count >= TOUCHED_LEAST &&
	    snapshot->touched_count >= snapshot->site_count / TOUCHED_SHARE)
		touched_drop(snapshot);
	if (snapshot->spreads)
		touched_spread(snapshot, site);
	snapshot->touched =
	    mem_room(snapshot->touched, &snapshot->touched_room,
		     snapshot->touched_count, sizeof(*snapshot->touched));
	snapshot->touched[snapshot->touched_count++] =
	    (struct touch){site, *before};
}

void
snapshot_sum_site(struct snapshot *snapshot, const struct site *site, int sign)
{
	uint64_t by = (uint64_t)(int64_t)sign;

	snapshot->live_bytes += by * site_live_bytes(site);
	snapshot->live_count += by * site_live_count(site);
	snapshot->alloc_bytes += by * site->alloc_bytes;
	snapshot->alloc_count += by * site->alloc_count;
}

void
snapshot_sum(struct snapshot *snapshot)
{
	snapshot->live_bytes = snapshot->live_count = 0;
	snapshot->alloc_bytes = snapshot->alloc_count = 0;
	for (size_t i = 0; i < snapshot->site_count; i++)
		snapshot_sum_site(snapshot, &snapshot->sites[i], 1);
}

void
mark_init(struct mark *mark, const char *name, size_t sites)
{
	*mark = (struct mark){
	    .name = mem_string(name),
	    .serial = ++snapshots.marks,
	    .count = sites,
	};
	packed_room(&mark->bytes, sites);
	packed_room(&mark->blocks, sites);
}

void
mark_set(struct mark *mark, size_t index, uint64_t bytes, uint64_t blocks)
{
	mark->of = 0; /* it is no moment of a snapshot any more */
	mark->live_bytes += bytes - mark_bytes(mark, index);
	mark->live_count += blocks - mark_blocks(mark, index);
	packed_set(&mark->bytes, index, bytes);
	packed_set(&mark->blocks, index, blocks);
}

void
mark_take(struct mark *mark, const struct snapshot *snapshot, const char *name)
{
	mark_init(mark, name, snapshot->site_count);
	mark->time_ns = snapshot->time_ns;
	mark->mono_ns = snapshot->mono_ns;
	mark->tick = snapshot->tick;
	mark->work_units = snapshot->work_units;
	mark->of = snapshot->touches ? snapshot->serial : 0;
	mark->touches = snapshot_touches(snapshot);
	for (size_t i = 0; i < mark->count; i++) {
		packed_set(&mark->bytes, i,
			   site_live_bytes(&snapshot->sites[i]));
		packed_set(&mark->blocks, i,
			   site_live_count(&snapshot->sites[i]));
	}
	mark->live_bytes = snapshot->live_bytes;
	mark->live_count = snapshot->live_count;
	if (snapshot->merge)
		mark->parts = merge_moment(snapshot->merge);
	if (!snapshot->spreads || !mark->count)
		return;
	mark->spreads = mem_array(mark->count, sizeof(*mark->spreads));
	memcpy(mark->spreads, snapshot->spreads,
	       mark->count * sizeof(*mark->spreads));
}

void
mark_fini(struct mark *mark)
{
	free(mark->name);
	packed_fini(&mark->bytes);
	packed_fini(&mark->blocks);
	free(mark->spreads);
	merge_moment_free(mark->parts);
	*mark = (struct mark){0};
}
