/* terminal.c - see terminal.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <vterm.h>

#include "base/mem.h"
#include "terminal.h"

#define DEADLINE_MS 10000

/* What the shell tells the test. */
struct news {
	pid_t program;
	int status;
	bool same; /* modes of the terminal */
};

struct terminal {
	int pty;
	int news; /* from the shell */
	int go;	  /* to the shell: continue the program */
	pid_t shell;
	struct news last;
	VTerm *vterm;
	VTermScreen *screen;
	int width;
	int height;
	bool alternate;
	bool cursor;
	char text[65536];
};

static int
on_property(VTermProp property, VTermValue *value, void *user)
{
	struct terminal *terminal = user;

	if (property == VTERM_PROP_ALTSCREEN)
		terminal->alternate = value->boolean;
	if (property == VTERM_PROP_CURSORVISIBLE)
		terminal->cursor = value->boolean;
	return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

static bool
same_modes(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag;
}

static void
environment_set(const char *const *environment)
{
	for (; environment && *environment; environment++) {
		char *copy = mem_string(*environment);
		char *value = strchr(copy, '=');

		if (value) {
			*value++ = '\0';
			setenv(copy, value, 1);
		} else {
			unsetenv(copy);
		}
		free(copy);
	}
}

/* The shell: runs the program in the foreground, reports each change. */
static void
shell_run(const struct terminal_setup *setup, int news, int go)
{
	struct termios before;
	struct news say = {0};
	char byte;

	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_DFL);
	tcgetattr(0, &before);
	environment_set(setup->environment);
	say.program = fork();
	if (!say.program) {
		setpgid(0, 0);
		tcsetpgrp(0, getpid());
		signal(SIGTTOU, SIG_DFL);
		execv(setup->arguments[0],
		      (char *const *)(uintptr_t)setup->arguments);
		_exit(127);
	}
	setpgid(say.program, say.program);
	if (write(news, &say, sizeof(say)) != sizeof(say))
		_exit(1);
	for (;;) {
		struct termios after;

		if (waitpid(say.program, &say.status, WUNTRACED) < 0)
			_exit(1);
		tcsetpgrp(0, getpid());
		tcgetattr(0, &after);
		say.same = same_modes(&before, &after);
		if (write(news, &say, sizeof(say)) != sizeof(say) ||
		    !WIFSTOPPED(say.status) || read(go, &byte, 1) != 1)
			_exit(0);
		tcsetpgrp(0, say.program);
		kill(say.program, SIGCONT);
	}
}

