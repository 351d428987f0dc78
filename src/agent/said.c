/*
 * said.c - what the program says of itself.
 *
 * A mark takes the next place of a table, fills it and sets `full`. A place is
 * never used again, so there is nothing to wait for: a thread that is stopped
 * in between, or that a signal handler takes away by longjmp, holds up nobody.
 *
 * Context: hook; said_publish: ticker.
 */
#include "config.h"

#include "agent/said.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/life.h"
#include "agent/names.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/ticker.h"

#define EXPORT __attribute__((visibility("default")))

struct said_mark {
	uint64_t time_ns; /* CLOCK_REALTIME */
	bool full;
	bool written; /* ticker */
	char text[SAID_TEXT_MAX + 1];
};

static struct {
	uint64_t units;
	uint32_t count; /* places asked for; may exceed the table */
	uint32_t first; /* ticker: all before it are written */
	struct said_mark marks[SAID_MARKS_MAX];
} said;

/* Not in the middle of a character of UTF-8. */
static size_t
text_cut(const char *text)
{
	size_t length = strnlen(text, SAID_TEXT_MAX + 1);
	size_t at = SAID_TEXT_MAX;

	if (length <= SAID_TEXT_MAX)
		return length;
	while (at > SAID_TEXT_MAX - 4 &&
	       ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

EXPORT void
heaptop_agent_mark(const char *text)
{
	struct said_mark *mark;
	uint32_t place;

	if (!agent_on)
		return;
	/* Not beyond the table again and again: the count would wrap. */
	place = __atomic_load_n(&said.count, __ATOMIC_RELAXED);
	if (place < SAID_MARKS_MAX)
		place = __atomic_fetch_add(&said.count, 1, __ATOMIC_RELAXED);
	if (place >= SAID_MARKS_MAX) {
		record_lost(WIRE_LOST_MARKS_FULL, 1);
		return;
	}
	mark = &said.marks[place];
	mark->time_ns = safe_clock_ns(CLOCK_REALTIME);
	if (text)
		memcpy(mark->text, text, text_cut(text));
	__atomic_store_n(&mark->full, true, __ATOMIC_RELEASE);
	ticker_ask();
}

EXPORT void
heaptop_agent_work(uint64_t units)
{
	__atomic_fetch_add(&said.units, units, __ATOMIC_RELAXED);
}

EXPORT void
heaptop_agent_work_one(void)
{
	heaptop_agent_work(1);
}

EXPORT void
heaptop_agent_record(int on)
{
	if (!agent_on || life_is_asleep() || sample_is_stopped() == !on)
		return;
	sample_stop(!on);
	ticker_ask();
}

static void
publish(struct said_mark *mark, struct wire_name_mark *entry)
{
	entry->time_ns = mark->time_ns;
	if (!names_mark(entry, mark->text))
		record_lost(WIRE_LOST_MARKS_FULL, 1);
	mark->written = true;
}

void
said_publish(struct wire_status *status)
{
	uint32_t count = __atomic_load_n(&said.count, __ATOMIC_RELAXED);
	struct wire_name_mark entry = {.tick = status->tick};

	status->work_units = __atomic_load_n(&said.units, __ATOMIC_RELAXED);
	entry.work_units = status->work_units;
	for (int i = 0; i < WIRE_DOMAIN_COUNT; i++) {
		const struct wire_totals *totals = &status->totals[i];

		entry.live_bytes += totals->alloc_bytes - totals->free_bytes;
		entry.live_count += totals->alloc_count - totals->free_count;
	}
	if (count > SAID_MARKS_MAX)
		count = SAID_MARKS_MAX;
	for (uint32_t i = said.first; i < count; i++) {
		struct said_mark *mark = &said.marks[i];

		if (!mark->written &&
		    __atomic_load_n(&mark->full, __ATOMIC_ACQUIRE))
			publish(mark, &entry);
	}
	while (said.first < count && said.marks[said.first].written)
		said.first++;
}

void
said_forked(void)
{
	uint32_t count =
	    said.count < SAID_MARKS_MAX ? said.count : SAID_MARKS_MAX;

	memset(said.marks, 0, count * sizeof(said.marks[0]));
	said.units = 0;
	said.count = said.first = 0;
}
