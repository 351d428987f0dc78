/*
 * past.h - what was: the history of what is shown, the list put back to a
 * moment of it, and marks.
 *
 * The feed goes on being read whatever the screen shows. Where it shows
 * something else, frozen or of the past, that is `held`, and viewer->snapshot
 * points there; viewer->newest is always the feed's.
 */
#ifndef HEAPTOP_VIEWER_PAST_H
#define HEAPTOP_VIEWER_PAST_H

#include "model/history.h"
#include "model/query.h"
#include "model/saved.h"

#define MARKS_MAX	32
#define TREND_ROWS_MAX	256
#define MARK_NEAR_EXACT UINT64_C(500000000) /* not worth a word */

struct viewer;

/* How rows on the screen have gone, until something else is asked. */
struct trends {
	uint64_t mono_ns; /* as of */
	enum group group_by;
	bool inclusive;
	bool mine;
	uint64_t identities[TREND_ROWS_MAX];
	struct trend trends[TREND_ROWS_MAX];
	size_t count;
};

struct past {
	struct history *history;
	enum { HELD_NOT, HELD_PAUSED, HELD_BACK } held_by;
	struct snapshot held;
	struct mark marks[MARKS_MAX]; /* by time; the first is the start */
	size_t mark_count;
	size_t
	    baseline; /* of marks; a copy without ownership is viewer->mark */
	unsigned marks_made;
	uint64_t cursor_ns;   /* of the history; 0: at the newest moment */
	size_t span;	      /* of history_spans */
	uint64_t *row_series; /* of the selected row; NULL: there is none */
	size_t row_moments;
	struct trends trends;
};

/* Begins with what the feed has saved. */
void past_init(struct viewer *);
void past_fini(struct viewer *);

/* Takes in the newest snapshot; the last one is kept in any case. */
void past_step(struct viewer *, bool last);
/* Shows a copy of what is shown, or the newest again. */
void past_pause(struct viewer *, bool on);
/* Shows a moment of the history; false: its sites are not known any more. */
bool past_go(struct viewer *, size_t index);
void past_return(struct viewer *);

/*
 * Marks. Growth counts from a new one at once. of: NULL for what is shown, else
 * taken over. name NULL: "mark", "mark 2", ...
 */
void past_mark(struct viewer *, struct mark *of, const char *name);
void past_baseline(struct viewer *, size_t index);
void past_forget(struct viewer *, size_t index);
void past_name(struct viewer *, size_t index, const char *name);

/* The moment under the cursor of the history. */
size_t past_cursor(const struct viewer *);
/* What a snapshot file should hold: all of it stays the viewer's. */
struct saved past_saved(const struct viewer *);
/* Makes the series of the selected row new. */
void past_follow_row(struct viewer *);
/* How a row on the screen has gone; asks for all rows from `first` on. */
const struct trend *past_trend(struct viewer *, size_t row, size_t first,
			       size_t count);

#endif
