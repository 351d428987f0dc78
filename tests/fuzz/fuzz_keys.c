/*
 * fuzz_keys.c - any bytes as a script of keys: whatever is pressed, at whatever
 * size, the viewer draws something. Lines that would write files are left out.
 */
#include "config.h"

#include <locale.h>
#include <unistd.h>

#include "fuzz.h"
#include "made.h"
#include "viewer/script.h"

#define LINES_MAX  100
#define KEYS_BYTES 2000

static bool
is_left_out(const char *line)
{
	return !strncmp(line, "dump", 4);
}

/* The script without those lines, and not longer than it has to be. */
static int
script_file(char path[FUZZ_PATH_MAX], const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);
	size_t used = 0;
	int fd;

	size = size < KEYS_BYTES ? size : KEYS_BYTES;
	for (size_t at = 0; at < size;) {
		const char *line = (const char *)data + at;
		const char *end = memchr(line, '\n', size - at);
		size_t length = end ? (size_t)(end - line) + 1 : size - at;

		if (length < 4 || !is_left_out(line)) {
			memcpy(text + used, line, length);
			used += length;
		}
		at += length;
	}
	fd = fuzz_file(path, text, used);
	free(text);
	return fd;
}

static void
draw(struct viewer *viewer, unsigned stale)
{
	viewer_update(viewer, stale);
	viewer_draw(viewer);
}

static void
run(struct viewer *viewer, struct script *script)
{
	enum script_step step = SCRIPT_GO_ON;
	struct err err = {""};

	for (int i = 0; i < LINES_MAX && step <= SCRIPT_WAIT; i++) {
		unsigned stale;

		step = script_step(script, viewer, &stale, &err);
		draw(viewer, stale);
		viewer->now_ns += UINT64_C(6000000000);
		draw(viewer, viewer_refresh(viewer));
	}
	if (step == SCRIPT_FAILED)
		FUZZ_REQUIRE(err.text[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct viewer viewer;
	struct viewer_options options = {0};
	struct viewer_host host = {0};
	struct made made;
	struct script *script;
	struct err err;
	char path[FUZZ_PATH_MAX];
	int fd = script_file(path, data, size);

	setlocale(LC_CTYPE, "C.UTF-8");
	memset(&viewer, 0, sizeof(viewer));
	made_init(&made, 0);
	made.grows = size & 1;
	viewer_init(&viewer, made_feed(&made), &options,
		    size & 2 ? &host : NULL);
	viewer.now_ns = viewer.start_ns = UINT64_C(1000000000);
	FUZZ_REQUIRE(theme_load(&viewer.theme, "dark", &err));
	canvas_init(&viewer.canvas, 24, 80, viewer.ascii);
	draw(&viewer, viewer_refresh(&viewer) | STALE_ROWS);
	script = script_open(path, &err);
	FUZZ_REQUIRE(script);
	run(&viewer, script);
	script_close(script);
	viewer_fini(&viewer);
	made_fini(&made);
	close(fd);
	return 0;
}
