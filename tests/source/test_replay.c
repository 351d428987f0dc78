/* test_replay.c - snapshots written and read again, and damaged ones. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "../lib/segment_writer.h"
#include "export/export.h"
#include "source/source.h"

static char directory[] = "/tmp/heaptop-replay-XXXXXX";
static char live_path[64], path[64], zip_path[64];

static void
write_files(void)
{
	struct segment_writer writer;
	struct source *source;
	struct err err;
	uint32_t stack = 0, text;

	writer_open(&writer, live_path, 256, 64);
	writer_module(&writer, writer_string(&writer, "/opt/\"lib\"\x1b.so"),
		      0x7f0000000000);
	text = writer_string(&writer, "view \xff \xed\x95\x9c");
	for (uint32_t i = 1; i <= 40; i++) {
		uint32_t frame = i % 3 ? writer_python(&writer, text, text, i)
				       : writer_native(&writer, 1, i * 16);

		stack = writer_stack(&writer, i % 7 ? stack : 0, frame);
		writer_site(
		    &writer, i, stack, (enum wire_domain)(i % 5),
		    &(struct wire_totals){i * UINT64_C(1) << 40, i * 3, i, i},
		    i);
	}
	writer.next.work_units = 1204;
	writer_mark(&writer, text);
	writer_mark(&writer, 1);
	writer.next.lost[WIRE_LOST_STACK_CUT] = 8;
	writer.next.lost[WIRE_LOST_UNKNOWN_FREE] = 9;
	writer.next.peak_rss_bytes = 4096;
	writer_commit(&writer);
	source = source_open(live_path, &err);
	assert_non_null(source);
	assert_true(export_snapshot(path, source_snapshot(source), &err));
	assert_true(export_snapshot(zip_path, source_snapshot(source), &err));
	source_close(source);
	writer_close(&writer);
}

static char *
report(const char *name)
{
	struct source *source;
	struct engine *engine = engine_new();
	struct query query = {.group_by = GROUP_TRACEBACK};
	const struct rows *rows;
	struct err err = {""};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	source = source_open(name, &err);
	if (!source)
		fail_msg("%s", err.text);
	rows = engine_run(engine, source_snapshot(source), &query);
	export_json(file, source_snapshot(source), &query, rows, &err);
	engine_free(engine);
	source_close(source);
	fclose(file);
	return text;
}

/* "rss" is a live process's, and changes; its peak, of which the agent has
 * told less here, is never below it. */
static void
drop_rss(char *text)
{
	char *at = strstr(text, "\"rss\":");
	char *end = at ? strstr(at, ",\"live\":") : NULL;
	unsigned long rss, peak;

	assert_non_null(end);
	assert_int_equal(
	    sscanf(at, "\"rss\":%lu,\"peak_rss\":%lu", &rss, &peak), 2);
	assert_true(peak >= rss);
	memmove(at, end, strlen(end) + 1);
}

static void
test_same(void **state)
{
	char *live, *plain, *zipped;
	struct stat found;

	(void)state;
	write_files();
	live = report(live_path);
	plain = report(path);
	zipped = report(zip_path);
	drop_rss(live);
	drop_rss(plain);
	drop_rss(zipped);
	assert_string_equal(plain, live);
	assert_string_equal(zipped, live);
	free(live);
	free(plain);
	free(zipped);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 0777, 0600);
}

