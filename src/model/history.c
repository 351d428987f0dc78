/* history.c - moments and the changes between them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/history_inner.h"

#define SECOND_NS UINT64_C(1000000000)

/* Up to which age moments lie how close; older ones go. */
static const struct {
	uint64_t age_ns;
	uint64_t slot_ns;
} tiers[] = {
    {60 * SECOND_NS, SECOND_NS},
    {660 * SECOND_NS, 10 * SECOND_NS},
    {4260 * SECOND_NS, 60 * SECOND_NS},
};
#define TIERS (sizeof(tiers) / sizeof(*tiers))

struct history *
history_new(size_t room)
{
	struct history *history = mem_alloc(sizeof(*history));

	history->room = room ? room : HISTORY_ROOM_DEFAULT;
	return history;
}

/* Its changes lead to a moment that is gone, or there is no room. */
static void
forget(struct history *history, size_t index)
{
	struct kept *kept = &history->kept[index];

	history->size -= kept->size;
	free(kept->data);
	kept->data = NULL;
	kept->size = 0;
}

static void
state_free(struct history *history)
{
	for (size_t i = 0; i < TOTAL_NUMBERS; i++)
		packed_fini(&history->state[i]);
	history->state_count = 0;
}

static size_t
state_size(const struct history *history)
{
	size_t size = 0;

	for (size_t i = 0; i < TOTAL_NUMBERS; i++)
		size += packed_size(&history->state[i]);
	return size;
}

struct total
state_get(const struct history *history, size_t index)
{
	return (struct total){
	    packed_get(&history->state[0], index),
	    packed_get(&history->state[1], index),
	    packed_get(&history->state[2], index),
	    packed_get(&history->state[3], index),
	    packed_get(&history->state[4], index),
	};
}

void
state_put(struct history *history, size_t index, const struct total *total)
{
	packed_set(&history->state[0], index, total->alloc_bytes);
	packed_set(&history->state[1], index, total->alloc_count);
	packed_set(&history->state[2], index, total->free_bytes);
	packed_set(&history->state[3], index, total->free_count);
	packed_set(&history->state[4], index, total->peak_bytes);
}

void
history_free(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < history->count; i++)
		free(history->kept[i].data);
	free(history->kept);
	state_free(history);
	free(history->scratch.data);
	free(history);
}

static void
take_out(struct history *history, size_t index)
{
	forget(history, index);
	history->count--;
	memmove(&history->kept[index], &history->kept[index + 1],
		(history->count - index) * sizeof(*history->kept));
}

/* Both changes at once: those of the moment become part of the next one's. */
static void
join(struct history *history, size_t index)
{
	struct kept *next = &history->kept[index + 1];
	struct reader first = reader_of(&history->kept[index]);
	struct reader second = reader_of(next);
	struct writer *out = &history->scratch;

	writer_clear(out);
	while (first.good || second.good) {
		struct change sum = {0};
		uint32_t a = first.good ? first.change.site : UINT32_MAX;
		uint32_t b = second.good ? second.change.site : UINT32_MAX;

		sum.site = a < b ? a : b;
		if (a == sum.site) {
			change_add(&sum, &first.change);
			reader_step(&first);
		}
		if (b == sum.site) {
			change_add(&sum, &second.change);
			reader_step(&second);
		}
		writer_put(out, &sum);
	}
	forget(history, index + 1);
	kept_fill(history, next);
}

/* Lets go of a moment between two others, or of the oldest. */
static void
drop(struct history *history, size_t index)
{
	size_t lost = history->lost;

	if (index > lost)
		join(history, index);
	else if (index == lost && index + 1 < history->count)
		forget(history, index + 1);
	if (index < lost)
		history->lost--;
	take_out(history, index);
}

static uint64_t
slot_of(uint64_t mono_ns, uint64_t age_ns)
{
	for (size_t i = 0; i < TIERS; i++)
		if (age_ns <= tiers[i].age_ns)
			return mono_ns / tiers[i].slot_ns;
	return 0;
}

static bool
is_too_old(uint64_t age_ns)
{
	return age_ns > tiers[TIERS - 1].age_ns;
}

/* Makes older moments rarer. */
static void
thin(struct history *history)
{
	uint64_t now = history->kept[history->count - 1].moment.mono_ns;

	while (history->count > 1 &&
	       is_too_old(now - history->kept[0].moment.mono_ns))
		drop(history, 0);
	for (size_t i = history->count - 1; i-- > 1;) {
		const struct moment *moment = &history->kept[i].moment;
		uint64_t age = now - moment->mono_ns;
		uint64_t before = history->kept[i - 1].moment.mono_ns;

		if (!moment->pinned &&
		    slot_of(moment->mono_ns, age) == slot_of(before, age))
			drop(history, i);
	}
}

/* Keeps the newest pins only. */
static void
unpin(struct history *history)
{
	size_t pins = 0;

	for (size_t i = history->count; i-- > 0;) {
		struct moment *moment = &history->kept[i].moment;

		moment->pinned = moment->pinned && pins < HISTORY_PINS_MAX;
		pins += moment->pinned;
	}
}

size_t
history_size(const struct history *history)
{
	return history->size + history->scratch.room +
	       history->kept_room * sizeof(*history->kept) +
	       state_size(history);
}

