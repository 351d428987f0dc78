/*
 * terminal.h - a program on a terminal that tests can read: a pty with libvterm
 * behind it and a small shell in front, since only a shell can stop a program
 * and go on with it.
 */
#ifndef HEAPTOP_TESTS_SCREEN_TERMINAL_H
#define HEAPTOP_TESTS_SCREEN_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

struct terminal;

struct terminal_setup {
	int width; /* 0: 80x24 */
	int height;
	const char *const *environment; /* "NAME=value", or "NAME" to unset */
	const char *const *arguments;	/* the program first; NULL ends */
};

struct terminal *terminal_open(const struct terminal_setup *);
void terminal_close(struct terminal *);

void terminal_type(struct terminal *, const char *bytes);
void terminal_resize(struct terminal *, int width, int height);
pid_t terminal_program(struct terminal *);

/* Wait at most ten seconds; false with the screen on stderr. */
bool terminal_waits_for(struct terminal *, const char *text);
bool terminal_waits_gone(struct terminal *, const char *text);
/* Until the program has waited for something a few times: one that only turns
 * in circles never does. */
bool terminal_waits_idle(struct terminal *);
/* Until the shell says that the program ended; its wait status. */
bool terminal_waits_end(struct terminal *, int *status);
/* Whether the modes were the old ones when the program stopped or ended. */
bool terminal_modes_same(const struct terminal *);

/* The line that has text, -1 none; *x gets its column. */
int terminal_find(struct terminal *, const char *text, int *x);
/* Of one cell. */
bool terminal_is_reverse(struct terminal *, int y, int x);
bool terminal_has_color(struct terminal *, int y, int x);
/* Whether any cell has a colour. */
bool terminal_any_color(struct terminal *);
bool terminal_alternate(const struct terminal *);
bool terminal_cursor(const struct terminal *);

#endif
