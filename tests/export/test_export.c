/* test_export.c - each format of a small snapshot, to the byte. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>
#include <cmocka.h>

#include "export/export.h"

static struct names *names;
static struct snapshot snapshot;
static struct engine *engine;
static char *out;
static size_t out_size;

static uint32_t
intern(const char *text)
{
	return names_string(names, text, strlen(text));
}

static int
set_up(void **state)
{
	struct location inlined[2];
	uint32_t stack;

	(void)state;
	names = names_new();
	engine = engine_new();
	snapshot_init(&snapshot, names);
	snapshot.process = (struct process){.pid = 42,
					    .python = 0x030b0200,
					    .state = "running",
					    .mode = "exact",
					    .unwinder = "rules",
					    .native = "leaf",
					    .sample_bytes = 1};
	snapshot.losses[0] = (struct loss){"too_large", "blocks", 2};
	snapshot.loss_count = 1;
	names_add_module(names, &(struct module){.path = intern("/srv/lib.so"),
						 .start = 0x7000,
						 .end = 0x9000,
						 .bias = 0x7000});
	names_add_python(names, intern("/srv/app.py"), intern("view"), 70);
	names_add_python(names, intern("/srv/fo\x1brm;at.py"), intern("form"),
			 41);
	inlined[0] = (struct location){intern("small<int>"), intern("/srv/a.h"),
				       5, LOCATION_INLINED};
	inlined[1] = (struct location){intern("big"), intern("/srv/a.c"), 9, 0};
	names_add_frame(names, FRAME_NATIVE, 1, 0x123, inlined, 2);
	names_add_native(names, 1, 0x456);
	stack = names_add_stack(names, 0, 1);
	names_add_stack(names, stack, 2);
	stack = names_add_stack(names, 0, 4);
	names_add_stack(names, stack, 3);
	snapshot_room(&snapshot, 3);
	snapshot.sites[0] =
	    (struct site){2, DOMAIN_PYMEM_OBJECT, 40370176, 7, 0, 1, 40370176};
	snapshot.sites[1] =
	    (struct site){4, DOMAIN_MALLOC, 3000, 30, 1000, 10, 2500};
	snapshot.sites[2] =
	    (struct site){1, DOMAIN_PYMEM_MEM, 64, 1, 64, 1, 64};
	snapshot_sum(&snapshot);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	snapshot_fini(&snapshot);
	names_free(names);
	engine_free(engine);
	free(out);
	return 0;
}

static const char *
source_line(void *context, const char *file, uint32_t line)
{
	(void)context;
	return strstr(file, "app.py") && line == 70 ? "x = form(\x1b)" : NULL;
}

static FILE *
output(void)
{
	free(out);
	return open_memstream(&out, &out_size);
}

static const char *
text(const struct query *query, bool with_source)
{
	struct export_source source = {NULL, source_line};
	struct err err;
	FILE *file = output();
	const struct rows *rows = engine_run(engine, &snapshot, query);

	assert_true(export_text(file, &snapshot, query, rows,
				with_source ? &source : NULL, &err));
	fclose(file);
	return out;
}

/* What the two sites of the snapshot had. */
static struct mark
mark_of_two(void)
{
	struct mark mark;

	mark_init(&mark, "", 2);
	mark_set(&mark, 0, 13526630, 2);
	mark_set(&mark, 1, 4096, 40);
	return mark;
}

