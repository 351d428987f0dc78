/*
 * screen_signal.h - the signals that concern a terminal. While they are taken
 * they arrive through a descriptor, except crashes, which put the terminal
 * back at once and then take their course.
 */
#ifndef HEAPTOP_VIEWER_SCREEN_SIGNAL_H
#define HEAPTOP_VIEWER_SCREEN_SIGNAL_H

#include <signal.h>

/* Remembers the terminal's modes, too: call it before curses starts. */
void signals_take(void);
/* From now on crashes and exit() put the terminal behind fd back, and write
 * restore to it, which brings the normal screen back. */
void signals_guard(int fd, const char *restore);
void signals_give_back(void);

int signals_fd(void);
/* The next signal that came, 0 none. */
int signals_next(void);
/* Stops this process as C-z does; returns when it is continued. */
void signals_stop(void);

#endif
