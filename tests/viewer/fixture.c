/* fixture.c - see fixture.h. */
#include "config.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static void
draw(struct fixture *fixture, unsigned stale)
{
	viewer_update(&fixture->viewer, stale);
	viewer_draw(&fixture->viewer);
}

void
fixture_open(struct fixture *fixture, const struct viewer_options *options,
	     bool hosted)
{
	struct viewer *viewer = &fixture->viewer;
	struct err err;

	setenv("TZ", "UTC", 1);
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	memset(fixture, 0, sizeof(*fixture));
	if (options)
		fixture->options = *options;
	made_init(&fixture->made, 0);
	viewer_init(viewer, made_feed(&fixture->made), &fixture->options,
		    hosted ? &fixture->host : NULL);
	viewer->now_ns = UINT64_C(1000000000);
	viewer->start_ns = viewer->now_ns;
	assert_true(theme_load(&viewer->theme, "dark", &err));
	canvas_init(&viewer->canvas, 24, 80, viewer->ascii);
	draw(fixture, viewer_refresh(viewer) | STALE_ROWS);
}

void
fixture_close(struct fixture *fixture)
{
	viewer_fini(&fixture->viewer);
	made_fini(&fixture->made);
}

void
fixture_resize(struct fixture *fixture, int width, int height)
{
	struct event event = {INPUT_RESIZE, height, width};

	draw(fixture, viewer_event(&fixture->viewer, &event));
}

void
fixture_keys(struct fixture *fixture, const char *names)
{
	while (*names) {
		size_t size = strcspn(names, " ");
		struct event event = {.key = input_parse(names, size)};

		assert_int_not_equal(event.key, 0);
		draw(fixture, viewer_event(&fixture->viewer, &event));
		names += size;
		names += strspn(names, " ");
	}
}

void
fixture_click(struct fixture *fixture, int y, int x)
{
	struct event event = {INPUT_CLICK, y, x};

	draw(fixture, viewer_event(&fixture->viewer, &event));
}

void
fixture_step(struct fixture *fixture)
{
	fixture->made.grows = true;
	fixture->viewer.now_ns += UINT64_C(500000000);
	draw(fixture, viewer_refresh(&fixture->viewer));
	fixture->made.grows = false;
}

void
assert_shows(struct fixture *fixture, const char *text)
{
	if (canvas_shows(&fixture->viewer.canvas, text))
		return;
	canvas_dump(&fixture->viewer.canvas, stderr, NULL);
	fail_msg("'%s' is not on the screen", text);
}

void
assert_hides(struct fixture *fixture, const char *text)
{
	if (!canvas_shows(&fixture->viewer.canvas, text))
		return;
	canvas_dump(&fixture->viewer.canvas, stderr, NULL);
	fail_msg("'%s' is on the screen", text);
}

const char *
fixture_line(struct fixture *fixture, int y)
{
	static char line[4096];

	return canvas_row(&fixture->viewer.canvas, y, line, sizeof(line));
}

int
fixture_find(struct fixture *fixture, const char *text)
{
	for (int y = 0; y < fixture->viewer.canvas.height; y++)
		if (strstr(fixture_line(fixture, y), text))
			return y;
	return -1;
}

enum role
fixture_role(struct fixture *fixture, int y, int x)
{
	const struct canvas *canvas = &fixture->viewer.canvas;

	return (enum role)canvas->cells[y * canvas->width + x].role;
}
