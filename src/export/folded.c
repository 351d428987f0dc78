/*
 * folded.c - folded stacks: "outermost;...;innermost BYTES", a line for each
 * site with live bytes, as flame graph scripts read them.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "export/formats.h"
#include "export/label.h"

/* A semicolon would end the frame. */
static void
put_part(FILE *file, const char *text)
{
	char *clean = text_clean_copy(text);

	for (char *at = clean; *at; at++)
		putc(*at == ';' ? ':' : *at, file);
	free(clean);
}

static void
put_frame(FILE *file, struct names *names, uint32_t id)
{
	size_t count;
	const struct location *location = names_locations(names, id, &count);
	const struct frame *frame = names_frame(names, id);

	while (count--) {
		const struct location *at = &location[count];

		put_part(file,
			 at->function ? names_text(names, at->function) : "?");
		if (at->file) {
			fputs(" (", file);
			put_part(file, names_text(names, at->file));
			fprintf(file, ":%" PRIu32 ")", at->line);
		} else if (frame->module) {
			fputs(" (", file);
			put_part(file,
				 names_text(
				     names,
				     names_module(names, frame->module)->path));
			putc(')', file);
		}
		if (count)
			putc(';', file);
	}
}

bool
folded_write(FILE *file, const struct snapshot *snapshot, struct err *err)
{
	struct names *names = snapshot->names;
	uint32_t *path = NULL;
	size_t room = 0;

	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct site *site = &snapshot->sites[i];
		size_t depth = 0;

		if (!site->stack || !site_live_bytes(site))
			continue;
		for (uint32_t at = site->stack; at;
		     at = names_stack(names, at)->parent) {
			path = mem_room(path, &room, depth, sizeof(*path));
			path[depth++] = names_stack(names, at)->frame;
		}
		while (depth--) {
			put_frame(file, names, path[depth]);
			putc(depth ? ';' : ' ', file);
		}
		fprintf(file, "%" PRIu64 "\n", site_live_bytes(site));
	}
	free(path);
	return label_finish(file, err);
}
