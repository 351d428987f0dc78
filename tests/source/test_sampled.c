/* test_sampled.c - sampled processes: spreads of sites, and asking for a rate.
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../lib/segment_writer.h"
#include "export/export.h"
#include "source/source.h"

static char directory[] = "/tmp/heaptop-sampled-XXXXXX";
static char path[64], saved[64];

static const struct wire_totals totals = {1000, 10, 100, 1};

/* So many sites with a stack each, exact so far. */
static void
write_sites(struct segment_writer *writer, uint32_t sites)
{
	uint32_t frame;

	writer_open(writer, path, 256, 4096);
	frame = writer_python(writer, writer_string(writer, "a.py"),
			      writer_string(writer, "f"), 1);
	for (uint32_t id = 1; id <= sites; id++) {
		writer_stack(writer, id - 1, frame);
		writer_site(writer, id, id, WIRE_DOMAIN_MALLOC, &totals, 0);
	}
	writer_commit(writer);
}

static struct source *
open_good(const char *what)
{
	struct err err = {""};
	struct source *source = source_open(what, &err);

	if (!source)
		fail_msg("%s", err.text);
	return source;
}

static void
refresh(struct source *source)
{
	struct err err = {""};

	assert_int_equal(source_refresh(source, &err), 1);
}

static void
expect_spread(const struct snapshot *snapshot, size_t site,
	      struct wire_spread wanted)
{
	const struct spread *found = &snapshot->spreads[site - 1];

	assert_non_null(snapshot->spreads);
	assert_true(found->live_bytes ==
		    (float)(wanted.alloc_bytes - wanted.free_bytes));
	assert_true(found->free_bytes == (float)wanted.free_bytes);
	assert_true(found->live_count ==
		    (float)(wanted.alloc_count - wanted.free_count));
	assert_true(found->free_count == (float)wanted.free_count);
}

/* From exact to sampled while it is followed. */
static void
test_spreads(void **state)
{
	struct wire_spread spread = {4e12, 1e12, 30, 10};
	struct segment_writer writer;
	struct source *source;
	const struct snapshot *snapshot;

	(void)state;
	write_sites(&writer, 3);
	source = open_good(path);
	snapshot = source_snapshot(source);
	assert_null(snapshot->spreads);
	assert_string_equal(snapshot->process.mode, "exact");
	assert_null(snapshot->process.live_map);
	assert_false(snapshot_is_sampled(snapshot));

	writer_sample(&writer, 300);
	writer_commit(&writer);
	refresh(source);
	assert_null(snapshot->spreads); /* nothing was sampled yet */
	assert_true(snapshot_is_sampled(snapshot));
	assert_string_equal(snapshot->process.mode, "sampled");
	assert_int_equal(snapshot->live_count, 27);

	writer_sampled_site(&writer, 2, 2, WIRE_DOMAIN_MALLOC, &totals,
			    &spread);
	writer.next.live_map = WIRE_LIVE_HASH;
	writer.next.budget_ppm = 20000;
	writer.next.cost_ppm = 13000;
	writer_commit(&writer);
	refresh(source);
	expect_spread(snapshot, 1, (struct wire_spread){0});
	expect_spread(snapshot, 2, spread);
	assert_string_equal(snapshot->process.live_map, "hash table");
	assert_int_equal(snapshot->process.budget_ppm, 20000);
	assert_int_equal(snapshot->process.cost_ppm, 13000);

	/* Exact again: what was sampled keeps its spread. */
	writer.next.sample_bytes = 1;
	writer_commit(&writer);
	refresh(source);
	assert_string_equal(snapshot->process.mode, "exact");
	assert_true(snapshot_is_sampled(snapshot));
	expect_spread(snapshot, 2, spread);
	source_close(source);
	writer_close(&writer);
}

/* Random ticks, a reader that comes now and then, rings that move. */
static void
test_followed(void **state)
{
	enum { SITES = 100 };
	struct segment_writer writer;
	struct source *source;
	double truth[SITES + 1] = {0};
	uint64_t slots = 512;
	struct err err;

	(void)state;
	srand(7);
	write_sites(&writer, SITES);
	source = open_good(path);
	writer_sample(&writer, slots);
	for (int tick = 0; tick < 500; tick++) {
		for (int i = rand() % 60; i; i--) {
			uint32_t id = (uint32_t)rand() % SITES + 1;

			truth[id] += rand();
			writer_sampled_site(
			    &writer, id, id, WIRE_DOMAIN_MALLOC, &totals,
			    &(struct wire_spread){truth[id], truth[id] / 2,
						  truth[id] / 4, 0});
		}
		if (rand() % 100 == 0 && slots < 4096)
			writer_grow(&writer, slots *= 2);
		writer_commit(&writer);
		if (rand() % 5)
			continue;
		assert_int_equal(source_refresh(source, &err), 1);
		for (size_t id = 1; id <= SITES; id++)
			expect_spread(source_snapshot(source), id,
				      (struct wire_spread){truth[id],
							   truth[id] / 2,
							   truth[id] / 4, 0});
	}
	source_close(source);
	writer_close(&writer);
}

