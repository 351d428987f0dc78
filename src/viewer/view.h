/*
 * view.h - the views: one table entry each, one file each (view_*.c).
 */
#ifndef HEAPTOP_VIEWER_VIEW_H
#define HEAPTOP_VIEWER_VIEW_H

#include "viewer/state.h"

/* What a family is not asked for. */
#define ONE_AT_A_TIME \
	"only one process tells this: K opens the one with most of the row"

struct view {
	const char *title; /* in the line above it; NULL: no such line */
	/* Draws into box; sets the view's list with list_fit. */
	void (*draw)(struct viewer *, struct box);
	/* Text of a line for searches; false past the end. NULL: none. */
	bool (*text)(struct viewer *, size_t line, char *out, size_t size);
	/* Called when it is opened. May be NULL. */
	void (*open)(struct viewer *);
};
extern const struct view views[VIEW_COUNT];

void view_sites_draw(struct viewer *, struct box);
bool view_sites_text(struct viewer *, size_t, char *, size_t);
void view_trace_draw(struct viewer *, struct box);
bool view_trace_text(struct viewer *, size_t, char *, size_t);
void view_types_draw(struct viewer *, struct box);
bool view_types_text(struct viewer *, size_t, char *, size_t);
void view_suspects_draw(struct viewer *, struct box);
bool view_suspects_text(struct viewer *, size_t, char *, size_t);
void view_suspects_open(struct viewer *);
void view_source_draw(struct viewer *, struct box);
bool view_source_text(struct viewer *, size_t, char *, size_t);
void view_history_draw(struct viewer *, struct box);
void view_history_open(struct viewer *);
void view_marks_draw(struct viewer *, struct box);
void view_marks_open(struct viewer *);
bool view_marks_text(struct viewer *, size_t, char *, size_t);
void view_calls_draw(struct viewer *, struct box);
bool view_calls_text(struct viewer *, size_t, char *, size_t);
void view_flame_draw(struct viewer *, struct box);
bool view_flame_text(struct viewer *, size_t, char *, size_t);
void view_ledger_draw(struct viewer *, struct box);
bool view_ledger_text(struct viewer *, size_t, char *, size_t);
void view_output_draw(struct viewer *, struct box);
bool view_output_text(struct viewer *, size_t, char *, size_t);
void view_output_open(struct viewer *);
void view_help_draw(struct viewer *, struct box);
void view_losses_draw(struct viewer *, struct box);
void view_processes_draw(struct viewer *, struct box);
bool view_processes_text(struct viewer *, size_t, char *, size_t);
void view_processes_open(struct viewer *);

/* view_header.c: the command without the folders of its program. */
const char *command_short(const char *command);
/* The same, drawn; where it has no room, all its paths lose their folders.
 * Returns the cells used. */
int command_draw(struct canvas *, int y, int x, int width, enum role,
		 const char *command);

/* view_frame.c: what is around every view. Return the rows used. */
int header_draw(struct viewer *, int height);
void status_draw(struct viewer *, int y);
void bar_draw(struct viewer *, int y);
void menu_draw(struct viewer *, struct box);

/* What a node of the tree of calls is called. */
struct place;
void node_place(const struct viewer *, const struct tree_node *,
		struct place *);
/* view_flame.c */
enum role node_role(const struct tree_node *);

/* trace.c: the stacks behind a row. */
void trace_open(struct viewer *, const struct row *);
/* Looks the sites up again; keeps the stack that is shown. */
void trace_update(struct viewer *);
/* Makes the lines of the stack that is shown. */
void trace_build(struct viewer *);
void trace_fini(struct trace *);

/* view_history.c: seconds that its spans show; where its cursor stands. */
#define HISTORY_SPANS 3
extern const uint64_t history_spans[HISTORY_SPANS];
/* Puts the cursor into a column of the screen. */
unsigned history_click(struct viewer *, int x);
/* One column of the screen in time. */
uint64_t history_column_ns(const struct viewer *);
/* The history in a few cells: `values`, the last ones. */
void spark_draw(struct canvas *, int y, int x, int width, enum role,
		const struct trend *);

/* view_suspects.c: judges the rows again; the row under its cursor, or NULL. */
void suspects_follow(struct viewer *);
const struct row *suspects_row(const struct viewer *);

/* view_marks.c: the program's mark of a line, or NULL: one of past's. */
const struct program_mark *marks_line(const struct viewer *, size_t line);

/* action_types.c */
void told_fini(struct told *);

/* view_sites.c: what a row is called. */
struct place;
void row_place(const struct viewer *, const struct row *, struct place *);

void view_setup_draw(struct viewer *, struct box);

/* action_setup.c: one line for each thing that can be set; `by` is 1 or -1. */
#define SETUP_COUNT	6
#define SETUP_VALUE_MAX TEXT_MAX
struct setup_line {
	const char *name;
	const char *help;
	void (*value)(const struct viewer *, char out[SETUP_VALUE_MAX]);
	unsigned (*step)(struct viewer *, int by);
};
extern const struct setup_line setup_lines[SETUP_COUNT];

void zone_add(struct viewer *, int y, int begin, int end, int kind,
	      size_t value);
/* After a line of a list is drawn: it may be the one under the cursor, and can
 * be clicked on. */
void line_finish(struct viewer *, const struct list *, int y, int width,
		 size_t line);

#endif