size_t
history_room(const struct history *history)
{
	return history->room;
}

static void
bound(struct history *history)
{
	while (history->lost + 1 < history->count &&
	       history_size(history) > history->room)
		forget(history, ++history->lost);
	for (size_t i = 0; i < history->count; i++)
		history->kept[i].moment.whole =
		    !history->totals_only && i >= history->lost;
}

static struct kept *
append(struct history *history, const struct moment *moment)
{
	struct kept *kept;

	history->kept = mem_room(history->kept, &history->kept_room,
				 history->count, sizeof(*history->kept));
	kept = &history->kept[history->count++];
	*kept = (struct kept){.moment = *moment};
	return kept;
}

static void
settle(struct history *history)
{
	/* Nothing can be gone back to before the first. */
	if (history->count == 1)
		forget(history, 0);
	unpin(history);
	thin(history);
	bound(history);
}

/* Makes totals of so many sites exist; false when they alone are too much. */
static bool
state_fit(struct history *history, size_t count)
{
	size_t room = history->state[0].room;

	if (history->totals_only)
		return false;
	if (count > room)
		room = count + count / 16;
	if (room * TOTAL_NUMBERS * sizeof(uint32_t) > history->room ||
	    state_size(history) > history->room) {
		history->totals_only = true;
		for (size_t i = 0; i < history->count; i++)
			forget(history, i);
		history->lost = history->count;
		state_free(history);
		return false;
	}
	for (size_t i = 0; i < TOTAL_NUMBERS; i++)
		packed_room(&history->state[i], room);
	if (count > history->state_count)
		history->state_count = count;
	return true;
}

static void
compare(struct history *history, const struct snapshot *snapshot)
{
	writer_clear(&history->scratch);
	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct site *site = &snapshot->sites[i];
		struct total now = {site->alloc_bytes, site->alloc_count,
				    site->free_bytes, site->free_count,
				    site->peak_bytes};
		struct total total = state_get(history, i);
		struct change change;

		if (!memcmp(&total, &now, sizeof(now)))
			continue;
		change = (struct change){
		    .site = (uint32_t)i + 1,
		    .alloc_bytes =
			(int64_t)(now.alloc_bytes - total.alloc_bytes),
		    .alloc_count =
			(int64_t)(now.alloc_count - total.alloc_count),
		    .free_bytes = (int64_t)(now.free_bytes - total.free_bytes),
		    .free_count = (int64_t)(now.free_count - total.free_count),
		    .peak_bytes = (int64_t)(now.peak_bytes - total.peak_bytes),
		};
		writer_put(&history->scratch, &change);
		state_put(history, i, &now);
	}
}

static bool
add(struct history *history, const struct snapshot *snapshot, bool marked)
{
	struct moment moment = {
	    .mono_ns = snapshot->mono_ns,
	    .time_ns = snapshot->time_ns,
	    .tick = snapshot->tick,
	    .live_bytes = snapshot->live_bytes,
	    .live_count = snapshot->live_count,
	    .rss_bytes = snapshot->process.rss_bytes,
	    .work_units = snapshot->work_units,
	    .pinned = marked && history->count,
	};
	struct kept *kept;

	if (history->count) {
		uint64_t last =
		    history_moment(history, history->count - 1)->mono_ns;

		if (moment.mono_ns <= last ||
		    (!marked && moment.mono_ns / SECOND_NS == last / SECOND_NS))
			return false;
	}
	history->marks_seen = snapshot->mark_count;
	kept = append(history, &moment);
	if (state_fit(history, snapshot->site_count)) {
		compare(history, snapshot);
		kept_fill(history, kept);
	}
	settle(history);
	return true;
}

bool
history_add(struct history *history, const struct snapshot *snapshot)
{
	return add(history, snapshot,
		   snapshot->mark_count > history->marks_seen);
}

void
history_pin(struct history *history, const struct snapshot *snapshot)
{
	struct moment *last;

	if (add(history, snapshot, true) || !history->count)
		return;
	last = &history->kept[history->count - 1].moment;
	last->pinned |= last->mono_ns == snapshot->mono_ns;
}

bool
history_restore(struct history *history, const struct moment *moment,
		const struct change *changes, size_t count)
{
	struct kept *kept;

	if (history->count &&
	    moment->mono_ns <=
		history_moment(history, history->count - 1)->mono_ns)
		return false;
	if (history->count == HISTORY_MOMENTS_MAX ||
	    (history->count &&
	     is_too_old(moment->mono_ns - history->kept[0].moment.mono_ns)))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!changes[i].site ||
		    (i && changes[i].site <= changes[i - 1].site))
			return false;
	kept = append(history, moment);
	if (!moment->whole) {
		history->lost = history->count;
	} else if (!count || state_fit(history, changes[count - 1].site)) {
		writer_clear(&history->scratch);
		for (size_t i = 0; i < count; i++) {
			size_t site = changes[i].site - 1;
			struct total total = state_get(history, site);

			total_add(&total, &changes[i]);
			state_put(history, site, &total);
			writer_put(&history->scratch, &changes[i]);
		}
		kept_fill(history, kept);
		if (history->lost + 1 >= history->count) {
			history->lost = history->count - 1;
			forget(history, history->lost);
		}
	}
	/* Marks may need any of them: they are made rarer by what is added. */
	bound(history);
	return true;
}