struct terminal *
terminal_open(const struct terminal_setup *setup)
{
	struct terminal *terminal = mem_alloc(sizeof(*terminal));
	struct winsize size = {0};
	int news[2];
	int go[2];

	terminal->width = setup->width ? setup->width : 80;
	terminal->height = setup->height ? setup->height : 24;
	size.ws_col = (unsigned short)terminal->width;
	size.ws_row = (unsigned short)terminal->height;
	if (pipe2(news, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		abort();
	terminal->shell = forkpty(&terminal->pty, NULL, NULL, &size);
	if (!terminal->shell)
		shell_run(setup, news[1], go[0]);
	close(news[1]);
	close(go[0]);
	terminal->news = news[0];
	terminal->go = go[1];
	terminal->cursor = true;
	terminal->vterm = vterm_new(terminal->height, terminal->width);
	vterm_set_utf8(terminal->vterm, 1);
	terminal->screen = vterm_obtain_screen(terminal->vterm);
	vterm_screen_set_callbacks(terminal->screen, &callbacks, terminal);
	vterm_screen_enable_altscreen(terminal->screen, 1);
	vterm_screen_reset(terminal->screen, 1);
	if (read(terminal->news, &terminal->last, sizeof(terminal->last)) !=
	    sizeof(terminal->last))
		abort();
	return terminal;
}

void
terminal_close(struct terminal *terminal)
{
	kill(terminal->last.program, SIGKILL);
	kill(terminal->shell, SIGKILL);
	waitpid(terminal->shell, NULL, 0);
	close(terminal->pty);
	close(terminal->news);
	close(terminal->go);
	vterm_free(terminal->vterm);
	free(terminal);
}

pid_t
terminal_program(struct terminal *terminal)
{
	return terminal->last.program;
}

void
terminal_type(struct terminal *terminal, const char *bytes)
{
	size_t size = strlen(bytes);

	if (write(terminal->pty, bytes, size) != (ssize_t)size)
		perror("pty");
}

void
terminal_resize(struct terminal *terminal, int width, int height)
{
	struct winsize size = {.ws_col = (unsigned short)width,
			       .ws_row = (unsigned short)height};

	terminal->width = width;
	terminal->height = height;
	vterm_set_size(terminal->vterm, height, width);
	ioctl(terminal->pty, TIOCSWINSZ, &size);
}

static const char *
screen_text(struct terminal *terminal)
{
	VTermRect all = {0, terminal->height, 0, terminal->width};
	size_t used = 0;

	for (int y = 0; y < terminal->height; y++) {
		all.start_row = y;
		all.end_row = y + 1;
		used += vterm_screen_get_text(
		    terminal->screen, terminal->text + used,
		    sizeof(terminal->text) - used - 2, all);
		terminal->text[used++] = '\n';
	}
	terminal->text[used] = '\0';
	return terminal->text;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes in what the program wrote. True when the shell had news. */
static bool
take_in(struct terminal *terminal, int timeout)
{
	struct pollfd polls[] = {{.fd = terminal->pty, .events = POLLIN},
				 {.fd = terminal->news, .events = POLLIN}};
	char bytes[8192];
	ssize_t size;

	if (poll(polls, 2, timeout) <= 0)
		return false;
	if (polls[0].revents & POLLIN) {
		size = read(terminal->pty, bytes, sizeof(bytes));
		if (size > 0)
			vterm_input_write(terminal->vterm, bytes, (size_t)size);
		return false; /* all output first, then the news */
	}
	return polls[1].revents & POLLIN &&
	       read(terminal->news, &terminal->last, sizeof(terminal->last)) ==
		   sizeof(terminal->last);
}

static bool
waits(struct terminal *terminal, const char *text, bool wanted)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (now_ms() < end) {
		if ((strstr(screen_text(terminal), text) != NULL) == wanted)
			return true;
		take_in(terminal, 50);
	}
	fprintf(stderr, "'%s' is %s:\n%s", text,
		wanted ? "not there" : "still there", screen_text(terminal));
	return false;
}

bool
terminal_waits_for(struct terminal *terminal, const char *text)
{
	return waits(terminal, text, true);
}

bool
terminal_waits_gone(struct terminal *terminal, const char *text)
{
	return waits(terminal, text, false);
}

/* How often it gave up its processor by itself. */
static long
times_waited(pid_t program)
{
	static const char name[] = "voluntary_ctxt_switches:";
	char *path = mem_format("/proc/%d/status", (int)program);
	FILE *file = fopen(path, "r");
	char line[256];
	long times = -1;

	free(path);
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			times = strtol(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return times;
}

bool
terminal_waits_idle(struct terminal *terminal)
{
	int64_t end = now_ms() + 3 * DEADLINE_MS;
	long before = times_waited(terminal->last.program);

	while (before >= 0 && now_ms() < end) {
		if (times_waited(terminal->last.program) - before >= 4)
			return true;
		take_in(terminal, 50);
	}
	fprintf(stderr, "it never waits:\n%s", screen_text(terminal));
	return false;
}

bool
terminal_waits_end(struct terminal *terminal, int *status)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (now_ms() < end)
		if (take_in(terminal, 50)) {
			*status = terminal->last.status;
			if (WIFSTOPPED(*status) &&
			    write(terminal->go, "", 1) != 1)
				return false;
			return true;
		}
	fprintf(stderr, "it goes on:\n%s", screen_text(terminal));
	return false;
}

bool
terminal_modes_same(const struct terminal *terminal)
{
	return terminal->last.same;
}

int
terminal_find(struct terminal *terminal, const char *text, int *x)
{
	char line[4096];

	for (int y = 0; y < terminal->height; y++) {
		VTermRect row = {y, y + 1, 0, terminal->width};
		size_t size = vterm_screen_get_text(terminal->screen, line,
						    sizeof(line) - 1, row);
		const char *at;

		line[size] = '\0';
		at = strstr(line, text);
		if (!at)
			continue;
		*x = (int)(at - line);
		return y;
	}
	return -1;
}

static VTermScreenCell
cell(struct terminal *terminal, int y, int x)
{
	VTermScreenCell found;

	vterm_screen_get_cell(terminal->screen, (VTermPos){y, x}, &found);
	return found;
}

bool
terminal_is_reverse(struct terminal *terminal, int y, int x)
{
	return cell(terminal, y, x).attrs.reverse;
}

bool
terminal_has_color(struct terminal *terminal, int y, int x)
{
	VTermScreenCell found = cell(terminal, y, x);

	return !VTERM_COLOR_IS_DEFAULT_FG(&found.fg) ||
	       !VTERM_COLOR_IS_DEFAULT_BG(&found.bg);
}

bool
terminal_any_color(struct terminal *terminal)
{
	for (int y = 0; y < terminal->height; y++)
		for (int x = 0; x < terminal->width; x++)
			if (terminal_has_color(terminal, y, x))
				return true;
	return false;
}

bool
terminal_alternate(const struct terminal *terminal)
{
	return terminal->alternate;
}

bool
terminal_cursor(const struct terminal *terminal)
{
	return terminal->cursor;
}
