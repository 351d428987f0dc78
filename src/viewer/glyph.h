/*
 * glyph.h - every character of ours beyond ASCII, with its ASCII twin. Never
 * terminfo's line graphics: they come out as letters in some terminals.
 */
#ifndef HEAPTOP_VIEWER_GLYPH_H
#define HEAPTOP_VIEWER_GLYPH_H

#include <stdbool.h>

/* X(ID, utf-8, ascii) */
#define GLYPH_LIST(X)            \
	X(ELLIPSIS, "…", "..")   \
	X(DESCENDING, "▼", "v")  \
	X(ASCENDING, "▲", "^")   \
	X(DOT, "·", "|")         \
	X(LINE, "─", "-")        \
	X(SIDE, "│", "|")        \
	X(TOP_LEFT, "╭", "+")    \
	X(TOP_RIGHT, "╮", "+")   \
	X(LOW_LEFT, "╰", "+")    \
	X(LOW_RIGHT, "╯", "+")   \
	X(INLINED, "↳", "`")     \
	X(POINTER, "▸", ">")     \
	X(UNFOLDED, "▾", "v")    \
	X(EDGE, "▏", "|")        \
	X(BLOCK, "█", "#")       \
	X(TRACK, "░", ".")       \
	X(ENTER, "↵", "CR")      \
	X(ARROWS, "↑↓", "^v")    \
	X(TIMES, "×", "x")       \
	X(PLUS_MINUS, "±", "+-") \
	X(BAR_1, "▁", "_")       \
	X(BAR_2, "▂", ".")       \
	X(BAR_3, "▃", ":")       \
	X(BAR_4, "▄", "-")       \
	X(BAR_5, "▅", "=")       \
	X(BAR_6, "▆", "+")       \
	X(BAR_7, "▇", "*")       \
	X(BAR_8, "█", "#")

#define GLYPH_ENUM_(id_, utf8_, ascii_) GLYPH_##id_,
enum glyph { GLYPH_LIST(GLYPH_ENUM_) GLYPH_COUNT };
#undef GLYPH_ENUM_

const char *glyph_text(enum glyph, bool ascii);

#endif
