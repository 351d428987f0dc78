/*
 * segment.h - the file that viewers map.
 *
 * Space is allocated before it is mapped, so a full file system is an error
 * here and never a fault later. The descriptor lives in the ticker's own table,
 * where the program cannot see, close or replace it. A forked child does not
 * inherit the mappings.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_SEGMENT_H
#define HEAPTOP_AGENT_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "heaptop/wire.h"

/* More than that stay mapped when it is closed. */
#define SEGMENT_PARTS 128

struct segment {
	struct wire_header *header;
	struct wire_control *control;
	struct wire_turn *turn;
	struct wire_status *status; /* two */
	uint64_t size;		    /* of the file */
	uint64_t held;		    /* of these, what was not discarded */
	long fd;
	uint64_t device, inode;
	struct {
		void *start;
		uint64_t bytes;
	} parts[SEGMENT_PARTS]; /* as they are mapped, to be unmapped */
	uint32_t part_count;
	char path[4096];
};

/* Makes the file with `extra` bytes behind WIRE_BODY_OFFSET, mapped at *body.
 * False: there is none, and nothing is left behind. */
bool segment_create(struct segment *, uint64_t extra, void **body);
/* Adds bytes (whole pages) at the end; *offset is where. NULL: no room. */
void *segment_grow(struct segment *, uint64_t bytes, uint64_t *offset);
/* Gives the space of a part that is no longer used back to the system. */
void segment_discard(struct segment *, void *part, uint64_t offset,
		     uint64_t bytes);
/* Copies *status in and makes it the whole one. */
void segment_publish(struct segment *, const struct wire_status *);
void segment_unlink(struct segment *);
/* Whether somebody has cut the file short. */
bool segment_is_cut(const struct segment *);
/* Another descriptor, in the table of the thread that calls: a high one, which
 * programs seldom use. Negative: there is none. Given back, unless it has become
 * somebody else's. */
long segment_hold(const struct segment *);
void segment_release(const struct segment *, long held);
/* The thread that opened it is gone, and its descriptors with it. held: one
 * that this thread has, for who may not open the file any more; 0: none, and
 * then it does not grow. */
void segment_reopen(struct segment *, long held);
/* Nobody may use what was in it. The file stays. */
void segment_unmap(struct segment *);
/* The same, by the thread that opened it. */
void segment_close(struct segment *);
/* In a forked child: forgets the parent's. */
void segment_forget(struct segment *);

#endif
