/*
 * trees.h - the views of a tree of calls (model/tree.h): what is shown of it.
 *
 *   flame  every node is a box, as wide as its branch weighs, below the box of
 *          the call that made it; what is less than a cell is not drawn
 *   calls  every node is a line, with its numbers; branches fold
 *
 * Both keep what is selected by identity, for the tree is built anew at every
 * refresh. Only one of them is on the screen, so they share the tree.
 */
#ifndef HEAPTOP_VIEWER_TREES_H
#define HEAPTOP_VIEWER_TREES_H

#include "base/table.h"
#include "model/tree.h"

struct viewer;

struct flame_box {
	uint32_t node;
	int depth;
	int begin; /* cells [begin, end) */
	int end;
	uint64_t identity; /* of the node, which may be gone */
};

#define FLAME_ZOOMS_MAX 32

struct flame {
	bool of_row; /* of the row of the traceback; else of all rows */
	uint64_t zooms[FLAME_ZOOMS_MAX]; /* the last one is shown */
	size_t zoom_count;
	struct flame_box *boxes; /* by depth, then from the left */
	size_t box_room;
	int depth; /* of the deepest box */
	int top;   /* depth of the first line */
};

struct calls_line {
	uint32_t node;
	int indent;
	bool folds; /* has children */
	bool open;
	uint64_t identity;
};

/* What the user, or the first look, has folded. */
struct fold {
	uint64_t identity;
	bool open;
};

struct calls {
	bool callees; /* else callers */
	struct tree_from from;
	struct calls_line *lines;
	size_t line_room;
	struct fold *folds; /* id - 1 of `table` */
	size_t fold_count;
	size_t fold_room;
	struct table table;
};

struct trees {
	struct tree tree;
	int view; /* enum view_id that it was built for */
	uint64_t built_ns;
	bool behind; /* rows are newer */
	bool growth; /* branches weigh by growth; else by live bytes */
	struct flame flame;
	struct calls calls;
};

void trees_fini(struct trees *);
/* Builds the tree of the view that is shown, and what is shown of it: at once
 * when the user wants it, else now and then. */
void trees_update(struct viewer *, bool wanted);

/* flame.c: makes the boxes again; keeps the selection. */
void flame_layout(struct viewer *);
/* The box under the cursor; NULL none. */
const struct flame_box *flame_selected(const struct viewer *);
void flame_zoom(struct viewer *);
/* Back to what was shown before; false when all is shown. */
bool flame_out(struct viewer *);
/* Moves to the box that lies in a direction, if there is one. */
void flame_move(struct viewer *, int down, int right);

/* view_flame.c: of all that weighs, the share of what the search finds, drawn
 * or not. */
double flame_found(const struct viewer *);

/* calls.c: makes the lines again; keeps the selection. */
void calls_layout(struct viewer *);
/* Forgets what is folded. */
void calls_forget(struct calls *);
void calls_fold(struct viewer *, bool open);
void calls_unfold_all(struct viewer *);

/* flame_name.c: the longest form of a function's name that has room: whole,
 * without arguments, its last part; that last part when none has. */
struct canvas;
const char *flame_name(const struct canvas *, const char *function,
		       enum frame_kind, int width, char *out, size_t size);

#endif
