/* replay_past.c - of a saved snapshot: what was before it, and marks. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/replay.h"

/* The changes of one moment, used again for the next. */
struct changes {
	struct change *list;
	size_t count;
	size_t room;
};

static bool
next_i64(struct json *json, int64_t *value)
{
	if (json_more(json))
		return json_i64(json, value);
	return json_fail(json, "it has an entry that is too short");
}

static bool
next_flag(struct json *json, bool *flag)
{
	uint32_t number = 0;

	if (!replay_next_id(json, 1, &number))
		return false;
	*flag = number;
	return true;
}

static void
read_change(struct replay *replay, struct changes *changes)
{
	struct json *json = &replay->json;
	struct change change = {0};

	json_enter(json, '[');
	replay_next_id(json, replay->source->snapshot.site_count, &change.site);
	next_i64(json, &change.alloc_bytes);
	next_i64(json, &change.alloc_count);
	next_i64(json, &change.free_bytes);
	next_i64(json, &change.free_count);
	next_i64(json, &change.peak_bytes);
	replay_leave(json);
	if (!json->problem &&
	    changes->count == replay->source->snapshot.site_count)
		json_fail(json, REPLAY_BAD_ID);
	if (json->problem)
		return;
	changes->list = mem_room(changes->list, &changes->room, changes->count,
				 sizeof(change));
	changes->list[changes->count++] = change;
}

/* Once all sites are known they stay so, and nothing is of the future. */
static bool
moment_fits(const struct replay *replay, const struct moment *moment,
	    const struct changes *changes)
{
	const struct history *history = replay->saved.history;
	size_t count = history_count(history);

	return moment->mono_ns <= replay->source->snapshot.mono_ns &&
	       (moment->whole ||
		(!changes->count &&
		 !(count && history_moment(history, count - 1)->whole)));
}

static void
read_moment(struct replay *replay, struct changes *changes)
{
	struct json *json = &replay->json;
	struct moment moment = {0};

	json_enter(json, '[');
	replay_next_u64(json, &moment.mono_ns);
	replay_next_u64(json, &moment.time_ns);
	replay_next_u64(json, &moment.tick);
	replay_next_u64(json, &moment.live_bytes);
	replay_next_u64(json, &moment.live_count);
	replay_next_u64(json, &moment.rss_bytes);
	replay_next_u64(json, &moment.work_units);
	next_flag(json, &moment.whole);
	next_flag(json, &moment.pinned);
	changes->count = 0;
	while (json_more(json))
		read_change(replay, changes);
	if (json->problem)
		return;
	if (!moment_fits(replay, &moment, changes) ||
	    !history_restore(replay->saved.history, &moment, changes->list,
			     changes->count))
		json_fail(json, "its history is not in order");
}

static void
read_moments(struct replay *replay, uint64_t room)
{
	struct json *json = &replay->json;
	struct changes changes = {0};

	replay->saved.history = history_new(
	    room < REPLAY_HISTORY_MAX ? (size_t)room : REPLAY_HISTORY_MAX);
	json_enter(json, '[');
	while (json_more(json))
		read_moment(replay, &changes);
	free(changes.list);
}

void
replay_history(struct replay *replay)
{
	struct json *json = &replay->json;
	uint64_t room = 0;

	json_enter(json, '{');
	while (json_key(json)) {
		if (!strcmp(json->text, "room"))
			json_u64(json, &room);
		else if (strcmp(json->text, "moments") != 0)
			json_skip(json);
		else if (replay->saved.history)
			json_fail(json, REPLAY_TWICE);
		else
			read_moments(replay, room);
	}
}

static void
read_live(struct replay *replay, struct mark *mark)
{
	struct json *json = &replay->json;
	uint32_t site = 0;
	uint64_t bytes = 0, count = 0;

	json_enter(json, '[');
	replay_next_id(json, mark->count, &site);
	replay_next_u64(json, &bytes);
	replay_next_u64(json, &count);
	replay_leave(json);
	if (!json->problem && !site)
		json_fail(json, REPLAY_BAD_ID);
	if (json->problem)
		return;
	mark_set(mark, site - 1, bytes, count);
}

/* A mark whose sites are known from the history. */
static void
mark_recall(struct replay *replay, struct mark *mark)
{
	const struct history *history = replay->saved.history;
	struct mark found;
	size_t index;

	if (!saved_moment(history, mark->mono_ns, &index)) {
		json_fail(&replay->json, REPLAY_BAD_ID);
		return;
	}
	history_mark(history, index, &replay->source->snapshot, mark->name,
		     &found);
	mark_fini(mark);
	*mark = found;
}

static void
read_mark(struct replay *replay, struct mark *mark)
{
	struct json *json = &replay->json;
	bool kept = false;

	json_enter(json, '[');
	if (!json_more(json) || !json_string(json)) {
		json_fail(json, "it has an entry that is too short");
		return;
	}
	mark_init(mark, json->text, replay->source->snapshot.site_count);
	replay_next_u64(json, &mark->mono_ns);
	replay_next_u64(json, &mark->time_ns);
	replay_next_u64(json, &mark->tick);
	replay_next_u64(json, &mark->work_units);
	next_flag(json, &kept);
	if (kept) {
		mark_recall(replay, mark);
		replay_leave(json);
		return;
	}
	while (json_more(json))
		read_live(replay, mark);
}

/* The last one, though the start may be any. */
static bool
mark_is_early(const struct saved *saved)
{
	size_t last = saved->mark_count - 1;

	return last > 1 &&
	       saved->marks[last].mono_ns < saved->marks[last - 1].mono_ns;
}

void
replay_user_marks(struct replay *replay)
{
	struct json *json = &replay->json;
	struct saved *saved = &replay->saved;

	saved->marks = mem_array(REPLAY_MARKS_MAX, sizeof(*saved->marks));
	json_enter(json, '[');
	while (json_more(json)) {
		if (saved->mark_count == REPLAY_MARKS_MAX) {
			json_fail(json, "it has too many marks");
			return;
		}
		read_mark(replay, &saved->marks[saved->mark_count++]);
		if (json->problem)
			return;
		if (mark_is_early(saved)) {
			json_fail(json, "its marks are not in order");
			return;
		}
	}
}
