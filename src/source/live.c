/* live.c - the segment of a process, alive or dead, as a source. */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "source/segment.h"

#define WATCH_NS UINT64_C(2000000000)

struct live {
	struct segment segment;
	struct segment_names log;
	struct segment_ring ring;
	uint64_t taken; /* turn that the snapshot shows */
	bool alive;
};

#define LOSS_NAME_(name_, text_) #name_,
#define LOSS_TEXT_(name_, text_) text_,
static const char *const loss_names[] = {WIRE_LOST_LIST(LOSS_NAME_)};
static const char *const loss_texts[] = {WIRE_LOST_LIST(LOSS_TEXT_)};
_Static_assert((int)LOSS_MAX >= (int)WIRE_LOST_MAX, "room for all losses");

/* The names in lower case. */
static const char *
loss_name(size_t cause)
{
	static char names[WIRE_LOST_COUNT][32];
	char *name = names[cause];
	size_t i;

	for (i = 0; loss_names[cause][i]; i++)
		name[i] = (char)tolower((unsigned char)loss_names[cause][i]);
	name[i] = '\0';
	return name;
}

static void
take_losses(const struct wire_status *status, struct snapshot *snapshot)
{
	snapshot->loss_count = 0;
	for (size_t i = 0; i < WIRE_LOST_MAX; i++) {
		struct loss *loss = &snapshot->losses[snapshot->loss_count];

		if (!status->lost[i])
			continue;
		*loss = (struct loss){"unknown", "of a newer agent's kinds",
				      status->lost[i]};
		if (i < WIRE_LOST_COUNT) {
			loss->name = loss_name(i);
			loss->text = loss_texts[i];
		}
		snapshot->loss_count++;
	}
}

static void
take_status(struct source *source)
{
	struct live *live = source->state;
	const struct wire_status *status = &live->segment.status;
	struct snapshot *snapshot = &source->snapshot;

	free(snapshot->process.command);
	free(snapshot->process.exe);
	segment_process(&live->segment, live->alive, &snapshot->process);
	if (live->alive)
		snapshot->process.rss_bytes = proc_rss(live->segment.pid);
	/* The peak is as old as the tick. */
	if (snapshot->process.peak_rss_bytes < snapshot->process.rss_bytes)
		snapshot->process.peak_rss_bytes = snapshot->process.rss_bytes;
	snapshot->tick = status->tick;
	snapshot->time_ns = status->time_ns;
	snapshot->mono_ns = status->mono_ns;
	snapshot->agent_cpu_ns = status->agent_cpu_ns;
	snapshot->agent_bytes = status->agent_bytes;
	snapshot->work_units = status->work_units;
	snapshot->pool_bytes = status->pool_bytes;
	take_losses(status, snapshot);
}

static int
refresh(struct source *source, struct err *err)
{
	struct live *live = source->state;
	/* Asked before the status: what a process that is gone has published
	 * is then all that there will ever be. */
	bool alive = segment_is_alive(&live->segment);
	bool changed = alive != live->alive;

	if (!segment_read_status(&live->segment, err))
		return -1;
	live->alive = alive && segment_is_alive(&live->segment);
	changed = changed || live->segment.turn != live->taken;
	if (!changed)
		return 0;
	if (live->segment.turn &&
	    (!segment_read_names(&live->segment, &live->log, &source->snapshot,
				 err) ||
	     !segment_read_ring(&live->segment, &live->ring, &live->log,
				&source->snapshot, err)))
		return -1;
	live->taken = live->segment.turn;
	take_status(source);
	return 1;
}

static int
live_refresh(struct source *source, struct err *err)
{
	struct live *live = source->state;
	int result = refresh(source, err);

	live->alive = live->alive && result >= 0;
	return result;
}

static bool
live_is_live(const struct source *source)
{
	const struct live *live = source->state;

	return live->alive;
}

static bool
live_is_replaced(const struct source *source)
{
	const struct live *live = source->state;

	return segment_is_replaced(&live->segment);
}

static bool
live_flush(struct source *source, int timeout_ms)
{
	struct live *live = source->state;
	uint64_t until =
	    clock_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
	struct timespec pause = {0, 500000};
	uint32_t wanted;
	struct err err;

	if (!live->alive || !segment_ask_flush(&live->segment, &wanted))
		return false;
	for (;;) {
		const struct wire_status *status = &live->segment.status;

		if (!segment_read_status(&live->segment, &err))
			return false;
		if (live->segment.turn &&
		    (int32_t)(status->flush_done - wanted) >= 0)
			return true;
		if (clock_ns() >= until || !segment_is_alive(&live->segment))
			return false;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 8000000)
			pause.tv_nsec *= 2;
	}
}

static void
live_watch(struct source *source)
{
	struct live *live = source->state;

	if (live->alive)
		segment_ask_watch(&live->segment, clock_ns() + WATCH_NS);
}

