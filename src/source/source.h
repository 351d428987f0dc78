/*
 * source.h - where snapshots come from: a live segment, the segment of a
 * process that is dead, or a saved snapshot.
 *
 * Everything behind a source is hostile: copied before it is checked, bounded,
 * and no offset, count or string believed.
 */
#ifndef HEAPTOP_SOURCE_SOURCE_H
#define HEAPTOP_SOURCE_SOURCE_H

#include "base/err.h"
#include "model/rate.h"
#include "model/saved.h"
#include "model/snapshot.h"
#include "model/types.h"

struct source;

/*
 * Opens what a user named: a PID, a segment file or a snapshot file (told by
 * its content). False with one line of what failed, why, and what to do.
 */
struct source *source_open(const char *what, struct err *);
/* The segment at path, which must be one. */
struct source *source_open_segment(const char *path, struct err *);
/* The segment of a process. start_time 0: whichever process has that pid. */
struct source *source_open_pid(uint32_t pid, struct err *);
void source_close(struct source *);

/* Owned by the source; grows with refresh. */
struct names *source_names(struct source *);
/* The newest snapshot; owned by the source, changed by refresh. */
const struct snapshot *source_snapshot(struct source *);

/* What a saved snapshot holds beside; the source's, but parts may be taken out
 * of it. NULL: it is no saved snapshot. */
struct saved *source_saved(struct source *);

/*
 * Takes in what was published since the last call. Returns 1 when the
 * snapshot changed, 0 when not, -1 when the source broke (err says why; the
 * last snapshot stays readable).
 */
int source_refresh(struct source *, struct err *);

/*
 * Asks the agent to publish now and waits at most timeout_ms for it; then
 * source_refresh sees totals that are current. False when no answer came (a
 * dead process, a saved snapshot: at once).
 */
bool source_flush(struct source *, int timeout_ms);
/* Tells the agent that somebody looks, for the next two seconds: 10 Hz. */
void source_watch(struct source *);
/*
 * Asks the agent to record at another rate from now on; that it does so shows
 * in the process of a later snapshot (rate_is_met). Does not wait. False when
 * nobody can be asked: err has only the reason, and what to do.
 */
bool source_ask_rate(struct source *, const struct rate *, struct err *);
/*
 * Asks the agent to record from now on, or to leave the process alone: one that
 * was put into it while it ran is gone then, one that was preloaded sleeps. Does
 * not wait: its state shows in a later snapshot, or in a new segment at the same
 * path. False when nobody can be asked: err has only the reason, and what to do.
 */
bool source_ask_life(struct source *, bool on, struct err *);
/*
 * Asks the agent what the blocks of these rows are. Does not wait; ask must
 * stay until source_take_types has the answer. False when nobody can be asked:
 * err has only the reason, and what to do.
 */
bool source_ask_types(struct source *, struct types_ask *, struct err *);
/*
 * Looks for the answer. 1: it was added to rows (those of types_ask_row), which
 * are sorted; 0: not yet; -1: there will be none, err as above.
 */
int source_take_types(struct source *, struct types_ask *, struct types *rows,
		      struct err *);
/*
 * Looks at what the process has resident now and puts it into the snapshot:
 * some milliseconds; where there are tens of thousands of mappings, a quarter
 * of a second at most. A saved snapshot has what was saved. False when nothing
 * is known: err as above.
 */
bool source_memory(struct source *, struct err *);
/* Both, and waits for two seconds at most. */
bool source_types(struct source *, struct types_ask *, struct types *rows,
		  struct err *);
/* Whether new snapshots can still come. Not once it broke, nor after exec: this
 * source keeps its last snapshot. */
bool source_is_live(const struct source *);
/* Whether the process has a new segment at the same path: after exec, or since
 * somebody cut the old one short. */
bool source_is_replaced(const struct source *);
/* Path of the segment or file. */
const char *source_path(const struct source *);

/* One profiled process, from the header of its segment. */
struct process_entry {
	char *path;
	struct process process;
	uint64_t live_bytes;
	uint64_t live_count;
	uint64_t time_ns;
	bool alive;
	char problem[128]; /* not "": the file could not be read, and why */
};

/*
 * Every segment in the user's directory (HEAPTOP_DIR or the default), oldest
 * first. A directory that does not exist is an empty list. *count entries,
 * freed with process_list_free. False only when the directory is there and
 * cannot be read or is not the user's own.
 */
bool process_list(struct process_entry **list, size_t *count, struct err *);
void process_list_free(struct process_entry *list, size_t count);

/*
 * Who belongs to whom in a list, kin.c. The parent is the process that forked
 * or started it or, where that has left no segment, the oldest one of the same
 * run and program. Returns its index, or count when there is none.
 */
size_t process_parent(const struct process_entry *list, size_t count, size_t i);
/*
 * The family of entry i: the oldest of its forebears that run the same program
 * without a break (a worker's master), and all that descend from that one.
 * Sets in[] of each that belongs; returns how many.
 */
size_t process_family(const struct process_entry *list, size_t count, size_t i,
		      bool *in);

/*
 * All processes of the family of one, merged (model/merge.h); children that
 * begin later join. One that ends while others go on leaves the sum; when the
 * last ones end, the sum stays as it was then. Of a family that has ended it is
 * the sum of what all left behind.
 */
struct source *source_open_family(uint32_t pid, struct err *);

/* The directory of segments: HEAPTOP_DIR or /dev/shm/heaptop-<uid>. */
const char *segment_directory(void);

#endif
