/*
 * screen.c - the terminal, through curses.
 *
 * raw() rather than cbreak(): C-c and C-z come as keys, so neither reaches the
 * program under `heaptop run`, which shares our process group.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"
#include "viewer/screen.h"
#include "viewer/screen_signal.h"

/* After ours: term.h makes macros of words such as lines and columns. */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#define FALLBACK_TERMINAL "xterm-256color"

struct screen {
	SCREEN *curses;
	FILE *input; /* /dev/tty when standard input is something else */
	attr_t looks[ROLE_COUNT];
	short pairs[ROLE_COUNT];
	bool colors;	    /* wanted, and there */
	struct cell *shown; /* what the terminal has */
	int height;
	int width;
	cchar_t *line;
};

static bool
terminal_name(char *name, size_t size, char *notice, size_t notice_size,
	      struct err *err)
{
	const char *own = getenv("TERM");
	int result = 0;

	snprintf(name, size, "%s", own ? own : "");
	if (!*name || setupterm(name, STDOUT_FILENO, &result) != OK) {
		snprintf(notice, notice_size,
			 "terminal '%s' is unknown here, taken for %s", name,
			 FALLBACK_TERMINAL);
		snprintf(name, size, "%s", FALLBACK_TERMINAL);
		if (setupterm(name, STDOUT_FILENO, &result) != OK)
			return err_set(err,
				       "cannot use the terminal: no entry for "
				       "it or for %s; install ncurses-term, or "
				       "use heaptop top -b",
				       name);
	}
	if (!cursor_address || !clear_screen)
		return err_set(err,
			       "cannot show a screen on terminal '%s': it "
			       "cannot move its cursor; use heaptop top -b",
			       name);
	return true;
}

static FILE *
input_open(struct err *err)
{
	FILE *input;

	if (!isatty(STDOUT_FILENO)) {
		err_set(err, "cannot show a screen: standard output is no "
			     "terminal; use heaptop top -b");
		return NULL;
	}
	input = isatty(STDIN_FILENO) ? fdopen(dup(STDIN_FILENO), "r")
				     : fopen("/dev/tty", "re");
	if (!input)
		err_errno(err, "cannot read keys from the terminal; use "
			       "heaptop top -b");
	return input;
}

static bool
wants_color(const struct viewer_options *options)
{
	const char *no_color = getenv("NO_COLOR");

	if (options->color == VIEWER_COLOR_AUTO)
		return !(no_color && *no_color) && has_colors();
	return options->color == VIEWER_COLOR_ALWAYS && has_colors();
}

static short
color_fit(int color, attr_t *look)
{
	if (color < 0 || color < COLORS)
		return (short)color;
	if (color >= 16)
		return -1;
	*look |= A_BOLD; /* bright, on a terminal of eight colours */
	return (short)(color - 8);
}

static void
looks_set(struct screen *screen, const struct theme *theme)
{
	static const attr_t flags[] = {A_BOLD, A_DIM, A_UNDERLINE, A_REVERSE};

	memset(screen->looks, 0, sizeof(screen->looks));
	memset(screen->pairs, 0, sizeof(screen->pairs));
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct look *look = &theme->looks[i];
		attr_t ignored = 0;

		for (unsigned f = 0; f < 4; f++)
			if (look->flags & 1u << f)
				screen->looks[i] |= flags[f];
		if (!screen->colors ||
		    (look->foreground < 0 && look->background < 0))
			continue;
		if (init_pair((short)(i + 1),
			      color_fit(look->foreground, &screen->looks[i]),
			      color_fit(look->background, &ignored)) == OK)
			screen->pairs[i] = (short)(i + 1);
	}
}

static void
size_read(struct screen *screen)
{
	getmaxyx(stdscr, screen->height, screen->width);
	free(screen->shown);
	free(screen->line);
	screen->shown =
	    mem_array((size_t)screen->height * (size_t)screen->width,
		      sizeof(*screen->shown));
	screen->line =
	    mem_array((size_t)screen->width + 1, sizeof(*screen->line));
}

