/*
 * replay.h - what the parts of replay share: replay.c reads the file and its
 * names, replay_sites.c the sites. Nobody else includes this.
 */
#ifndef HEAPTOP_SOURCE_REPLAY_H
#define HEAPTOP_SOURCE_REPLAY_H

#include <zlib.h>

#include "base/json.h"
#include "model/saved.h"
#include "source/inner.h"

#define REPLAY_IDS_MAX (1u << 27) /* of each kind */
#define REPLAY_BAD_ID  "it refers to what it does not hold"
#define REPLAY_TWICE   "it says something twice"

#define REPLAY_MARKS_MAX   32		     /* of the user */
#define REPLAY_HISTORY_MAX ((size_t)1 << 30) /* bytes of changes */

struct replay {
	struct json json;
	gzFile zip;
	uint64_t bytes; /* read, unpacked */
	uint64_t bytes_max;
	struct source *source;
	uint32_t *strings; /* file's id - 1 -> id in names */
	size_t string_count;
	size_t string_room;
	uint32_t domains[DOMAIN_COUNT]; /* file's index -> enum domain */
	size_t domain_count;
	uint64_t version;
	bool format;
	uint64_t seen; /* bits of the members that were read */
	struct saved saved;
	uint64_t user_mark; /* what growth counts from, from 1; 0 not said */
	char *texts[2 * LOSS_MAX + 4]; /* owned; what the snapshot points to */
	size_t text_count;
};

/* A number that fits. */
bool replay_u32(struct json *, uint32_t *value);
/* The next element of an array: a number; an id of 0 to count. */
bool replay_next_u64(struct json *, uint64_t *value);
bool replay_next_id(struct json *, size_t count, uint32_t *id);
/* Leaves an array, whatever else a later version put there. */
void replay_leave(struct json *);

/* Parts of the file. */
void replay_domains(struct replay *);
void replay_sites(struct replay *);
void replay_spreads(struct replay *);
void replay_history(struct replay *);
void replay_user_marks(struct replay *);

#endif
