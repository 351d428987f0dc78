/*
 * screen.h - the terminal: cells out, keys and signals in. The only part that
 * knows curses. One at a time.
 *
 * However the program ends, by exit, a deadly signal or a crash, the terminal
 * is put back as it was (SIGKILL excepted).
 */
#ifndef HEAPTOP_VIEWER_SCREEN_H
#define HEAPTOP_VIEWER_SCREEN_H

#include "viewer/canvas.h"
#include "viewer/input.h"
#include "viewer/viewer.h"

struct screen;

/* What a signal asked for. */
enum screen_wish { SCREEN_NOTHING, SCREEN_RESIZED, SCREEN_SUSPEND, SCREEN_END };

/*
 * Takes over the terminal and fills theme. notice gets one line to show, or
 * "". NULL with err when there is no terminal, or none that can do it.
 */
struct screen *screen_open(const struct viewer_options *, struct theme *,
			   char *notice, size_t notice_size, struct err *);
void screen_close(struct screen *);

/* From the next screen_show on; on a terminal without colours the theme is
 * mono, whatever it is. */
void screen_look(struct screen *, const struct theme *, bool mouse);

int screen_input_fd(const struct screen *);
/* Readable when a signal came; then screen_wish until it says NOTHING. For
 * END, *signal_number is set. */
int screen_signal_fd(const struct screen *);
enum screen_wish screen_wish(struct screen *, int *signal_number);

/* The next key or click; false: none at hand. */
bool screen_read(struct screen *, struct event *);
void screen_size(const struct screen *, int *height, int *width);
/* Shows canvas; with all, everything is sent again. */
void screen_show(struct screen *, const struct canvas *, bool all);
/* Gives the terminal back and stops, as C-z does; returns when continued. */
void screen_suspend(struct screen *);

#endif
