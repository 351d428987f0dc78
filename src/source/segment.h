/*
 * segment.h - reads a segment (heaptop/wire.h) without trusting it.
 *
 * Everything is copied with pread before it is looked at, so a file that is
 * cut short or written meanwhile is an error and never a fault; nothing of the
 * file is reached through memory.
 */
#ifndef HEAPTOP_SOURCE_SEGMENT_H
#define HEAPTOP_SOURCE_SEGMENT_H

#include "heaptop/wire.h"
#include "source/inner.h"

#define SEGMENT_SLOTS_MAX (UINT64_C(1) << 27)

/* A slot of the ring; of an exact process only the record is there. */
struct segment_slot {
	struct wire_record record;
	struct wire_spread spread;
};

struct segment {
	int fd;
	bool writable;
	const char *path; /* the opener's, for messages */
	uint32_t pid;	  /* ours for the process; 0: it has none here */
	void *control; /* page for futex calls only, never touched; or NULL */
	struct wire_header header;
	struct wire_status status; /* the last that was whole and checked */
	uint64_t turn;		   /* that it belonged to; 0 none yet */
	uint64_t heartbeat_ns;
};

/* A descriptor of a directory of segments, if it belongs to owner and nobody
 * else may write there; root may choose anybody's. -1 with err "": there is
 * none. */
int segment_directory_open(const char *path, uid_t owner, struct err *);
/* Opens a regular file, for writing too where that is allowed. */
int segment_open_file(int directory, const char *name, int flags,
		      bool *writable);
/* Takes fd, also when it fails. */
bool segment_open(struct segment *, int fd, bool writable, const char *path,
		  struct err *);
void segment_close(struct segment *);

/* Copies [offset, offset + size) as far as the file goes; false if not all. */
bool segment_read(const struct segment *, uint64_t offset, void *out,
		  size_t size);
/* The turn right now; 0 when unreadable. */
uint64_t segment_turn(const struct segment *);
/* Bytes of a slot of the ring, as the status says. */
size_t segment_slot_bytes(const struct wire_status *);
/* Copies the whole status and checks it. False: it makes no sense. */
bool segment_read_status(struct segment *, struct err *);
/* Whether the process still runs, and what it runs is what made this segment:
 * after exec there is another file at the same path. */
bool segment_is_alive(const struct segment *);
bool segment_is_replaced(const struct segment *);
/* Fills all but rss from header and status; texts are new. */
void segment_process(const struct segment *, bool alive, struct process *);

/* Writes into the control page. */
bool segment_ask_flush(struct segment *, uint32_t *wanted);
void segment_ask_watch(struct segment *, uint64_t until_ns);
/* As control.sample_bytes and control.budget_ppm have it. */
bool segment_ask_life(struct segment *, uint32_t life);
bool segment_ask_rate(struct segment *, uint64_t sample_bytes,
		      uint32_t budget_ppm);

/* Fills ask->number. */
bool segment_ask_types(struct segment *, struct types_ask *ask);

/* Decoding of the names log, as far as the status says: into the snapshot's
 * names, and its marks. */
struct segment_names {
	uint32_t extent;   /* index of the one being read */
	uint64_t used;	   /* bytes of it that are read */
	uint32_t *strings; /* wire id - 1 -> id in names */
	size_t string_count;
	size_t string_room;
};
bool segment_read_names(const struct segment *, struct segment_names *,
			struct snapshot *, struct err *);
void segment_names_fini(struct segment_names *);

/* What became of a question about types, as the status has it; the names must
 * have been read since. ANSWER: it was added to the rows of ask. OTHER: that
 * of somebody else has come in between. */
enum segment_answer { SEGMENT_NO_ANSWER, SEGMENT_ANSWER, SEGMENT_OTHER_ANSWER };
enum segment_answer segment_take_types(struct segment *,
				       const struct segment_names *,
				       const struct types_ask *ask,
				       struct types *rows);

/* Where a reader stands in the ring. */
struct segment_ring {
	uint64_t offset; /* of the ring it was reading; slots 0: none */
	uint64_t slots;
	size_t slot_bytes; /* WIRE_RECORD_EXACT or _SAMPLED */
	uint64_t next;	   /* position not read yet */
	uint32_t *ticks;   /* [site index]: of its record */
	size_t tick_room;
	uint64_t damaged; /* records that made no sense */
};
/* Takes all records up to the status into the snapshot's sites. */
bool segment_read_ring(struct segment *, struct segment_ring *,
		       struct segment_names *, struct snapshot *, struct err *);
void segment_ring_fini(struct segment_ring *);

#endif
