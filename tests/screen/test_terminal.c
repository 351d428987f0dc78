/* test_terminal.c - the viewer on a real terminal. */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the first of these before it. */
#include <cmocka.h>

#include "terminal.h"

static char program[4096];

#define ENVIRONMENT(...)                                             \
	(const char *const[])                                        \
	{                                                            \
		"TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR", \
		    "HEAPTOP_DIR=/nonexistent", __VA_ARGS__, NULL    \
	}
#define ARGUMENTS(...)                     \
	(const char *const[])              \
	{                                  \
		program, __VA_ARGS__, NULL \
	}

static struct terminal *
start(const char *const *environment, const char *const *arguments)
{
	struct terminal_setup setup = {.environment = environment,
				       .arguments = arguments};

	return terminal_open(&setup);
}

static void
assert_exit(struct terminal *terminal, int code)
{
	int status = -1;

	assert_true(terminal_waits_end(terminal, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
	assert_true(terminal_modes_same(terminal));
	assert_false(terminal_alternate(terminal));
	assert_true(terminal_cursor(terminal));
}

static void
test_keys(void **state)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--grow"));

	(void)state;
	assert_true(terminal_waits_for(t, "lines.py:345"));
	assert_true(terminal_alternate(t));
	assert_false(terminal_cursor(t));
	terminal_type(t, "m");
	assert_true(terminal_waits_for(t, "mark, 0:0"));
	terminal_type(t, "\033OB\r"); /* Down, Enter */
	assert_true(terminal_waits_for(t, "Traceback"));
	assert_true(terminal_waits_for(t, "monthly_report"));
	terminal_type(t, "\033"); /* Esc closes, and is quick */
	assert_true(terminal_waits_gone(t, "Traceback ·"));
	terminal_type(t, "\033OP"); /* F1 */
	assert_true(terminal_waits_for(t, "the full traceback"));
	terminal_type(t, "q\033[17~"); /* F6 */
	assert_true(terminal_waits_for(t, "Sort by"));
	terminal_type(t, "\033/axis\r");
	assert_true(terminal_waits_for(t, "search: axis"));
	terminal_type(t, "\003"); /* C-c */
	assert_exit(t, 0);
	terminal_close(t);
}

static void
test_mouse(void **state)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--grow"));
	char click[64];
	int x;
	int y;

	(void)state;
	assert_true(terminal_waits_for(t, "charts.py:9"));
	y = terminal_find(t, "charts.py:9", &x);
	snprintf(click, sizeof(click), "\033[<0;%d;%dM\033[<0;%d;%dm", 5, y + 1,
		 5, y + 1);
	terminal_type(t, click);
	terminal_type(t, "\r");
	assert_true(terminal_waits_for(t, "load_rows"));
	terminal_type(t, "q");
	assert_true(terminal_waits_for(t, "CALL SITE"));
	y = terminal_find(t, "COUNT", &x);
	snprintf(click, sizeof(click), "\033[<0;%d;%dM", x + 2, y + 1);
	terminal_type(t, click);
	assert_true(terminal_waits_for(t, "COUNT▼"));
	terminal_type(t, "\033[<65;5;9M"); /* wheel */
	terminal_type(t, "q");
	assert_exit(t, 0);
	terminal_close(t);
}

static void
test_resize(void **state)
{
	static const struct {
		int width;
		int height;
		const char *text;
	} sizes[] = {
	    {200, 60, "site-packages/matplotlib/lines.py:345"},
	    {40, 10, "lines.py:345 (__"},
	    {20, 4, "15.0M"},
	    {80, 24, "lines.py:345 (__init__)"},
	};
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--ended"));

	(void)state;
	assert_true(terminal_waits_for(t, "CALL SITE"));
	for (size_t i = 0; i < 4; i++) {
		terminal_resize(t, sizes[i].width, sizes[i].height);
		assert_true(terminal_waits_for(t, sizes[i].text));
	}
	terminal_resize(t, 1, 1);
	terminal_resize(t, 80, 24);
	assert_true(terminal_waits_for(t, "CALL SITE"));
	terminal_type(t, "q");
	assert_exit(t, 0);
	terminal_close(t);
}

