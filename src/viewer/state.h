/*
 * state.h - what the viewer knows, for its own files only.
 *
 * A view draws what is here into a canvas; a handler changes what is here and
 * returns what became stale; the loop in viewer.c makes it fresh again. Views
 * and handlers know no terminal and no clock but `now_ns`.
 */
#ifndef HEAPTOP_VIEWER_STATE_H
#define HEAPTOP_VIEWER_STATE_H

#include "model/types.h"
#include "viewer/canvas.h"
#include "viewer/choice.h"
#include "viewer/command.h"
#include "viewer/feed.h"
#include "viewer/ledger_follow.h"
#include "viewer/listing.h"
#include "viewer/past.h"
#include "viewer/picker.h"
#include "viewer/resolve.h"
#include "viewer/trees.h"
#include "viewer/viewer.h"

#define VIEW_DEPTH_MAX	 8
#define TRACE_STACKS_MAX 1000
#define MENU_MAX	 20
#define ZONES_MAX	 4096
#define TEXT_MAX	 256

/* Where a view that has lines stands. A view without a cursor only scrolls:
 * its cursor is its top line. */
struct list {
	size_t count;
	size_t page; /* lines on screen at the last drawing */
	size_t top;
	size_t cursor;
	bool scrolls; /* no cursor */
};

/* A place on the screen that a click means something on. */
struct zone {
	int y;
	int begin; /* columns [begin, end) */
	int end;
	enum {
		ZONE_LINE,
		ZONE_COLUMN,
		ZONE_COMMAND,
		ZONE_MENU,
		ZONE_TIME,
		ZONE_PICKER
	} kind;
	/* line, enum column, enum command_id, entry, or enum picker_sort */
	size_t value;
};

struct prompt {
	bool open;
	enum { PROMPT_SEARCH, PROMPT_FILTER, PROMPT_DELAY, PROMPT_NAME,
	       PROMPT_SAVE, PROMPT_REPLACE, PROMPT_LIBRARIES } kind;
	char text[TEXT_MAX];
	char before[TEXT_MAX]; /* to go back to */
};

struct menu_entry {
	uint32_t key; /* 0 none */
	const char *label;
	const char *help;
	int value;
};

struct menu {
	const char *title; /* NULL: closed */
	struct menu_entry entries[MENU_MAX];
	size_t count;
	size_t cursor;
	unsigned (*choose)(struct viewer *, int value);
};

/* One line of the traceback. */
struct trace_line {
	enum frame_kind kind;
	bool inlined;
	bool own;    /* no library: the user wrote it */
	bool source; /* `text` is source of the line above; no more is set */
	bool around; /* and not that line itself */
	bool path;   /* `text` is the whole path of the line above */
	char *function;
	char *file;
	char *module;
	uint32_t line;
	char *text;
};

/* The stacks behind one row, and the one that is shown. */
struct trace {
	uint64_t identity;		  /* of the row */
	struct trace_line title;	  /* what the row is called */
	uint32_t sites[TRACE_STACKS_MAX]; /* biggest first */
	size_t count;			  /* of sites */
	size_t all;			  /* also those beyond the maximum */
	size_t shown;			  /* index of sites */
	struct trace_line *lines;
	size_t line_count;
	size_t line_room;
	bool full_paths;
	bool context; /* the lines around each source line, too */
};

/* What the blocks of the row of `trace` are, as the agent told. */
struct told {
	struct types_ask ask;	/* the last question */
	struct types types;	/* being gathered, or told */
	uint64_t asked_ns;	/* no answer yet; 0: none is awaited */
	uint64_t told_ns;	/* when types were; 0: they were not */
	char problem[TEXT_MAX]; /* why there are none; "" */
};

struct viewer {
	const struct viewer_options *options;
	struct viewer_host *host;
	struct theme theme;
	struct canvas canvas;
	bool ascii;
	bool plain;	      /* the locale has only ASCII */
	bool no_mouse;	      /* it is the terminal's */
	struct choice choice; /* of columns */
	char theme_name[TEXT_MAX];