static void
test_hostile(void **state)
{
	static const struct {
		struct wire_spread written, read;
	} pairs[] = {
	    {{NAN, NAN, NAN, NAN}, {0, 0, 0, 0}},
	    {{INFINITY, INFINITY, -INFINITY, 1}, {0, 0, 0, 0}},
	    {{-1, -5, -1e300, -0.0}, {0, 0, 0, 0}},
	    {{1e300, 4, 1e39, 4}, {0, 0, 0, 0}},
	    {{5, 7, 3, 1e9}, {5, 5, 3, 3}},
	    {{5, NAN, 3, -1}, {5, 0, 3, 0}},
	    {{0, 7, 0, 7}, {0, 0, 0, 0}},
	    {{5e-324, 5e-324, 1e38, 1}, {0, 0, 1e38, 1}},
	};
	const uint32_t count = sizeof(pairs) / sizeof(*pairs);
	struct segment_writer writer;
	struct source *source;

	(void)state;
	write_sites(&writer, count);
	writer_sample(&writer, 300);
	for (uint32_t i = 0; i < count; i++)
		writer_sampled_site(&writer, i + 1, i + 1, WIRE_DOMAIN_MMAP,
				    &totals, &pairs[i].written);
	writer_commit(&writer);
	source = open_good(path);
	for (uint32_t i = 0; i < count; i++)
		expect_spread(source_snapshot(source), i + 1, pairs[i].read);
	source_close(source);
	writer_close(&writer);
}

static void
test_record_bytes(void **state)
{
	static const uint32_t bad[] = {1, 32, 63, 65, 95, 97, 128, UINT32_MAX};
	struct segment_writer writer;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_sites(&writer, 2);
		writer.next.record_bytes = bad[i];
		writer_commit(&writer);
		assert_null(source_open(path, &err));
		assert_non_null(strstr(err.text, "records have a size"));
		assert_null(strchr(err.text, '\n'));
		writer_close(&writer);
	}
	/* 96 bytes a slot where there is room for 64. */
	write_sites(&writer, 2);
	writer.next.record_bytes = WIRE_RECORD_SAMPLED;
	writer.next.ring_slots =
	    (writer.size - writer.next.ring_offset) / 96 + 1;
	writer_commit(&writer);
	assert_null(source_open(path, &err));
	assert_non_null(strstr(err.text, "ring is damaged"));
	writer_close(&writer);
}

static void
test_saved(void **state)
{
	struct wire_spread spread = {1.0 / 3, 1e-9, 0x1.123456789abcdp+90, 2};
	struct segment_writer writer;
	struct source *source;
	struct err err;

	(void)state;
	write_sites(&writer, 3);
	writer_sample(&writer, 300);
	writer.next.live_map = WIRE_LIVE_SHADOW_SMALL;
	writer.next.budget_ppm = 5000;
	writer_sampled_site(&writer, 2, 2, WIRE_DOMAIN_MALLOC, &totals,
			    &spread);
	writer_commit(&writer);
	source = open_good(path);
	assert_true(export_snapshot(saved, source_snapshot(source), &err));
	source_close(source);
	writer_close(&writer);
	source = open_good(saved);
	expect_spread(source_snapshot(source), 2, spread);
	expect_spread(source_snapshot(source), 3, (struct wire_spread){0});
	assert_int_equal(source_snapshot(source)->process.budget_ppm, 5000);
	assert_string_equal(source_snapshot(source)->process.live_map,
			    "small pieces (address space is limited)");
	source_close(source);
}

static bool
open_text(const char *spreads)
{
	FILE *file = fopen(saved, "w");
	struct source *source;
	struct err err = {""};

	fprintf(file,
		"{\"format\":\"heaptop-snapshot\",\"version\":1,"
		"\"domains\":[\"malloc\"],\"strings\":[\"f\"],"
		"\"frames\":[[1,0,0,[1,0,3,0]]],\"stacks\":[[0,1]],"
		"\"sites\":[[1,0,100,2,0,0,100]]%s}\n",
		spreads);
	fclose(file);
	source = source_open(saved, &err);
	if (source && source_snapshot(source)->spreads)
		assert_true(source_snapshot(source)->spreads->live_bytes >= 0);
	if (!source)
		assert_null(strchr(err.text, '\n'));
	source_close(source);
	return source != NULL;
}

static void
test_saved_by_others(void **state)
{
	(void)state;
	assert_true(open_text("")); /* before there were spreads */
	assert_true(open_text(",\"spreads\":[]"));
	assert_true(open_text(",\"spreads\":[[1,5,0,1,0]]"));
	assert_true(open_text(",\"spreads\":[[1,5e3,0.5,1E-3,-7,\"new\"]]"));
	assert_true(open_text(",\"spreads\":[[1,1e300,1e300,0,0]]"));
	assert_false(open_text(",\"spreads\":[[1,1e999,0,0,0]]"));
	assert_false(open_text(",\"spreads\":[[1,nan,0,0,0]]"));
	assert_false(open_text(",\"spreads\":[[1,1-2,0,0,0]]"));
	assert_false(open_text(",\"spreads\":[[1,5,0,1]]"));
	assert_false(open_text(",\"spreads\":[[0,5,0,1,0]]"));
	assert_false(open_text(",\"spreads\":[[2,5,0,1,0]]"));
	assert_false(open_text(",\"spreads\":[[1,,0,1,0]]"));
}

