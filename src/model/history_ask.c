/* history_ask.c - what was: all sites at a moment, some sites at all. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/history_inner.h"

#define SECOND_NS UINT64_C(1000000000)
#define STEP_NS	  UINT64_C(9500000000) /* of growth: ten seconds, about */

size_t
history_count(const struct history *history)
{
	return history->count;
}

const struct moment *
history_moment(const struct history *history, size_t index)
{
	return &history->kept[index].moment;
}

size_t
history_at(const struct history *history, uint64_t mono_ns)
{
	size_t i = history->count ? history->count - 1 : 0;

	while (i > 0 && history->kept[i].moment.mono_ns > mono_ns)
		i--;
	return i;
}

static uint64_t
apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

size_t
history_near(const struct history *history, uint64_t time_ns)
{
	size_t best = 0;

	for (size_t i = 1; i < history->count; i++)
		if (apart(history->kept[i].moment.time_ns, time_ns) <
		    apart(history->kept[best].moment.time_ns, time_ns))
			best = i;
	return best;
}

size_t
history_reach(const struct history *history)
{
	return history->totals_only ? history->count : history->lost;
}

/* The totals of all sites at a moment; owned by the caller. */
static struct total *
totals_at(const struct history *history, size_t index)
{
	size_t count = history->state_count;
	struct total *totals = mem_array(count, sizeof(*totals));

	for (size_t i = 0; i < count; i++)
		totals[i] = state_get(history, i);
	for (size_t i = history->count; --i > index;)
		for (struct reader at = reader_of(&history->kept[i]); at.good;
		     reader_step(&at))
			total_subtract(&totals[at.change.site - 1], &at.change);
	return totals;
}

/* What a variance was when its number was less. */
static double
share(double variance, uint64_t then, uint64_t now)
{
	return now ? variance * fmin((double)then / (double)now, 1) : 0;
}

static void
spread_at(struct spread *out, const struct spread *spread,
	  const struct site *then, const struct site *now)
{
	double bytes = (double)spread->live_bytes + spread->free_bytes;
	double count = (double)spread->live_count + spread->free_count;

	*out = spread_make(
	    share(bytes, then->alloc_bytes, now->alloc_bytes),
	    share(spread->free_bytes, then->free_bytes, now->free_bytes),
	    share(count, then->alloc_count, now->alloc_count),
	    share(spread->free_count, then->free_count, now->free_count));
}

static void
site_at(struct site *out, const struct total *then, const struct site *now)
{
	*out = (struct site){
	    .stack = now->stack,
	    .domain = now->domain,
	    .alloc_bytes = then->alloc_bytes,
	    .alloc_count = then->alloc_count,
	    .free_bytes = then->free_bytes,
	    .free_count = then->free_count,
	    .peak_bytes = then->peak_bytes,
	};
	/* Of a file that lies. */
	if (out->free_bytes > out->alloc_bytes)
		out->free_bytes = out->alloc_bytes;
	if (out->free_count > out->alloc_count)
		out->free_count = out->alloc_count;
}

static bool
mark_has(const struct mark *mark, size_t index)
{
	return mark && mark_blocks(mark, index);
}

static void
head_at(struct snapshot *out, const struct moment *moment,
	const struct snapshot *now)
{
	snapshot_init(out, now->names);
	out->touches = true; /* there will be none */
	out->process = now->process;
	out->process.command =
	    now->process.command ? mem_string(now->process.command) : NULL;
	out->process.exe =
	    now->process.exe ? mem_string(now->process.exe) : NULL;
	out->process.rss_bytes = moment->rss_bytes;
	out->tick = moment->tick;
	out->time_ns = moment->time_ns;
	out->mono_ns = moment->mono_ns;
	out->work_units = moment->work_units;
	out->agent_cpu_ns = now->agent_cpu_ns;
	out->agent_bytes = now->agent_bytes;
	memcpy(out->losses, now->losses, sizeof(out->losses));
	out->loss_count = now->loss_count;
	for (size_t i = 0; i < now->mark_count; i++)
		if (now->marks[i].tick <= moment->tick)
			snapshot_add_mark(out, &now->marks[i]);
}