/* Growth for each unit of work since the mark, and the program's marks. */
static void
test_said(void **state)
{
	struct mark mark = mark_of_two();
	struct query query = {.mark = &mark, .top = 1};
	struct err err;
	FILE *file;

	(void)state;
	mark.work_units = 90;
	snapshot.work_units = 100;
	assert_string_equal(
	    text(&(struct query){.group_by = GROUP_DOMAIN}, false),
	    "pymem_object: size=38.5 MiB, count=6, average=6571 KiB, "
	    "per_work=+394 KiB\n"
	    "malloc: size=2000 B, count=20, average=100 B, per_work=+20 B\n");
	assert_string_equal(
	    text(&query, false),
	    "/srv/fo\\x1brm;at.py:41: size=38.5 MiB (+25.6 MiB), count=6 "
	    "(+4), average=6571 KiB, per_work=+2621 KiB\n");
	snapshot_add_mark(&snapshot,
			  &(struct program_mark){intern("warm\x1b"), 7,
						 1500000000, 11, 2, 90});
	file = output();
	assert_true(export_json(file, &snapshot, &query,
				engine_run(engine, &snapshot, &query), &err));
	fclose(file);
	assert_non_null(strstr(out,
			       ",\"work\":{\"units\":100,\"units_diff\":10},"
			       "\"marks\":[{\"text\":\"warm\\\\x1b\",\"time\":"
			       "1.500000,\"tick\":7,\"size\":11,\"count\":2,"
			       "\"work_units\":90}]"));
	assert_non_null(strstr(out, ",\"size_per_work\":2684354.600,"));
	/* Of another process no work is known; a mark of later is no use. */
	mark.apart = true;
	assert_int_equal(query_work(&query, &snapshot), 0);
	mark.apart = false;
	mark.work_units = 101;
	assert_int_equal(query_work(&query, &snapshot), 0);
	assert_null(strstr(text(&query, false), "per_work"));
	snapshot.work_units = snapshot.mark_count = 0;
	mark_fini(&mark);
}

static void
test_text(void **state)
{
	struct mark mark = mark_of_two();

	(void)state;
	assert_string_equal(
	    text(&(struct query){.group_by = GROUP_LINENO}, true),
	    "/srv/fo\\x1brm;at.py:41: size=38.5 MiB, count=6, "
	    "average=6571 KiB\n"
	    "/srv/a.h:5: size=2000 B, count=20, average=100 B\n");
	assert_string_equal(
	    text(&(struct query){.mark = &mark, .sort = COLUMN_SIZE_DIFF},
		 false),
	    "/srv/fo\\x1brm;at.py:41: size=38.5 MiB (+25.6 MiB), count=6 "
	    "(+4), average=6571 KiB\n"
	    "/srv/a.h:5: size=2000 B (-2096 B), count=20 (-20), "
	    "average=100 B\n");
	assert_string_equal(
	    text(&(struct query){.group_by = GROUP_FUNCTION, .top = 1}, false),
	    "/srv/fo\\x1brm;at.py: form: size=38.5 MiB, count=6, "
	    "average=6571 KiB\n");
	assert_string_equal(
	    text(&(struct query){.group_by = GROUP_DOMAIN}, false),
	    "pymem_object: size=38.5 MiB, count=6, "
	    "average=6571 KiB\n"
	    "malloc: size=2000 B, count=20, average=100 B\n");
	assert_string_equal(
	    text(&(struct query){.group_by = GROUP_MODULE}, false),
	    "/srv/fo\\x1brm;at.py: size=38.5 MiB, count=6, "
	    "average=6571 KiB\n"
	    "/srv/lib.so: size=2000 B, count=20, average=100 B\n");
	assert_string_equal(
	    text(&(struct query){.inclusive = true, .filter = "0x456"}, false),
	    "0x456 in /srv/lib.so: size=2000 B, count=20, average=100 B\n");
	mark_fini(&mark);
}

static void
test_traceback(void **state)
{
	(void)state;
	assert_string_equal(
	    text(&(struct query){.group_by = GROUP_TRACEBACK}, true),
	    "/srv/fo\\x1brm;at.py:41: size=38.5 MiB, count=6, "
	    "average=6571 KiB\n"
	    "  File \"/srv/fo\\x1brm;at.py\", line 41, in form\n"
	    "  File \"/srv/app.py\", line 70, in view\n"
	    "    x = form(\\x1b)\n"
	    "/srv/a.h:5: size=2000 B, count=20, average=100 B\n"
	    "  File \"/srv/a.h\", line 5, in small<int> (inlined)\n"
	    "  File \"/srv/a.c\", line 9, in big\n"
	    "  0x456 in /srv/lib.so\n");
}