	/* data */
	struct feed feed;
	struct source *picked; /* opened here, closed here; or NULL */
	struct resolve *resolve;
	const struct snapshot *snapshot; /* that is shown; NULL: nothing yet */
	const struct snapshot *newest;	 /* of the feed */
	struct past past;
	struct engine *engine;
	struct query query;
	const struct rows *rows; /* of the engine; NULL: nothing yet */
	bool sort_chosen;	 /* by the user, so `m` leaves it alone */
	struct mark mark;	 /* that growth counts from: a copy of past's */
	bool marked;		 /* another than that of the start */
	struct mark rates[2];
	uint64_t rate_bytes[2];	 /* and at rates */
	uint64_t rate_cpu_ns[2]; /* the agent's, at rates */
	double cost_ppm;	 /* the agent's, over some seconds */
	uint64_t cost_ns;	 /* mono_ns of that; 0: none is known */
	uint64_t cost_sample;	 /* sample_bytes then */
	uint64_t rate_events[2]; /* totals_events at rates */
	size_t marks_seen;	 /* of the program's */
	struct mark_plan plan;	 /* what is left of the option's */
	uint64_t asked_events;	 /* totals_events of `rows` */
	bool asked_settled;	 /* all rates of `rows` are 0 */
	struct rate rate;	 /* that was asked for */
	uint64_t rate_asked_ns;	 /* not met yet; 0: nothing is asked for */
	bool ended;		 /* the feed will not change any more */
	bool switched_off;	 /* the agent: that was said */
	bool child_ended;
	int child_status;
	uint64_t child_end_ns;
	uint64_t start_ns;	/* when the child's viewer began */
	char problem[TEXT_MAX]; /* why the feed broke; "" it did not */

	/* screen */
	enum view_id views[VIEW_DEPTH_MAX];
	size_t depth;
	struct list lists[VIEW_COUNT];
	bool pinned; /* the selection follows `identity` */
	uint64_t identity;
	struct prompt prompt;
	struct menu menu;
	char filter[TEXT_MAX];
	char search[TEXT_MAX];
	char message[TEXT_MAX];
	enum role message_role;
	uint64_t message_end_ns;
	struct trace trace;
	struct told told;
	struct ledger_follow ledger;
	struct trees trees;
	struct listing listing;
	struct suspects *suspects; /* NULL: not looked at yet */
	struct picker picker;
	uint64_t family_ns; /* when a family was last looked for */
	bool family_told;   /* that there is one */
	struct zone zones[ZONES_MAX];
	size_t zone_count;

	/* time and life */
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	double delay_s;
	bool paused;
	uint64_t paused_ns;
	bool suspend; /* wanted */
	bool quit;
};

static inline enum view_id
viewer_view(const struct viewer *viewer)
{
	return viewer->views[viewer->depth - 1];
}

static inline struct list *
viewer_list(struct viewer *viewer)
{
	return &viewer->lists[viewer_view(viewer)];
}

/* viewer.c, without any terminal: tests drive these. */
void viewer_init(struct viewer *, struct feed, const struct viewer_options *,
		 struct viewer_host *);
void viewer_fini(struct viewer *);
void viewer_set_feed(struct viewer *, struct feed);
/* Takes in what is new and makes `stale` fresh; returns true to draw. */
bool viewer_update(struct viewer *, unsigned stale);
/* Reads the feed once. Returns what became stale. */
unsigned viewer_refresh(struct viewer *);
/* One key, click or turn of the wheel. Returns what became stale. */
unsigned viewer_event(struct viewer *, const struct event *);
void viewer_draw(struct viewer *);
void viewer_message(struct viewer *, enum role, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void viewer_push(struct viewer *, enum view_id);

/* action_rate.c: says so when the rate that was asked for is there. */
void rate_follow(struct viewer *);

/* action_types.c: looks for the answer that is awaited. Returns what became
 * stale. */
unsigned types_follow(struct viewer *);

/* list.c */
void list_fit(struct list *, size_t count, size_t page);
void list_move(struct list *, enum command_id);

/* action_family.c */
unsigned picker_sort_by(struct viewer *, enum picker_sort);
/* Says once that the process shown is one of several. */
void family_hint(struct viewer *);

/* The row under the cursor, or NULL. */
const struct row *viewer_row(const struct viewer *);
/* The selection follows the row under the cursor from now on. */
void viewer_pin(struct viewer *);

#endif