/* Of what has ended there is nothing to watch. */
static void
test_idle(void **state)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--ended"));

	(void)state;
	assert_true(terminal_waits_for(t, "CALL SITE"));
	assert_true(terminal_waits_idle(t));
	terminal_type(t, "q");
	assert_exit(t, 0);
	terminal_close(t);
}

static void
test_suspend(void **state)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--ended"));
	int status;

	(void)state;
	assert_true(terminal_waits_for(t, "CALL SITE"));
	terminal_type(t, "\032"); /* C-z */
	assert_true(terminal_waits_end(t, &status));
	assert_true(WIFSTOPPED(status));
	assert_true(terminal_modes_same(t));
	assert_false(terminal_alternate(t));
	assert_true(terminal_waits_for(t, "CALL SITE")); /* it goes on */
	assert_true(terminal_alternate(t));
	terminal_type(t, "?");
	assert_true(terminal_waits_for(t, "the full traceback"));
	terminal_type(t, "qq");
	assert_exit(t, 0);
	terminal_close(t);
}

static void
ended_by(int number, bool restores)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--grow"));
	int status;

	assert_true(terminal_waits_for(t, "CALL SITE"));
	kill(terminal_program(t), number);
	assert_true(terminal_waits_end(t, &status));
	assert_true(restores ? WEXITSTATUS(status) == 128 + number
			     : WTERMSIG(status) == number);
	assert_true(terminal_modes_same(t));
	assert_false(terminal_alternate(t));
	assert_true(terminal_cursor(t));
	terminal_close(t);
}

static void
test_signals(void **state)
{
	(void)state;
	ended_by(SIGTERM, true);
	ended_by(SIGHUP, true);
	ended_by(SIGINT, true);
	ended_by(SIGSEGV, false);
	ended_by(SIGABRT, false);
}

static void
test_colors(void **state)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--ended"));

	(void)state;
	assert_true(terminal_waits_for(t, "q Quit"));
	assert_true(terminal_any_color(t));
	terminal_close(t);

	t = start(ENVIRONMENT("NO_COLOR=1"), ARGUMENTS("--ended"));
	assert_true(terminal_waits_for(t, "q Quit"));
	assert_false(terminal_any_color(t));
	assert_true(terminal_is_reverse(t, 6, 0)); /* the selection */
	terminal_close(t);

	t = start(ENVIRONMENT("NO_COLOR="), ARGUMENTS("--ended"));
	assert_true(terminal_waits_for(t, "q Quit"));
	assert_true(terminal_any_color(t)); /* empty does not count */
	terminal_close(t);

	t = start(ENVIRONMENT("TERM=vt100"), ARGUMENTS("--ended"));
	assert_true(terminal_waits_for(t, "q Quit"));
	assert_false(terminal_any_color(t));
	terminal_close(t);

	t = start(ENVIRONMENT("A=1"), ARGUMENTS("--ended", "--theme", "light"));
	assert_true(terminal_waits_for(t, "q Quit"));
	assert_true(terminal_any_color(t));
	terminal_close(t);
}

/* Colours change at once, and the mouse goes and comes. */
static void
test_setup(void **state)
{
	struct terminal *t = start(ENVIRONMENT("A=1"), ARGUMENTS("--ended"));

	(void)state;
	assert_true(terminal_waits_for(t, "q Quit"));
	assert_true(terminal_any_color(t));
	terminal_type(t, "C\033OC\033OC"); /* the theme: mono */
	assert_true(terminal_waits_for(t, "Theme         mono"));
	assert_false(terminal_any_color(t));
	terminal_type(t, "\033OD");
	assert_true(terminal_waits_for(t, "Theme         light"));
	assert_true(terminal_any_color(t));
	terminal_type(t, "g\033OB\033OB\033OB\033OB\r");
	assert_true(terminal_waits_for(t, "terminal's"));
	terminal_type(t, "\r");
	assert_true(terminal_waits_for(t, "heaptop's"));
	terminal_type(t, "qq");
	assert_exit(t, 0);
	terminal_close(t);
}