void
history_snapshot(const struct history *history, size_t index,
		 const struct snapshot *now, const struct mark *compared,
		 struct snapshot *out)
{
	struct total *totals = totals_at(history, index);
	size_t count = history->state_count < now->site_count
			   ? history->state_count
			   : now->site_count;

	head_at(out, &history->kept[index].moment, now);
	snapshot_room(out, count);
	if (now->spreads)
		snapshot_spread(out);
	for (size_t i = 0; i < count; i++) {
		site_at(&out->sites[i], &totals[i], &now->sites[i]);
		if (!totals[i].alloc_count && !mark_has(compared, i))
			out->sites[i].stack = 0;
		if (out->spreads)
			spread_at(&out->spreads[i], &now->spreads[i],
				  &out->sites[i], &now->sites[i]);
	}
	free(totals);
	snapshot_sum(out);
}

void
history_mark(const struct history *history, size_t index,
	     const struct snapshot *now, const char *name, struct mark *out)
{
	struct snapshot snapshot;

	history_snapshot(history, index, now, NULL, &snapshot);
	mark_take(out, &snapshot, name);
	snapshot_fini(&snapshot);
}

/* Which sets a site is in: a mask, or a chain of links through sets. */
struct member {
	uint32_t set;
	uint32_t next; /* index + 1 */
};

struct members {
	const uint64_t *masks; /* [site index]; NULL: there are links */
	size_t masked;
	uint32_t *first; /* [site index]: index + 1 into links */
	struct member *links;
};

static struct members
members_make(const struct history *history, const struct site_set *sets,
	     size_t count)
{
	struct members members = {0};
	size_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += sets[i].count;
	members.first = mem_array(history->state_count, sizeof(uint32_t));
	members.links = mem_array(all, sizeof(*members.links));
	all = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sets[i].count; k++) {
			size_t site = sets[i].sites[k] - 1;

			if (site >= history->state_count)
				continue;
			members.links[all] =
			    (struct member){(uint32_t)i, members.first[site]};
			members.first[site] = (uint32_t)++all;
		}
	return members;
}

/* Adds to the series of each set that a site is in. */
static void
members_add(const struct members *members, size_t site, uint64_t *out,
	    size_t width, uint64_t size)
{
	if (members->masks) {
		uint64_t sets =
		    site < members->masked ? members->masks[site] : 0;

		for (; sets; sets &= sets - 1)
			out[(size_t)__builtin_ctzll(sets) * width] += size;
		return;
	}
	for (uint32_t link = members->first[site]; link;
	     link = members->links[link - 1].next)
		out[members->links[link - 1].set * width] += size;
}

/* The sums at the newest moment. */
static void
sum_now(const struct history *history, const struct members *members,
	uint64_t *out)
{
	size_t width = history->count;

	for (size_t site = 0; site < history->state_count; site++) {
		struct total now;

		if (members->masks
			? site >= members->masked || !members->masks[site]
			: !members->first[site])
			continue;
		now = state_get(history, site);
		members_add(members, site, out + width - 1, width,
			    now.alloc_bytes - now.free_bytes);
	}
}

static void
series_make(const struct history *history, const struct members *members,
	    size_t count, uint64_t *out)
{
	size_t width = history->count;
	size_t reach = history_reach(history);

	memset(out, 0, count * width * sizeof(*out));
	if (reach < width)
		sum_now(history, members, out);
	for (size_t i = width; i-- > reach + 1;) {
		for (size_t set = 0; set < count; set++)
			out[set * width + i - 1] = out[set * width + i];
		for (struct reader at = reader_of(&history->kept[i]); at.good;
		     reader_step(&at))
			members_add(members, at.change.site - 1, out + i - 1,
				    width,
				    (uint64_t)at.change.free_bytes -
					(uint64_t)at.change.alloc_bytes);
	}
}

