/*
 * theme.h - what roles look like. A view says what a cell is; the theme says
 * how that is shown. Themes are files (share/themes, built in) of lines
 *
 *	role = COLOUR [on COLOUR] [bold] [dim] [underline] [reverse]
 *
 * with the eight names of ANSI, "bright-" before them, "default", or a number
 * to 255. `#` starts a comment. A role that is not named looks like `text`.
 */
#ifndef HEAPTOP_VIEWER_THEME_H
#define HEAPTOP_VIEWER_THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* X(ID, word in theme files, what it is for) */
#define ROLE_LIST(X)                                                    \
	X(TEXT, "text", "anything else")                                \
	X(DIM, "dim", "what can wait: zeros, folders, remarks")         \
	X(LABEL, "label", "names of values in the header")              \
	X(TITLE, "title", "the command, titles of views")               \
	X(VALUE, "value", "values in the header")                       \
	X(ACCENT, "accent", "what is switched on; keys")                \
	X(GROW, "grow", "growth")                                       \
	X(SHRINK, "shrink", "what became less")                         \
	X(HEAD, "head", "column titles")                                \
	X(SORTED, "sorted", "the title that sorts")                     \
	X(SELECTED, "selected", "the selected row")                     \
	X(MATCH, "match", "what the search found")                      \
	X(FUNCTION, "function", "names of functions")                   \
	X(LINENO, "lineno", "line numbers")                             \
	X(NATIVE, "native", "frames of native code")                    \
	X(SOURCE, "source", "text of source lines")                     \
	X(FLAME, "flame", "boxes of the flame")                         \
	X(FLAME_OWN, "flame-own", "the same, your own code")            \
	X(FLAME_NATIVE, "flame-native", "the same, native code")        \
	X(FLAME_NATIVE_OWN, "flame-native-own", "native, and your own") \
	X(FLAME_SHRINK, "flame-shrink", "the same, less than it was")   \
	X(BAR_KEY, "bar-key", "keys at the bottom")                     \
	X(BAR, "bar", "words at the bottom")                            \
	X(WARNING, "warning", "PAUSED, losses, an exit")                \
	X(PROMPT, "prompt", "what is being typed")                      \
	X(MENU, "menu", "menus")                                        \
	X(MENU_SELECTED, "menu-selected", "the chosen entry")

#define ROLE_ENUM_(id_, word_, text_) ROLE_##id_,
enum role { ROLE_LIST(ROLE_ENUM_) ROLE_COUNT };
#undef ROLE_ENUM_

enum {
	LOOK_BOLD = 1u << 0,
	LOOK_DIM = 1u << 1,
	LOOK_UNDERLINE = 1u << 2,
	LOOK_REVERSE = 1u << 3,
};

struct look {
	int16_t foreground; /* -1 the terminal's own */
	int16_t background;
	uint16_t flags;
};

struct theme {
	struct look looks[ROLE_COUNT];
};

/* What theme_load takes: the built-in ones, then NAME of each NAME.theme in the
 * folder `themes` of the user's settings. */
#define THEMES_MAX 32
struct theme_names {
	char names[THEMES_MAX][64];
	size_t count;
};
void theme_names(struct theme_names *);

/* One of those names, or the path of a file (it has a slash). */
bool theme_load(struct theme *, const char *name, struct err *);
/* From the text of a theme file; name is for the message. */
bool theme_parse(struct theme *, const char *text, const char *name,
		 struct err *);

/* Of a number with a sign, and of a share (1 is all): what is nothing, or is
 * shown as 0.0 %, is dim. */
enum role growth_role(double);
enum role share_role(double);

/* Writes the escape sequence of a look, for dumps in colour. */
int look_sgr(const struct look *, char *out, size_t size);

#endif