static char *
read_file(const char *name, size_t *size)
{
	FILE *file = fopen(name, "r");
	char *text = malloc(1 << 20);

	*size = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

static void
write_file(const char *name, const char *text, size_t size)
{
	FILE *file = fopen(name, "w");

	fwrite(text, 1, size, file);
	fclose(file);
}

static void
expect_line(const char *name)
{
	struct err err = {""};
	struct source *source = source_open(name, &err);

	assert_null(source);
	assert_null(strchr(err.text, '\n'));
	assert_non_null(strstr(err.text, "; "));
	assert_non_null(strstr(err.text, "cannot read '"));
}

static void
test_cut(void **state)
{
	const char *const names[] = {path, zip_path};

	(void)state;
	write_files();
	for (int i = 0; i < 2; i++) {
		size_t size;
		char *text = read_file(names[i], &size);

		/* The last byte of the text is a line end. */
		for (size_t at = 0; at < size - 1; at++) {
			write_file(names[i], text, at);
			expect_line(names[i]);
		}
		free(text);
	}
}

static void
test_mutated(void **state)
{
	size_t size;
	char *good, *text;
	int opened = 0;

	(void)state;
	write_files();
	good = read_file(path, &size);
	text = malloc(size);
	for (int round = 0; round < 4000; round++) {
		struct err err = {""};
		struct source *source;

		srand((unsigned)round);
		memcpy(text, good, size);
		for (int flips = rand() % 3 + 1; flips; flips--) {
			static const char letters[] = "[]{}\",:0129\\x-e ";

			text[(size_t)rand() % size] =
			    rand() % 2 ? letters[rand() % 16] : (char)rand();
		}
		write_file(path, text, size);
		source = source_open(path, &err);
		assert_true(source || err.text[0]);
		opened += source != NULL;
		source_close(source);
	}
	assert_true(opened > 50 && opened < 4000);
	free(good);
	free(text);
}

/* Each byte of the compressed file. */
static void
test_flipped(void **state)
{
	struct source *source;
	struct err err;
	uint64_t live;
	size_t size;
	char *text;

	(void)state;
	write_files();
	text = read_file(zip_path, &size);
	source = source_open(zip_path, &err);
	live = source_snapshot(source)->live_bytes;
	source_close(source);
	for (size_t at = 0; at < size; at++) {
		err.text[0] = '\0';

		text[at] ^= (char)(1 << at % 8);
		write_file(zip_path, text, size);
		text[at] ^= (char)(1 << at % 8);
		source = source_open(zip_path, &err);
		/* Times and names in its head mean nothing, and the same bytes
		 * can be said in two ways. */
		assert_true(!source ||
			    source_snapshot(source)->live_bytes == live);
		assert_true(source || err.text[0]);
		source_close(source);
	}
	free(text);
}

/* A small file that would be 200 MiB. */
static void
test_bomb(void **state)
{
	gzFile file = gzopen(zip_path, "w9");
	struct err err = {""};
	char spaces[4096];

	(void)state;
	gzputs(file, "{\"format\":\"heaptop-snapshot\",\"version\":1");
	memset(spaces, ' ', sizeof(spaces));
	for (int i = 0; i < 200 << 8; i++)
		gzwrite(file, spaces, sizeof(spaces));
	gzputs(file, "}");
	gzclose(file);
	assert_null(source_open(zip_path, &err));
	assert_non_null(strstr(err.text, "beyond measure when it is unpacked"));
}

static void
test_foreign(void **state)
{
	static const char *const texts[] = {
	    "{}",
	    "{\"a\":1}",
	    "{\"format\":\"other\"}",
	    "{\"format\":\"heaptop-snapshot\"}",
	    "{\"format\":\"heaptop-snapshot\",\"version\":2}",
	    "{\"format\":\"heaptop-snapshot\",\"version\":1}x",
	    "{\"format\":\"heaptop-snapshot\",\"version\":1,"
	    "\"stacks\":[[0,1]]}",
	    "{\"format\":\"heaptop-snapshot\",\"version\":1,"
	    "\"sites\":[[0,0,1,1,0,0,0]]}",
	    "{\"format\":\"heaptop-snapshot\",\"version\":1,"
	    "\"domains\":[\"malloc\"],\"sites\":[[0,0,1,1,2,0,0]]}",
	    "{\"format\":\"heaptop-snapshot\",\"version\":1,"
	    "\"frames\":[[1,0,0]]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(path, texts[i], strlen(texts[i]));
		expect_line(path);
	}
	write_file(path, "\x1f\x8b garbage", 10);
	expect_line(path);
}

static void
test_unwritable(void **state)
{
	struct snapshot snapshot;
	struct names *names = names_new();
	struct err err = {""};

	(void)state;
	snapshot_init(&snapshot, names);
	assert_false(export_snapshot("/proc/nothing/x", &snapshot, &err));
	assert_non_null(strstr(err.text, "cannot write '/proc/nothing/x'"));
	assert_true(export_snapshot(path, &snapshot, &err));
	snapshot_fini(&snapshot);
	names_free(names);
}

static void
test_kept(void **state)
{
	struct snapshot snapshot;
	struct names *names = names_new();
	struct err err = {""};
	char *before, *after;
	size_t size, size_after;

	(void)state;
	write_files();
	before = read_file(path, &size);
	snapshot_init(&snapshot, names);
	assert_false(export_saved(path, &snapshot, NULL, false, &err));
	assert_non_null(strstr(err.text, "it is there already"));
	after = read_file(path, &size_after);
	assert_int_equal(size, size_after);
	assert_memory_equal(before, after, size);
	unlink(path);
	assert_true(export_saved(path, &snapshot, NULL, false, &err));
	snapshot_fini(&snapshot);
	names_free(names);
	free(before);
	free(after);
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(live_path, sizeof(live_path), "%s/live", directory);
	snprintf(path, sizeof(path), "%s/snapshot.json", directory);
	snprintf(zip_path, sizeof(zip_path), "%s/snapshot.json.gz", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(live_path);
	unlink(path);
	unlink(zip_path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same),       cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_mutated),    cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_unwritable), cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_bomb),       cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
