/* script.c - lines of a script into events. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "viewer/script.h"
#include "viewer/settings.h"

#define WAIT_NS (UINT64_C(10) * 1000000000)

struct script {
	FILE *file;
	char *path;
	int number;
	char line[1024];
	bool waiting; /* line is a wait that has not come true */
	uint64_t wait_end_ns;
};

struct script *
script_open(const char *path, struct err *err)
{
	struct script *script = mem_alloc(sizeof(*script));

	script->file = fopen(path, "re");
	if (!script->file) {
		err_errno(err, "cannot read script '%s'", path);
		free(script);
		return NULL;
	}
	script->path = mem_string(path);
	return script;
}

void
script_close(struct script *script)
{
	if (!script)
		return;
	fclose(script->file);
	free(script->path);
	free(script);
}

static enum script_step
failed(const struct script *script, struct err *err, const char *reason)
{
	err_set(err, "%s:%d: '%s': %s", script->path, script->number,
		script->line, reason);
	return SCRIPT_FAILED;
}

static unsigned
press(struct viewer *viewer, uint32_t key)
{
	struct event event = {.key = key};
	unsigned stale = viewer_event(viewer, &event);

	/* A later key sees what this one did. */
	if (viewer_update(viewer, stale))
		viewer_draw(viewer);
	return stale;
}

static enum script_step
run_keys(struct script *script, struct viewer *viewer, const char *names,
	 unsigned *stale, struct err *err)
{
	while (*names) {
		size_t size = strcspn(names, " ");
		uint32_t key = input_parse(names, size);

		if (!key)
			return failed(script, err, "no such key");
		*stale |= press(viewer, key);
		names += size;
		names += strspn(names, " ");
	}
	return SCRIPT_GO_ON;
}

static enum script_step
run_text(struct viewer *viewer, const char *text, unsigned *stale)
{
	while (*text) {
		uint32_t code;
		size_t size = text_decode(text, strlen(text), &code);

		if (!size)
			break;
		*stale |= press(viewer, code);
		text += size;
	}
	return SCRIPT_GO_ON;
}

static enum script_step
run_dump(struct script *script, struct viewer *viewer, const char *path,
	 bool color, struct err *err)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "we") : stdout;

	if (!file)
		return failed(script, err, "cannot write the file");
	canvas_dump(&viewer->canvas, file, color ? &viewer->theme : NULL);
	if (file != stdout)
		fclose(file);
	else
		fflush(file);
	return SCRIPT_GO_ON;
}

static enum script_step
run_pass(struct script *script, struct viewer *viewer, const char *text,
	 unsigned *stale, struct err *err)
{
	double seconds;

	if (!delay_parse(text, &seconds, err))
		return failed(script, err, "let 0.1 to 60 seconds pass");
	viewer->now_ns += (uint64_t)(seconds * 1e9);
	*stale |= STALE_DRAW;
	return SCRIPT_GO_ON;
}

static enum script_step
run_wait(struct script *script, struct viewer *viewer, const char *text,
	 bool gone, struct err *err)
{
	if (!script->waiting)
		script->wait_end_ns = clock_ns() + WAIT_NS;
	script->waiting = false;
	if (canvas_shows(&viewer->canvas, text) != gone)
		return SCRIPT_GO_ON;
	if (clock_ns() > script->wait_end_ns) {
		canvas_dump(&viewer->canvas, stderr, NULL);
		return failed(script, err,
			      gone ? "still there after 10 s"
				   : "not there after 10 s");
	}
	script->waiting = true;
	return SCRIPT_WAIT;
}

static enum script_step
run_line(struct script *script, struct viewer *viewer, char *line,
	 unsigned *stale, struct err *err)
{
	struct event event = {0};
	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = '\0';
	if (!strcmp(line, "key"))
		return run_keys(script, viewer, rest, stale, err);
	if (!strcmp(line, "type"))
		return run_text(viewer, rest, stale);
	if (!strcmp(line, "wait-for"))
		return run_wait(script, viewer, rest, false, err);
	if (!strcmp(line, "wait-gone"))
		return run_wait(script, viewer, rest, true, err);
	if (!strcmp(line, "pass"))
		return run_pass(script, viewer, rest, stale, err);
	if (!strcmp(line, "dump"))
		return run_dump(script, viewer, rest, false, err);
	if (!strcmp(line, "dump-color"))
		return run_dump(script, viewer, rest, true, err);
	if (!strcmp(line, "quit"))
		return SCRIPT_END;
	if (!strcmp(line, "click") &&
	    sscanf(rest, "%d %d", &event.y, &event.x) == 2)
		event.key = INPUT_CLICK;
	else if (!strcmp(line, "resize") &&
		 sscanf(rest, "%dx%d", &event.x, &event.y) == 2)
		event.key = INPUT_RESIZE;
	else if (!strcmp(line, "wheel"))
		event.key =
		    strcmp(rest, "up") ? INPUT_WHEEL_DOWN : INPUT_WHEEL_UP;
	else
		return failed(script, err, "not understood");
	*stale |= viewer_event(viewer, &event);
	return SCRIPT_GO_ON;
}

enum script_step
script_step(struct script *script, struct viewer *viewer, unsigned *stale,
	    struct err *err)
{
	char line[sizeof(script->line)];

	*stale = 0;
	if (!script->waiting) {
		if (!fgets(script->line, sizeof(script->line), script->file))
			return SCRIPT_END;
		script->number++;
		script->line[strcspn(script->line, "\n")] = '\0';
	}
	if (!script->line[0] || script->line[0] == '#')
		return SCRIPT_GO_ON;
	memcpy(line, script->line, sizeof(line));
	return run_line(script, viewer, line, stale, err);
}