static const char *
json_of(const struct query *query)
{
	struct err err;
	FILE *file = output();

	assert_true(export_json(file, &snapshot, query,
				engine_run(engine, &snapshot, query), &err));
	fclose(file);
	return out;
}

static struct json_object *
get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no key '%s'", key);
	return value;
}

static struct json_object *
parse(void)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
					    JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, out, (int)out_size);
	assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
	json_tokener_free(tokener);
	return root;
}

static void
test_json(void **state)
{
	struct query query = {.group_by = GROUP_LINENO};
	struct err err;
	FILE *file = output();
	struct json_object *root, *entries, *entry, *frames, *frame;

	(void)state;
	assert_true(export_json(file, &snapshot, &query,
				engine_run(engine, &snapshot, &query), &err));
	fclose(file);
	assert_ptr_equal(strchr(out, '\n'), out + out_size - 1);
	root = parse();
	assert_string_equal(json_object_get_string(get(root, "group_by")),
			    "lineno");
	assert_int_equal(json_object_get_int(get(get(root, "total"), "size")),
			 40372176);
	assert_int_equal(
	    json_object_get_int(get(get(root, "losses"), "too_large")), 2);
	assert_string_equal(
	    json_object_get_string(get(get(root, "process"), "python")),
	    "3.11.2");
	entries = get(root, "entries");
	assert_int_equal(json_object_array_length(entries), 2);
	entry = json_object_array_get_idx(entries, 1);
	assert_string_equal(json_object_get_string(get(entry, "file")),
			    "/srv/a.h");
	assert_int_equal(json_object_get_int(get(entry, "line")), 5);
	assert_string_equal(json_object_get_string(get(entry, "function")),
			    "small<int>");
	assert_string_equal(json_object_get_string(get(entry, "domain")),
			    "malloc");
	assert_int_equal(json_object_get_int(get(entry, "size")), 2000);
	assert_int_equal(json_object_get_int(get(entry, "count")), 20);
	assert_int_equal(json_object_get_int(get(entry, "average")), 100);
	assert_int_equal(json_object_get_int(get(entry, "size_diff")), 2000);
	assert_int_equal(json_object_get_int(get(entry, "count_diff")), 20);
	frames = get(entry, "traceback");
	assert_int_equal(json_object_array_length(frames), 3);
	frame = json_object_array_get_idx(frames, 2);
	assert_string_equal(json_object_get_string(get(frame, "kind")),
			    "native");
	assert_string_equal(json_object_get_string(get(frame, "function")),
			    "0x456");
	assert_null(get(frame, "file"));
	assert_null(get(frame, "line"));
	assert_string_equal(json_object_get_string(get(frame, "module")),
			    "/srv/lib.so");
	json_object_put(root);
}

static const char *
format(const char *name)
{
	const struct export_format *format;
	struct err err;
	FILE *file = output();

	assert_true(export_format_parse(name, &format, &err));
	assert_true(format->write(file, &snapshot, &err));
	fclose(file);
	return out;
}

static void
test_folded(void **state)
{
	(void)state;
	assert_string_equal(
	    format("folded"),
	    "view (/srv/app.py:70);form (/srv/fo\\x1brm:at.py:41) 40370176\n"
	    "0x456 (/srv/lib.so);big (/srv/a.c:9);small<int> (/srv/a.h:5) "
	    "2000\n");
}

static void
test_snapshot(void **state)
{
	struct json_object *root;

	(void)state;
	format("json");
	root = parse();
	assert_string_equal(json_object_get_string(get(root, "format")),
			    "heaptop-snapshot");
	assert_int_equal(json_object_array_length(get(root, "sites")), 3);
	json_object_put(root);
}

/* profile.proto, as far as a test needs it. */

static uint64_t
varint(const uint8_t **at)
{
	uint64_t value = 0;

	for (int shift = 0;; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return value;
	}
}

