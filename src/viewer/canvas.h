/*
 * canvas.h - what the screen will show, as cells: views draw here, screen.c
 * copies it to the terminal, tests read it. No terminal is needed.
 *
 * Texts may come from the target: only printable characters get into a cell,
 * and all else is written out as \xNN, so nothing that was read can move the
 * cursor or switch the terminal. Drawing outside is clipped; a wide character
 * that does not fit whole is not drawn.
 */
#ifndef HEAPTOP_VIEWER_CANVAS_H
#define HEAPTOP_VIEWER_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "viewer/glyph.h"
#include "viewer/theme.h"

struct cell {
	char text[14]; /* UTF-8 with combining characters, ends with NUL */
	uint8_t width; /* 1 or 2; 0 the right half of the cell before */
	uint8_t role;
};

struct canvas {
	int height;
	int width;
	bool ascii;
	struct cell *cells; /* rows from the top */
	int cursor_y;	    /* where the cursor is shown; -1 nowhere */
	int cursor_x;
};

/* Part of the canvas that a view may draw on. */
struct box {
	int y;
	int x;
	int height;
	int width;
};

void canvas_init(struct canvas *, int height, int width, bool ascii);
void canvas_fini(struct canvas *);
void canvas_resize(struct canvas *, int height, int width);
void canvas_clear(struct canvas *);

/* Draws text from (y, x) over at most `max` cells; returns the cells used. */
int canvas_text(struct canvas *, int y, int x, int max, enum role,
		const char *text);
/* The same with the text's end at column x + width. */
/* A sentence that is too long ends after a whole word, and says so; nothing
 * where there is no room for one. */
int canvas_sentence(struct canvas *, int y, int x, int max, enum role,
		    const char *text);
int canvas_right(struct canvas *, int y, int x, int width, enum role,
		 const char *text);
int canvas_format(struct canvas *, int y, int x, int max, enum role,
		  const char *format, ...)
    __attribute__((format(printf, 6, 7)));
int canvas_glyph(struct canvas *, int y, int x, enum role, enum glyph);
void canvas_fill(struct canvas *, int y, int x, int width, enum role,
		 const char *glyph);
/* Changes the role of cells that are drawn. */
void canvas_paint(struct canvas *, int y, int x, int width, enum role);
/* The same for each place in the span that shows text, ignoring case. */
void canvas_paint_match(struct canvas *, int y, int x, int width, enum role,
			const char *text);

/* Cells that text would use. */
int canvas_width(const struct canvas *, const char *text);

/* One row as text, without trailing spaces; returns out. */
char *canvas_row(const struct canvas *, int y, char *out, size_t size);
/* All rows; with a theme in colour, as escape sequences. */
void canvas_dump(const struct canvas *, FILE *, const struct theme *);
/* For tests: whether text is on some row. */
bool canvas_shows(const struct canvas *, const char *text);

#endif
