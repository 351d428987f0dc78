/*
 * input.h - keys and mouse, by our own numbers: characters are their code
 * point, everything else comes after. Names are those of the help screen and
 * of scripts: "a", "C-d", "PageDown", "F3", "S-Tab", "Space".
 */
#ifndef HEAPTOP_VIEWER_INPUT_H
#define HEAPTOP_VIEWER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(ID, name, as the function bar and help show it) */
#define INPUT_LIST(X)                          \
	X(UP, "Up", "↑")                       \
	X(DOWN, "Down", "↓")                   \
	X(LEFT, "Left", "←")                   \
	X(RIGHT, "Right", "→")                 \
	X(PAGE_UP, "PageUp", "PgUp")           \
	X(PAGE_DOWN, "PageDown", "PgDn")       \
	X(HOME, "Home", "Home")                \
	X(END, "End", "End")                   \
	X(ENTER, "Enter", "Enter")             \
	X(ESCAPE, "Esc", "Esc")                \
	X(TAB, "Tab", "Tab")                   \
	X(BACK_TAB, "S-Tab", "S-Tab")          \
	X(BACKSPACE, "Backspace", "Backspace") \
	X(DELETE, "Delete", "Del")             \
	X(F1, "F1", "F1")                      \
	X(F2, "F2", "F2")                      \
	X(F3, "F3", "F3")                      \
	X(F4, "F4", "F4")                      \
	X(F5, "F5", "F5")                      \
	X(F6, "F6", "F6")                      \
	X(F7, "F7", "F7")                      \
	X(F8, "F8", "F8")                      \
	X(F9, "F9", "F9")                      \
	X(F10, "F10", "F10")                   \
	X(S_F3, "S-F3", "S-F3")

#define INPUT_ENUM_(id_, name_, shown_) INPUT_##id_,
enum input {
	INPUT_NONE = 0,
	INPUT_BASE = 0x200000,
	INPUT_LIST(INPUT_ENUM_) INPUT_CLICK,
	INPUT_WHEEL_UP,
	INPUT_WHEEL_DOWN,
	INPUT_RESIZE,
};
#undef INPUT_ENUM_

struct event {
	uint32_t key; /* code point or enum input */
	int y;	      /* of the mouse; of the new size for RESIZE */
	int x;
};

/* 0 for a name that is none. */
uint32_t input_parse(const char *name, size_t size);
/* As help shows it; out has room for the longest name. */
#define INPUT_NAME_MAX 16
const char *input_name(uint32_t key, bool ascii, char out[INPUT_NAME_MAX]);

#endif