/* Estimates have their errors beside them, exact numbers do not. */
static void
test_sampled(void **state)
{
	struct mark mark = mark_of_two();
	struct query query = {.mark = &mark, .sort = COLUMN_SIZE_DIFF};
	const char *at;

	(void)state;
	snapshot.process.sample_bytes = 512 << 10;
	snapshot_spread(&snapshot);
	snapshot.spreads[0] = spread_make(0x1p40, 0, 4, 0);
	assert_string_equal(
	    text(&query, false),
	    "/srv/fo\\x1brm;at.py:41: size=38.5 MiB ±1024 KiB (+25.6 MiB "
	    "±1024 KiB), count=6 ±2 (+4 ±2), average=6571 KiB\n"
	    "/srv/a.h:5: size=2000 B ±0 B (-2096 B ±0 B), count=20 ±0 (-20 "
	    "±0), average=100 B\n");
	assert_non_null(strstr(json_of(&query),
			       "\"size_error\":1048576,\"count_error\":2.0,"
			       "\"size_diff_error\":1048576,"
			       "\"count_diff_error\":2.0,\"traceback\""));
	assert_non_null(strstr(out, "\"sample_bytes\":524288"));
	at = format("pprof");
	assert_non_null(
	    memmem(at, out_size, "heaptop: estimates, sampled 512 KiB", 35));
	free(snapshot.spreads);
	snapshot.spreads = NULL;
	snapshot.process.sample_bytes = 1;
	assert_null(strstr(text(&query, false), "±"));
	assert_null(strstr(json_of(&query), "_error"));
	at = format("pprof");
	assert_null(memmem(at, out_size, "estimates", 9));
	mark_fini(&mark);
}

static void
test_pprof(void **state)
{
	const uint8_t *at, *end;
	uint64_t counts[16] = {0}, sums[4] = {0}, strings = 0;

	(void)state;
	at = (const void *)format("pprof");
	end = at + out_size;
	while (at < end) {
		uint64_t tag = varint(&at), size;
		const uint8_t *inner;

		assert_true(tag >> 3 < 16);
		counts[tag >> 3]++;
		size = varint(&at);
		if ((tag & 7) == 0)
			continue;
		assert_int_equal(tag & 7, 2);
		inner = at;
		at += size;
		assert_true(at <= end);
		if (tag >> 3 == 6) {
			assert_false(strings++ == 0 && size);
		} else if (tag >> 3 == 2) {
			varint(&inner);
			inner += varint(&inner); /* skips the stack */
			varint(&inner);
			varint(&inner);
			for (int i = 0; i < 4; i++)
				sums[i] += varint(&inner);
			assert_ptr_equal(inner, at);
		}
	}
	assert_int_equal(counts[1], 4);
	assert_int_equal(counts[2], 3);
	assert_int_equal(counts[3], 1);
	assert_int_equal(counts[4], 4);
	assert_int_equal(counts[5], 5);
	assert_int_equal(strings, names_strings(names) + 8);
	assert_int_equal(sums[0], 38);
	assert_int_equal(sums[1], 40373240);
	assert_int_equal(sums[2], 26);
	assert_int_equal(sums[3], 40372176);
}

static void
test_full_disk(void **state)
{
	struct query query = {.group_by = GROUP_LINENO};
	struct err err = {""};
	FILE *file = fopen("/dev/full", "w");

	(void)state;
	if (!file)
		skip();
	assert_false(export_json(file, &snapshot, &query,
				 engine_run(engine, &snapshot, &query), &err));
	assert_non_null(strstr(err.text, "cannot write the output"));
	fclose(file);
}

static void
test_formats(void **state)
{
	const struct export_format *format;
	struct err err;

	(void)state;
	assert_false(export_format_parse("xml", &format, &err));
	assert_string_equal(err.text, "unknown format 'xml'; use one of json, "
				      "pprof, folded");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),     cmocka_unit_test(test_traceback),
	    cmocka_unit_test(test_said),     cmocka_unit_test(test_traceback),
	    cmocka_unit_test(test_json),     cmocka_unit_test(test_folded),
	    cmocka_unit_test(test_snapshot), cmocka_unit_test(test_pprof),
	    cmocka_unit_test(test_sampled),  cmocka_unit_test(test_full_disk),
	    cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
