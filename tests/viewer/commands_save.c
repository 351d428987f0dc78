/* commands_save.c - a snapshot saved by a key, and opened again. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "export/export.h"
#include "viewer/view.h"

static char folder[] = "/tmp/heaptop-save-XXXXXX";

static void
type(struct fixture *f, const char *text)
{
	for (; *text; text++) {
		char key[2] = {*text, '\0'};

		fixture_keys(f, key);
	}
}

/* All lines of the screen in one text; free it. */
static char *
screen(struct fixture *f)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	/* Past the lines that say how long ago and what the agent takes. */
	for (int y = 5; y < f->viewer.canvas.height; y++)
		fprintf(file, "%s\n", fixture_line(f, y));
	fclose(file);
	return text;
}

/* Another viewer on the file shows what this one does. */
static void
expect_same(struct fixture *f, const char *path)
{
	static const char *const places[] = {"Esc", "H Home", "M"};
	struct fixture again = {.options = f->options};
	struct err err;
	struct source *source = source_open(path, &err);
	struct viewer *viewer = &again.viewer;
	struct feed feed;

	if (!source)
		fail_msg("%s", err.text);
	feed = feed_source(source);
	feed.resolves = false;
	viewer_init(viewer, feed, &again.options, NULL);
	assert_true(theme_load(&viewer->theme, "dark", &err));
	viewer->now_ns = f->viewer.now_ns;
	canvas_init(&viewer->canvas, 24, 80, false);
	viewer_update(viewer, viewer_refresh(viewer) | STALE_ROWS);
	viewer_draw(viewer);
	f->viewer.message[0] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char *mine, *its;

		fixture_keys(f, places[i]);
		fixture_keys(&again, places[i]);
		mine = screen(f);
		its = screen(&again);
		assert_string_equal(its, mine);
		free(mine);
		free(its);
	}
	fixture_keys(f, "Esc Esc");
	assert_int_equal(viewer->mark.live_bytes, f->viewer.mark.live_bytes);
	viewer_fini(viewer);
	source_close(source);
}

void
test_save(void **state)
{
	struct viewer_options options = {.save = export_saved};
	struct fixture all, *f = &all;
	char path[64];
	struct stat found;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/it.json.gz", folder);
	fixture_open(f, &options, false);
	for (int i = 0; i < 12; i++)
		fixture_step(f);
	fixture_keys(f, "m");
	for (int i = 0; i < 7; i++)
		fixture_step(f);
	press(f, COMMAND_SAVE, 0);
	assert_shows(f, "Save as: heaptop-");
	fixture_keys(f, "Esc");
	assert_false(f->viewer.prompt.open);
	fixture_keys(f, "S C-u");
	type(f, path);
	fixture_keys(f, "Enter");
	assert_shows(f, "saved '/tmp/heaptop-save-");
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 0777, 0600);
	expect_same(f, path);
	/* What is there stays, unless it is said twice. */
	fixture_keys(f, "S C-u");
	type(f, path);
	fixture_keys(f, "Enter");
	assert_shows(f, "It exists");
	fixture_keys(f, "x");
	assert_shows(f, "Save as: ");
	fixture_keys(f, "Backspace Enter Esc");
	assert_false(f->viewer.prompt.open);
	assert_int_equal(truncate(path, 0), 0);
	fixture_keys(f, "S C-u");
	type(f, path);
	fixture_keys(f, "Enter Enter");
	assert_shows(f, "saved '");
	assert_int_equal(stat(path, &found), 0);
	assert_true(found.st_size > 100);
	fixture_keys(f, "S C-u");
	type(f, "/proc/none/x");
	fixture_keys(f, "Enter");
	assert_shows(f, "cannot write '/proc/none/x'");
	unlink(path);
	rmdir(folder);
	fixture_close(f);
}
