/*
 * fuzz_segment.c - any bytes as a segment or a snapshot: opened, refreshed,
 * queried and written.
 *
 * With libFuzzer, which has a main of its own:
 *	clang -fsanitize=fuzzer,address,undefined ...
 * With fuzz_main.c, a program that runs the files and folders it is given.
 */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "export/export.h"
#include "source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(struct source *source)
{
	struct engine *engine = engine_new();
	FILE *sink = fopen("/dev/null", "w");
	struct mark mark;
	struct err err;

	mark_take(&mark, source_snapshot(source), "");
	source_refresh(source, &err);
	for (int round = 0; round < 2 * GROUP_COUNT; round++) {
		struct query query = {.group_by = (enum group)(round / 2),
				      .inclusive = round % 2,
				      .mine = round % 3 == 0,
				      .sort = (enum column)(round % COLUMN_MAX),
				      .mark = round % 4 == 1 ? &mark : NULL,
				      .top = 20,
				      .filter = round == 5 ? "py:1" : NULL};
		const struct rows *rows =
		    engine_run(engine, source_snapshot(source), &query);

		export_text(sink, source_snapshot(source), &query, rows, NULL,
			    &err);
		export_json(sink, source_snapshot(source), &query, rows, &err);
	}
	for (const struct export_format *format = export_formats; format->name;
	     format++)
		format->write(sink, source_snapshot(source), &err);
	fclose(sink);
	mark_fini(&mark);
	engine_free(engine);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct err err;
	struct source *source;
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	source = source_open(path, &err);
	if (source)
		use(source);
	source_close(source);
	close(fd);
	return 0;
}
