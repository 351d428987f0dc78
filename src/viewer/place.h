/*
 * place.h - the name of a call site in the cells that are left for it.
 *
 *	/usr/lib/python3/dist-packages/matplotlib/lines.py:345 (__init__)
 *	…/matplotlib/lines.py:345 (__init__)
 *	lines.py:345 (__in…
 *	lines.py:345
 *	l….py:345
 *
 * What tells sites apart, the file's tail and the line, stays longest.
 */
#ifndef HEAPTOP_VIEWER_PLACE_H
#define HEAPTOP_VIEWER_PLACE_H

#include <stdint.h>

#include "viewer/canvas.h"

/* Texts may be "" but not NULL. */
struct place {
	const char *file;
	const char *function;
	const char *module;  /* path; stands where there is no file */
	uint32_t line;	     /* 0 none */
	bool function_first; /* the function is the name, the file a remark */
};

/* Draws it over at most width cells; returns the cells used. */
int place_draw(struct canvas *, int y, int x, int width, enum role,
	       const struct place *);
/* A text whose middle is left out when it does not fit. */
int place_draw_name(struct canvas *, int y, int x, int width, enum role,
		    const char *text);
/* Only file and line, or the module. */
int place_draw_file(struct canvas *, int y, int x, int width, enum role,
		    const struct place *);
/* The whole text, for searches. */
const char *place_text(char *out, size_t size, const struct place *);

#endif
