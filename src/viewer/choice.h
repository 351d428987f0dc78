/*
 * choice.h - the columns of the list: which of them, in what order, how wide.
 */
#ifndef HEAPTOP_VIEWER_CHOICE_H
#define HEAPTOP_VIEWER_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/column.h"

#define CHOICES (COLUMN_MAX - 1) /* the call site is always there, and last */

struct choice {
	bool own; /* the user's: the first ones stay longest */
	enum column
	    order[COLUMN_MAX]; /* from left to right, the call site last */
	bool on[COLUMN_MAX];   /* by column */
};

/* These columns, the rest behind them; without any, as heaptop has it. */
void choice_init(struct choice *, const enum column *, size_t count);
/* Those that are on, without the call site; returns how many. */
size_t choice_list(const struct choice *, enum column out[COLUMN_MAX]);
void choice_toggle(struct choice *, enum column);
/* Changes places with the next or previous one; returns the new place. */
size_t choice_move(struct choice *, size_t place, bool later);

struct viewer;

/* From here on units are written out. */
#define COLUMNS_WIDE 110

/* The columns that there is room for, in order; returns how many. */
size_t sites_columns(const struct viewer *, int width,
		     enum column out[COLUMN_MAX]);
/* Cells of one, with the space before it. */
int sites_column_width(const struct viewer *, enum column, int width);

#endif
