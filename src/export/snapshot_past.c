/* snapshot_past.c - what was before a snapshot, and marks, as JSON. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"

static void
put_change(void *context, const struct change *change)
{
	fprintf(context,
		",\n[%" PRIu32 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
		",%" PRId64 "]",
		change->site, change->alloc_bytes, change->alloc_count,
		change->free_bytes, change->free_count, change->peak_bytes);
}

static void
put_history(FILE *file, const struct history *history)
{
	fprintf(file, ",\n\"history\":{\"room\":%zu,\"moments\":[",
		history_room(history));
	for (size_t i = 0; i < history_count(history); i++) {
		const struct moment *moment = history_moment(history, i);

		fprintf(file,
			"%s\n[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d,%d",
			i ? "," : "", moment->mono_ns, moment->time_ns,
			moment->tick, moment->live_bytes, moment->live_count,
			moment->rss_bytes, moment->work_units, moment->whole,
			moment->pinned);
		if (moment->whole)
			history_walk(history, i, put_change, file);
		putc(']', file);
	}
	fputs("]}", file);
}

static void
put_live(FILE *file, const struct mark *mark)
{
	for (size_t i = 0; i < mark->count; i++)
		if (mark_bytes(mark, i) || mark_blocks(mark, i))
			fprintf(file, ",\n[%zu,%" PRIu64 ",%" PRIu64 "]", i + 1,
				mark_bytes(mark, i), mark_blocks(mark, i));
}

static void
put_marks(FILE *file, const struct saved *saved)
{
	fprintf(file, ",\n\"user_mark\":%zu,\n\"user_marks\":[",
		saved->baseline + 1);
	for (size_t i = 0; i < saved->mark_count; i++) {
		const struct mark *mark = &saved->marks[i];
		size_t index;
		bool kept = saved_moment(saved->history, mark->mono_ns, &index);

		fputs(i ? ",\n[" : "\n[", file);
		text_json_write(file, mark->name);
		fprintf(file,
			",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d",
			mark->mono_ns, mark->time_ns, mark->tick,
			mark->work_units, kept);
		if (!kept)
			put_live(file, mark);
		putc(']', file);
	}
	putc(']', file);
}

void
snapshot_put_past(FILE *file, const struct saved *saved)
{
	if (saved->history && history_count(saved->history))
		put_history(file, saved->history);
	if (saved->mark_count)
		put_marks(file, saved);
}
