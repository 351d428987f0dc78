/*
 * figures.h - columns of numbers at the left of a view, before the names. Each
 * has a width on a narrow screen and on a wide one, and may need a screen of
 * some width to be there at all; what comes after it then moves to the left.
 */
#ifndef HEAPTOP_VIEWER_FIGURES_H
#define HEAPTOP_VIEWER_FIGURES_H

#include "viewer/canvas.h"

struct figure {
	const char *title;
	int width[2]; /* cells, narrow and wide */
	int from;     /* cells of the screen that it needs; 0: none */
};

struct figures {
	const struct figure *list;
	int count;
	int wide; /* cells from which the screen is wide: units in full */
};

bool figures_wide(const struct figures *, const struct canvas *);

/* Cells of one of them, 0 where it is not shown; of all before one of them;
 * of all. */
int figure_width(const struct figures *, const struct canvas *, int which);
int figure_begin(const struct figures *, const struct canvas *, int which);
int figures_width(const struct figures *, const struct canvas *);

/* Draws one of them, where it is shown. */
void figure_draw(const struct figures *, struct canvas *, int y, int which,
		 enum role, const char *text);

/* Draws the titles, the one that sorts (-1: none) as such, and over the names,
 * which begin `gap` cells after the numbers, theirs. */
void figures_head(const struct figures *, struct canvas *, int y, int sorts,
		  int gap, const char *names);

#endif
