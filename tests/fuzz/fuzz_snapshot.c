/*
 * fuzz_snapshot.c - any bytes as a saved snapshot: what can be read can be
 * queried, at each moment of its history and from each of its marks, and
 * written; and what was written is read again as the same.
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
#include "model/trend.h"
#include "source/source.h"

#define MOMENTS_MAX 40 /* that are looked at: more tell nothing new */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(struct engine *engine, const struct snapshot *snapshot,
    const struct mark *mark, struct history *history)
{
	struct query query = {.group_by = GROUP_LINENO, .mark = mark};
	const struct rows *rows = engine_run(engine, snapshot, &query);
	struct trend trends[4];

	if (history && history_count(history) && rows->count)
		trend_rows(engine, history, history_count(history) - 1,
			   rows->rows, rows->count < 4 ? rows->count : 4,
			   snapshot->site_count, trends);
}

static void
use(struct source *source)
{
	const struct snapshot *snapshot = source_snapshot(source);
	struct saved *saved = source_saved(source);
	struct history *history = saved->history;
	size_t count = history ? history_count(history) : 0;
	struct engine *engine = engine_new();

	ask(engine, snapshot, NULL, history);
	for (size_t i = 0; i < saved->mark_count; i++)
		ask(engine, snapshot, &saved->marks[i], history);
	for (size_t i = 0; i < count && i < MOMENTS_MAX; i++) {
		struct snapshot then;

		if (!history_moment(history, i)->whole)
			continue;
		history_snapshot(history, i, snapshot, NULL, &then);
		ask(engine, &then, NULL, history);
		snapshot_fini(&then);
	}
	/* As the viewer goes on. */
	if (history)
		history_pin(history, snapshot);
	engine_free(engine);
}

static void
same(struct source *first, struct source *second)
{
	const struct snapshot *a = source_snapshot(first);
	const struct snapshot *b = source_snapshot(second);
	const struct saved *past = source_saved(first);
	const struct saved *again = source_saved(second);

	if (a->site_count != b->site_count || a->live_bytes != b->live_bytes ||
	    a->alloc_count != b->alloc_count ||
	    past->mark_count != again->mark_count ||
	    names_stacks(a->names) != names_stacks(b->names))
		abort();
	/* A file that lies may have a mark that is not of the moment that it
	 * claims to be of. */
	for (size_t i = 0; i < past->mark_count && !past->history; i++)
		if (past->marks[i].live_bytes != again->marks[i].live_bytes)
			abort();
	if (past->history &&
	    history_count(past->history) !=
		(again->history ? history_count(again->history) : 0))
		abort();
}

static void
write_again(struct source *source)
{
	char path[] = "/dev/shm/heaptop-fuzz-XXXXXX";
	int fd = mkstemp(path);
	struct source *again;
	struct err err;

	if (fd < 0 || !export_saved(path, source_snapshot(source),
				    source_saved(source), true, &err))
		abort();
	close(fd);
	again = source_open(path, &err);
	unlink(path);
	if (!again) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	same(source, again);
	source_close(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct err err = {""};
	struct source *source;
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	source = source_open(path, &err);
	if (!source && (!err.text[0] || strchr(err.text, '\n')))
		abort();
	if (source && source_saved(source)) {
		write_again(source);
		use(source);
	}
	source_close(source);
	close(fd);
	return 0;
}