static bool
live_ask_rate(struct source *source, const struct rate *rate, struct err *err)
{
	struct live *live = source->state;
	uint64_t sample_bytes = rate->budget_ppm ? 0 : rate->sample_bytes;
	uint32_t budget_ppm = rate->budget_ppm ? rate->budget_ppm : UINT32_MAX;

	if (!live->alive)
		return err_set(err, "it has ended; see 'heaptop list'");
	if (live->segment.header.minor < 1)
		return err_set(err, "its agent is older and keeps the rate it "
				    "was started with; start it again");
	if (!live->segment.writable)
		return err_set(err, "permission denied; run as its owner");
	if (!segment_ask_rate(&live->segment, sample_bytes, budget_ppm))
		return err_set(err, "its segment cannot be written; start it "
				    "again");
	return true;
}

static bool
live_ask_life(struct source *source, bool on, struct err *err)
{
	struct live *live = source->state;

	if (!live->alive)
		return err_set(err, "it has ended; see 'heaptop list'");
	if (live->segment.header.minor < 3)
		return err_set(err,
			       "its agent is older and cannot be switched; "
			       "start it again");
	if (!live->segment.writable)
		return err_set(err, "permission denied; run as its owner");
	if (!segment_ask_life(&live->segment,
			      on ? WIRE_LIFE_ON : WIRE_LIFE_DETACH))
		return err_set(err, "its segment cannot be written; start it "
				    "again");
	return true;
}

static bool
live_ask_types(struct source *source, struct types_ask *ask, struct err *err)
{
	struct live *live = source->state;

	if (!live->alive)
		return err_set(err, "it has ended, and its blocks with it; "
				    "see 'heaptop list'");
	if (!source->snapshot.process.python)
		return err_set(err, "it runs no Python that heaptop knows; "
				    "leave --types out");
	if (live->segment.header.minor < 2)
		return err_set(err, "its agent is older and cannot tell; "
				    "start it again");
	if (!live->segment.writable)
		return err_set(err, "permission denied; run as its owner");
	if (ask->count && !segment_ask_types(&live->segment, ask))
		return err_set(err, "its segment cannot be written; start it "
				    "again");
	return true;
}

static int
live_take_types(struct source *source, struct types_ask *ask,
		struct types *rows, struct err *err)
{
	struct live *live = source->state;
	bool alive = segment_is_alive(&live->segment);

	if (!ask->count) { /* nobody needed to be asked */
		for (size_t i = 0; i < ask->row_count; i++)
			types_sort(&rows[i]);
		return 1;
	}
	if (!segment_read_status(&live->segment, err) ||
	    (live->segment.turn &&
	     !segment_read_names(&live->segment, &live->log, &source->snapshot,
				 err)))
		return -1;
	switch (segment_take_types(&live->segment, &live->log, ask, rows)) {
	case SEGMENT_ANSWER:
		return 1;
	case SEGMENT_OTHER_ANSWER:
		return live_ask_types(source, ask, err) ? 0 : -1;
	case SEGMENT_NO_ANSWER:
		break;
	}
	if (alive)
		return 0;
	err_set(err, "it has ended, and its blocks with it; see 'heaptop "
		     "list'");
	return -1;
}

static bool
live_memory(struct source *source, struct err *err)
{
	struct live *live = source->state;

	if (live->alive && segment_is_alive(&live->segment) &&
	    memory_read(&source->snapshot.memory, live->segment.pid))
		return true;
	if (source->snapshot.memory.time_ns)
		return true; /* what it was when it was looked at last */
	return live->alive
		   ? err_set(err,
			     "its /proc/%" PRIu32 "/smaps cannot be read; "
			     "run as its owner",
			     live->segment.pid)
		   : err_set(err, "it has ended, and its memory with it; see "
				  "'heaptop list'");
}

static void
live_close(struct source *source)
{
	struct live *live = source->state;

	segment_close(&live->segment);
	segment_names_fini(&live->log);
	segment_ring_fini(&live->ring);
	free(live);
}

static const struct source_kind live_kind = {
    .refresh = live_refresh,
    .flush = live_flush,
    .watch = live_watch,
    .ask_rate = live_ask_rate,
    .ask_life = live_ask_life,
    .ask_types = live_ask_types,
    .take_types = live_take_types,
    .memory = live_memory,
    .close = live_close,
    .is_live = live_is_live,
    .is_replaced = live_is_replaced,
};

struct source *
live_open(int fd, bool writable, const char *path, struct err *err)
{
	struct source *source = source_make(&live_kind, path);
	struct live *live = mem_alloc(sizeof(*live));

	source->snapshot.touches = true;
	source->state = live;
	if (!segment_open(&live->segment, fd, writable, source->path, err)) {
		free(live);
		source_destroy(source);
		return NULL;
	}
	live->alive = segment_is_alive(&live->segment);
	if (live_refresh(source, err) < 0) {
		source_close(source);
		return NULL;
	}
	if (!live->taken)
		take_status(source);
	return source;
}
