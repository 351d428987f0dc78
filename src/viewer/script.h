/*
 * script.h - the viewer without a person and without a terminal, for tests and
 * pictures. A line is one of
 *
 *	key NAME...       press keys, by the names of input.h
 *	type TEXT         press each character of TEXT
 *	click LINE COLUMN left button, counted from 0
 *	wheel up|down
 *	wait-for TEXT     go on when some line of the screen has TEXT
 *	wait-gone TEXT    go on when none has
 *	pass SECONDS      0.1 to 60, of a clock that stands still
 *	resize WxH        80x24 at the start
 *	dump FILE         write the screen as text; "-" standard output
 *	dump-color FILE   the same with escape sequences
 *	quit              leave without a question
 *
 * The clock stands still on what does not change any more (a file, a process
 * that is dead), so that a script shows the same at each run; else it goes on.
 *
 * Empty lines and those that begin with # are left out. The end of the script
 * leaves, too. A wait that lasts ten seconds fails.
 */
#ifndef HEAPTOP_VIEWER_SCRIPT_H
#define HEAPTOP_VIEWER_SCRIPT_H

#include "viewer/state.h"

struct script;

enum script_step { SCRIPT_GO_ON, SCRIPT_WAIT, SCRIPT_END, SCRIPT_FAILED };

struct script *script_open(const char *path, struct err *);
void script_close(struct script *);

/* Runs the next line on what is drawn. *stale gets what it made stale. */
enum script_step script_step(struct script *, struct viewer *, unsigned *stale,
			     struct err *);

#endif