static void
modes_set(void)
{
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	mouseinterval(0);
}

static void
mouse_take(bool taken)
{
	mousemask(taken ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED
			: 0,
		  NULL);
}

void
screen_look(struct screen *screen, const struct theme *theme, bool mouse)
{
	struct theme mono;
	struct err err;

	if (!screen->colors && theme_load(&mono, "mono", &err))
		theme = &mono;
	looks_set(screen, theme);
	mouse_take(mouse);
}

/* What brings the normal screen back without curses. */
static void
restore_text(char *out, size_t size)
{
	const char *const parts[] = {
	    "\033[?1006l\033[?1000l", /* the mouse */
	    exit_attribute_mode,
	    cursor_normal,
	    keypad_local,
	    exit_ca_mode,
	    "\r\n",
	};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (parts[i] && parts[i] != (char *)-1 && used < size)
			used += (size_t)snprintf(out + used, size - used, "%s",
						 parts[i]);
}

struct screen *
screen_open(const struct viewer_options *options, struct theme *theme,
	    char *notice, size_t notice_size, struct err *err)
{
	struct screen *screen = mem_alloc(sizeof(*screen));
	const char *name = options->theme ? options->theme : "dark";
	char terminal[128];
	char restore[256];

	notice[0] = '\0';
	if (!theme_load(theme, name, err))
		goto no_input;
	screen->input = input_open(err);
	if (!screen->input)
		goto no_input;
	if (!terminal_name(terminal, sizeof(terminal), notice, notice_size,
			   err))
		goto no_curses;
	signals_take();
	screen->curses = newterm(terminal, stdout, screen->input);
	if (!screen->curses) {
		err_set(err, "cannot use terminal '%s'; use heaptop top -b",
			terminal);
		goto no_terminal;
	}
	screen->colors = wants_color(options) && start_color() == OK &&
			 use_default_colors() == OK;
	modes_set();
	screen_look(screen, theme, !options->no_mouse);
	size_read(screen);
	restore_text(restore, sizeof(restore));
	signals_guard(fileno(screen->input), restore);
	return screen;

no_terminal:
	signals_give_back();
no_curses:
	fclose(screen->input);
no_input:
	free(screen);
	return NULL;
}

void
screen_close(struct screen *screen)
{
	if (!screen)
		return;
	endwin();
	signals_give_back();
	delscreen(screen->curses);
	fclose(screen->input);
	free(screen->shown);
	free(screen->line);
	free(screen);
}

int
screen_input_fd(const struct screen *screen)
{
	return fileno(screen->input);
}

int
screen_signal_fd(const struct screen *screen)
{
	(void)screen;
	return signals_fd();
}

static void
resize(struct screen *screen)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row &&
	    size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	size_read(screen);
}

enum screen_wish
screen_wish(struct screen *screen, int *signal_number)
{
	*signal_number = signals_next();
	switch (*signal_number) {
	case 0:
		return SCREEN_NOTHING;
	case SIGWINCH:
		resize(screen);
		return SCREEN_RESIZED;
	case SIGTSTP:
		return SCREEN_SUSPEND;
	default:
		return SCREEN_END;
	}
}

static bool
read_mouse(struct event *event)
{
	MEVENT mouse;

	if (getmouse(&mouse) != OK)
		return false;
	event->y = mouse.y;
	event->x = mouse.x;
	if (mouse.bstate & BUTTON4_PRESSED)
		event->key = INPUT_WHEEL_UP;
	else if (mouse.bstate & BUTTON5_PRESSED)
		event->key = INPUT_WHEEL_DOWN;
	else if (mouse.bstate & BUTTON1_PRESSED)
		event->key = INPUT_CLICK;
	else
		return false;
	return true;
}