static bool
ask(struct source *source, struct rate rate, const char *reason)
{
	struct err err = {""};
	bool asked = source_ask_rate(source, &rate, &err);

	if (!asked)
		assert_non_null(strstr(err.text, reason));
	return asked;
}

static void
test_ask(void **state)
{
	const struct rate exact = {.sample_bytes = 1};
	const struct rate fine = {.sample_bytes = 4096};
	const struct rate budget = {.budget_ppm = 20000};
	struct segment_writer writer;
	struct source *source;
	const struct process *process;

	(void)state;
	write_sites(&writer, 2);
	source = open_good(path);
	assert_false(ask(source, exact, "older"));
	source_close(source);

	writer.header->minor = 1;
	source = open_good(path);
	process = &source_snapshot(source)->process;
	assert_true(rate_is_met(&exact, process));
	assert_true(ask(source, fine, ""));
	assert_int_equal(writer.control->sample_bytes, 4096);
	assert_int_equal(writer.control->budget_ppm, UINT32_MAX);
	assert_int_equal(writer.control->wake, 1);
	assert_false(rate_is_met(&fine, process));
	writer.next.sample_bytes = 4000;
	writer_commit(&writer);
	refresh(source);
	assert_false(rate_is_met(&fine, process));
	assert_true(rate_is_near(&fine, process));
	assert_false(rate_is_near(&exact, process));
	writer.next.sample_bytes = 4096;
	writer_commit(&writer);
	refresh(source);
	assert_true(rate_is_met(&fine, process));

	assert_true(ask(source, budget, ""));
	assert_int_equal(writer.control->sample_bytes, 0);
	assert_int_equal(writer.control->budget_ppm, 20000);
	assert_int_equal(writer.control->wake, 2);
	writer.next.budget_ppm = 20000;
	writer_commit(&writer);
	refresh(source);
	assert_true(rate_is_met(&budget, process));
	assert_false(rate_is_met(&fine, process));
	assert_false(rate_is_near(&fine, process));

	writer.next.state = WIRE_STATE_EXITED;
	writer_commit(&writer);
	refresh(source);
	assert_false(ask(source, exact, "has ended"));
	source_close(source);
	writer_close(&writer);
	assert_true(open_text(""));
	source = open_good(saved);
	assert_false(ask(source, exact, "saved snapshot"));
	source_close(source);
}

static void
test_words(void **state)
{
	struct process process = {.sample_bytes = 1};
	char text[RATE_TEXT_MAX];

	(void)state;
	assert_string_equal(rate_text_cost(text, &process), "exact");
	process.cost_ppm = 120000;
	assert_string_equal(rate_text_cost(text, &process), "exact  cost 12 %");
	process.sample_bytes = 512 << 10;
	process.cost_ppm = 13000;
	process.budget_ppm = 20000;
	assert_string_equal(rate_text_cost(text, &process),
			    "sampled 512 KiB  cost 1.3 % of 2 % budget");
	process.cost_ppm = 0;
	process.budget_ppm = 5000;
	assert_string_equal(rate_text_cost(text, &process),
			    "sampled 512 KiB  0.5 % budget");
	process.budget_ppm = 0;
	process.sample_bytes = 64 << 10;
	assert_string_equal(rate_text_cost(text, &process), "sampled 64 KiB");
	process.sample_bytes = 4096;
	assert_string_equal(rate_text(text, &process), "sampled 4 KiB");
	process.sample_bytes = 100000;
	assert_string_equal(rate_text(text, &process), "sampled 97.7 KiB");
	process.sample_bytes = 999;
	assert_string_equal(rate_text(text, &process), "sampled 999 B");
	process.sample_bytes = UINT64_C(1) << 50;
	assert_string_equal(rate_text(text, &process), "sampled 1024 TiB");
	process.sample_bytes = UINT64_MAX;
	process.cost_ppm = process.budget_ppm = UINT32_MAX;
	assert_true(strlen(rate_text_cost(text, &process)) < RATE_TEXT_MAX);
	assert_string_equal(rate_percent(text, 40), "0.004");
	assert_string_equal(rate_percent(text, 99600), "10");
}

static int
set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/1-1.heaptop", mkdtemp(directory));
	snprintf(saved, sizeof(saved), "%s/saved.json", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(saved);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spreads),
	    cmocka_unit_test(test_followed),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_record_bytes),
	    cmocka_unit_test(test_saved),
	    cmocka_unit_test(test_saved_by_others),
	    cmocka_unit_test(test_ask),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
