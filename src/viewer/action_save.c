/* action_save.c - handlers: a snapshot in a file. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "viewer/action.h"
#include "viewer/view.h"

unsigned
do_save(struct viewer *viewer, enum command_id command, uint32_t key)
{
	const struct snapshot *snapshot = viewer->newest;
	char path[64], when[32];
	struct tm parts;
	time_t seconds;

	(void)command, (void)key;
	if (!viewer->options->save || !snapshot || !snapshot->tick) {
		viewer_message(viewer, ROLE_WARNING,
			       "there is nothing to save yet");
		return STALE_DRAW;
	}
	seconds = (time_t)(snapshot->time_ns / UINT64_C(1000000000));
	if (!localtime_r(&seconds, &parts) ||
	    !strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &parts))
		when[0] = '\0';
	snprintf(path, sizeof(path), "heaptop-%u-%s.json.gz",
		 snapshot->process.pid, when);
	return prompt_save(viewer, path);
}

unsigned
save_typed(struct viewer *viewer)
{
	struct prompt *prompt = &viewer->prompt;
	bool replace = prompt->kind == PROMPT_REPLACE;
	struct saved saved = past_saved(viewer);
	unsigned stale = STALE_DRAW;
	char clean[TEXT_MAX], size[TEXT_SIZE_MAX];
	struct stat found;
	struct err err;

	/* What is saved is the newest, wherever one looks. */
	if (!replace && prompt->text[0] && access(prompt->text, F_OK) == 0) {
		prompt->kind = PROMPT_REPLACE;
		return stale;
	}
	prompt->open = false;
	if (!prompt->text[0])
		return stale;
	if (viewer->resolve &&
	    resolve_all(viewer->resolve, viewer->newest->names))
		stale |= STALE_ROWS | STALE_TRACE;
	/* Where it cannot be looked at, what was seen last is saved. */
	if (viewer->feed.memory)
		viewer->feed.memory(viewer->feed.context, &err);
	if (!viewer->options->save(prompt->text, viewer->newest, &saved,
				   replace, &err)) {
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
		return stale;
	}
	text_clean(clean, sizeof(clean), prompt->text, strlen(prompt->text));
	text_size(size,
		  stat(prompt->text, &found) ? 0 : (uint64_t)found.st_size);
	viewer_message(viewer, ROLE_ACCENT, "saved '%s', %s", clean, size);
	return stale;
}