static void
test_locales(void **state)
{
	static const char *const wide[] = {"LC_ALL=", "LC_ALL=C.UTF-8",
					   "LC_ALL=ko_KR.UTF-8x"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct terminal *t =
		    start(ENVIRONMENT("LANG=", "LC_CTYPE=POSIX", wide[i]),
			  ARGUMENTS("--ended"));

		assert_true(terminal_waits_for(t, "통계/집계.py:41 (계산)"));
		assert_true(terminal_waits_for(t, "LIVE▼"));
		terminal_close(t);
	}
	for (int i = 0; i < 2; i++) {
		struct terminal *t =
		    i ? start(ENVIRONMENT("LC_ALL=C"), ARGUMENTS("--ended"))
		      : start(ENVIRONMENT("A=1"),
			      ARGUMENTS("--ended", "--ascii"));

		assert_true(terminal_waits_for(t, "LIVEv"));
		assert_true(terminal_waits_for(t, "q Quit"));
		terminal_close(t);
	}
}

static void
test_terminals(void **state)
{
	struct terminal *t;

	(void)state;
	t = start(ENVIRONMENT("TERM=nonsense"), ARGUMENTS("--ended"));
	assert_true(terminal_waits_for(t, "terminal 'nonsense' is unknown"));
	assert_true(terminal_waits_for(t, "CALL SITE"));
	terminal_type(t, "q");
	assert_exit(t, 0);
	terminal_close(t);

	t = start(ENVIRONMENT("TERM=dumb"), ARGUMENTS("--ended"));
	assert_exit(t, 1);
	assert_true(terminal_waits_for(t, "heaptop top -b"));
	terminal_close(t);

	t = start(ENVIRONMENT("A=1"),
		  ARGUMENTS("--ended", "--theme", "/no/such"));
	assert_exit(t, 1);
	assert_true(terminal_waits_for(t, "/no/such"));
	terminal_close(t);
}

static void
test_child(void **state)
{
	struct terminal *t =
	    start(ENVIRONMENT("A=1"), ARGUMENTS("--grow", "--host"));

	(void)state;
	assert_true(terminal_waits_for(t, "CALL SITE"));
	terminal_type(t, "o");
	assert_true(terminal_waits_for(t, "GET /report/100"));
	assert_true(terminal_waits_for(t, "\\x1b[2Jevil\\x07"));
	terminal_type(t, "q\003");
	assert_true(terminal_waits_for(t, "The program is still running"));
	terminal_type(t, "c");
	assert_true(terminal_waits_gone(t, "The program is still running"));
	terminal_type(t, "qs");
	assert_exit(t, 0);
	assert_true(terminal_waits_for(t, "left 2 stopped 1"));
	terminal_close(t);
}

static void
test_no_terminal(void **state)
{
	char command[4200];
	char line[512] = "";
	FILE *pipe;

	(void)state;
	snprintf(command, sizeof(command), "%s </dev/null 2>&1", program);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_non_null(strstr(line, "no terminal; use heaptop top -b"));
	assert_null(fgets(line, sizeof(line), pipe));
	assert_int_equal(WEXITSTATUS(pclose(pipe)), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_mouse),
	    cmocka_unit_test(test_resize),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_suspend),
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_colors),
	    cmocka_unit_test(test_locales),
	    cmocka_unit_test(test_terminals),
	    cmocka_unit_test(test_child),
	    cmocka_unit_test(test_setup),
	    cmocka_unit_test(test_no_terminal),
	};
	const char *top = getenv("top_builddir");

	snprintf(program, sizeof(program), "%s/tests/screen/made_viewer",
		 top ? top : ".");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