static uint32_t
read_key(wint_t key)
{
	static const struct {
		int curses;
		enum input key;
	} keys[] = {
	    {KEY_UP, INPUT_UP},
	    {KEY_DOWN, INPUT_DOWN},
	    {KEY_LEFT, INPUT_LEFT},
	    {KEY_RIGHT, INPUT_RIGHT},
	    {KEY_PPAGE, INPUT_PAGE_UP},
	    {KEY_NPAGE, INPUT_PAGE_DOWN},
	    {KEY_HOME, INPUT_HOME},
	    {KEY_FIND, INPUT_HOME},
	    {KEY_END, INPUT_END},
	    {KEY_SELECT, INPUT_END},
	    {KEY_ENTER, INPUT_ENTER},
	    {KEY_BTAB, INPUT_BACK_TAB},
	    {KEY_BACKSPACE, INPUT_BACKSPACE},
	    {KEY_DC, INPUT_DELETE},
	    {KEY_F(15), INPUT_S_F3},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if ((wint_t)keys[i].curses == key)
			return keys[i].key;
	if (key >= (wint_t)KEY_F(1) && key <= (wint_t)KEY_F(10))
		return INPUT_F1 + (uint32_t)(key - (wint_t)KEY_F(1));
	return INPUT_NONE;
}

static uint32_t
read_character(wint_t key)
{
	switch (key) {
	case '\r':
	case '\n':
		return INPUT_ENTER;
	case '\t':
		return INPUT_TAB;
	case 27:
		return INPUT_ESCAPE;
	case 8:
	case 127:
		return INPUT_BACKSPACE;
	default:
		return (uint32_t)key;
	}
}

bool
screen_read(struct screen *screen, struct event *event)
{
	wint_t key;
	int result;

	(void)screen;
	*event = (struct event){0};
	while ((result = get_wch(&key)) != ERR) {
		if (result != KEY_CODE_YES)
			event->key = read_character(key);
		else if (key != KEY_MOUSE)
			event->key = read_key(key);
		else if (!read_mouse(event))
			continue;
		if (event->key != INPUT_NONE)
			return true;
	}
	return false;
}

void
screen_size(const struct screen *screen, int *height, int *width)
{
	*height = screen->height;
	*width = screen->width;
}

static void
row_show(struct screen *screen, int y, const struct cell *cells)
{
	int count = 0;

	for (int x = 0; x < screen->width; x++) {
		wchar_t text[CCHARW_MAX + 1] = {0};
		const struct cell *cell = &cells[x];

		if (!cell->width)
			continue;
		if (mbstowcs(text, cell->text, CCHARW_MAX) == (size_t)-1)
			wcscpy(text, L"?");
		text[CCHARW_MAX] = 0;
		setcchar(&screen->line[count++], text,
			 screen->looks[cell->role], screen->pairs[cell->role],
			 NULL);
	}
	mvadd_wchnstr(y, 0, screen->line, count);
}

void
screen_show(struct screen *screen, const struct canvas *canvas, bool all)
{
	size_t size = (size_t)screen->width * sizeof(*screen->shown);

	if (canvas->height != screen->height || canvas->width != screen->width)
		return; /* resized in between: the next one fits */
	if (all)
		clearok(stdscr, TRUE);
	for (int y = 0; y < screen->height; y++) {
		size_t at = (size_t)y * (size_t)screen->width;

		if (!all &&
		    !memcmp(screen->shown + at, canvas->cells + at, size))
			continue;
		row_show(screen, y, canvas->cells + at);
		memcpy(screen->shown + at, canvas->cells + at, size);
	}
	curs_set(canvas->cursor_y >= 0);
	if (canvas->cursor_y >= 0)
		move(canvas->cursor_y, canvas->cursor_x);
	refresh();
}

void
screen_suspend(struct screen *screen)
{
	endwin();
	signals_stop();
	refresh();
	resize(screen);
}
