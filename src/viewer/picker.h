/*
 * picker.h - the profiled processes to choose from: families as trees, and how
 * each has grown since it was first seen here.
 */
#ifndef HEAPTOP_VIEWER_PICKER_H
#define HEAPTOP_VIEWER_PICKER_H

#include "source/source.h"

#define PICKER_TEXT 128

struct viewer;

/* What a line of the list is sorted by; of a family it is the sum. */
enum picker_sort {
	PICKER_LIVE,
	PICKER_GROWTH,
	PICKER_RATE,
	PICKER_RSS,
	PICKER_AGE, /* the oldest first */
	PICKER_SORTS,
};

/* How a process was before. */
struct picker_seen {
	uint32_t pid;
	uint64_t start_ns;
	uint64_t live_bytes;   /* when it was first seen */
	uint64_t old_bytes[2]; /* some seconds ago, for the rate */
	uint64_t old_ns[2];
};

struct picker_line {
	size_t entry;
	unsigned depth; /* 0: its parent is not among them */
	int64_t growth; /* since it was first seen */
	double rate;	/* bytes a second */
};

struct picker {
	struct process_entry *entries;
	size_t entry_count;
	struct picker_line *lines; /* as shown */
	size_t count;
	struct picker_seen *seen;
	size_t seen_count;
	size_t seen_room;
	uint64_t read_ns;
	enum picker_sort sort;
	char filter[PICKER_TEXT]; /* part of the command or PID, or "" */
};

void picker_fini(struct picker *);
/* Takes over a list that was read now, and makes the lines. */
void picker_take(struct picker *, struct process_entry *, size_t count,
		 uint64_t now_ns);
/* Makes the lines again, after sort or filter have changed. */
void picker_arrange(struct picker *);
/* The entry of a line; NULL past the end. */
const struct process_entry *picker_entry(const struct picker *, size_t line);

#endif