void
history_series(const struct history *history, const struct site_set *sets,
	       size_t count, uint64_t *out)
{
	struct members members = members_make(history, sets, count);

	series_make(history, &members, count, out);
	free(members.first);
	free(members.links);
}

void
history_series_masked(const struct history *history, const uint64_t *masks,
		      size_t sites, size_t count, uint64_t *out)
{
	const struct members members = {.masks = masks, .masked = sites};

	series_make(history, &members, count, out);
}

size_t
history_step(const struct history *history, size_t index)
{
	uint64_t at = history->kept[index].moment.mono_ns;
	size_t reach = history_reach(history);
	size_t before = index;

	while (before > reach &&
	       at - history->kept[before].moment.mono_ns < STEP_NS)
		before--;
	return before;
}

size_t
history_trend_first(const struct history *history, size_t index)
{
	uint64_t now = history->kept[index].moment.mono_ns;
	uint64_t back = (TREND_SLOTS - 1) * SECOND_NS;
	size_t reach = history_reach(history);
	size_t first = history_at(history, now > back ? now - back : 0);

	return first < reach ? reach : first;
}

/* For how long until a moment it was more at each step back. */
static uint64_t
growth_of(const struct history *history, const uint64_t *series, size_t index)
{
	uint64_t now = history->kept[index].moment.mono_ns;
	size_t from = index;

	for (;;) {
		size_t before = history_step(history, from);

		if (series[before] >= series[from])
			break;
		from = before;
	}
	return now - history->kept[from].moment.mono_ns;
}

void
history_trend(const struct history *history, const uint64_t *series,
	      size_t index, struct trend *trend)
{
	size_t reach = history_reach(history);
	uint64_t now;

	*trend = (struct trend){0};
	if (index < reach || index >= history->count)
		return;
	now = history->kept[index].moment.mono_ns;
	while (trend->known < TREND_SLOTS) {
		uint64_t back = trend->known * SECOND_NS;
		size_t at = back > now ? 0 : history_at(history, now - back);

		/* Before all that is known. */
		if (back > now || at < reach ||
		    history->kept[at].moment.mono_ns > now - back)
			break;
		trend->known++;
		trend->values[TREND_SLOTS - trend->known] = series[at];
	}
	trend->grew_ns = growth_of(history, series, index);
}

void
trend_levels(const struct trend *trend, unsigned char *out, size_t width)
{
	size_t first = TREND_SLOTS - trend->known;
	uint64_t low = UINT64_MAX, high = 0;
	double range;

	for (size_t i = first; i < TREND_SLOTS; i++) {
		low = trend->values[i] < low ? trend->values[i] : low;
		high = trend->values[i] > high ? trend->values[i] : high;
	}
	range = (double)(high - low < high / 32 ? high / 32 : high - low);
	for (size_t i = 0; i < width; i++) {
		size_t at = (i + 1) * TREND_SLOTS / width - 1;
		double above =
		    at < first ? 0 : (double)(trend->values[at] - low);

		out[i] = at < first ? 0 : 1;
		if (above > 0)
			out[i] +=
			    (unsigned char)(above / range * (TREND_LEVELS - 1) +
					    0.5);
	}
}

void
history_walk(const struct history *history, size_t index, history_visit *visit,
	     void *context)
{
	struct total *totals;

	if (index > history_reach(history)) {
		for (struct reader at = reader_of(&history->kept[index]);
		     at.good; reader_step(&at))
			visit(context, &at.change);
		return;
	}
	totals = totals_at(history, index);
	for (size_t i = 0; i < history->state_count; i++) {
		struct change change = {
		    (uint32_t)i + 1,
		    (int64_t)totals[i].alloc_bytes,
		    (int64_t)totals[i].alloc_count,
		    (int64_t)totals[i].free_bytes,
		    (int64_t)totals[i].free_count,
		    (int64_t)totals[i].peak_bytes,
		};

		if (totals[i].alloc_count)
			visit(context, &change);
	}
	free(totals);
}
