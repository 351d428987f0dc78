/* test_segment.c - live sources: whole segments, followed, and damaged. */
#include "config.h"

#include <poll.h>
#include <pthread.h>
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
#include "source/source.h"

static char directory[] = "/tmp/heaptop-segment-XXXXXX";
static char path[64];

/* Two Python sites and a native one. */
static void
write_small(struct segment_writer *writer, uint64_t slots)
{
	uint32_t file, function, module, frame, stack;

	writer_open(writer, path, slots, 4096);
	file = writer_string(writer, "/srv/app.py");
	function = writer_string(writer, "view");
	module = writer_module(writer, writer_string(writer, "/opt/x/lib.so"),
			       0x7f0000000000);
	frame = writer_python(writer, file, function, 10);
	stack = writer_stack(writer, 0, frame);
	writer_entry(writer, 77, 24); /* of a later minor version */
	writer->next.work_units = 30;
	writer_mark(writer, function);
	frame = writer_python(writer, file, function, 20);
	writer_stack(writer, stack, frame);
	frame = writer_native(writer, module, 0x1234);
	writer_stack(writer, stack, frame);
	writer_site(writer, 1, 2, WIRE_DOMAIN_PYMEM_OBJECT,
		    &(struct wire_totals){1000, 10, 100, 1}, 950);
	writer_site(writer, 2, 3, WIRE_DOMAIN_MALLOC,
		    &(struct wire_totals){500, 5, 500, 5}, 400);
	writer_site(writer, 3, 1, WIRE_DOMAIN_PYMEM_MEM,
		    &(struct wire_totals){64, 1, 0, 0}, 0);
	writer->next.lost[WIRE_LOST_TOO_LARGE] = 3;
	writer->next.lost[60] = 1;
	writer_commit(writer);
}

static void
test_whole(void **state)
{
	struct segment_writer writer;
	struct err err;
	struct source *source;
	const struct snapshot *snapshot;
	size_t count;

	(void)state;
	write_small(&writer, 64);
	source = source_open(path, &err);
	assert_non_null(source);
	snapshot = source_snapshot(source);
	assert_int_equal(snapshot->site_count, 3);
	assert_int_equal(snapshot->live_bytes, 964);
	assert_int_equal(snapshot->live_count, 10);
	assert_int_equal(snapshot->alloc_bytes, 1564);
	assert_int_equal(snapshot->sites[0].peak_bytes, 950);
	assert_int_equal(snapshot->sites[2].peak_bytes, 64);
	assert_int_equal(snapshot->sites[1].domain, DOMAIN_MALLOC);
	assert_string_equal(snapshot->process.command, "prog -x y");
	assert_string_equal(snapshot->process.exe, "/bin/prog");
	assert_string_equal(snapshot->process.state, "running");
	assert_true(snapshot->process.alive);
	assert_true(snapshot->process.rss_bytes > 0);
	assert_int_equal(snapshot->loss_count, 2);
	assert_string_equal(snapshot->losses[0].name, "too_large");
	assert_int_equal(snapshot->losses[0].count, 3);
	assert_string_equal(snapshot->losses[1].name, "unknown");
	assert_int_equal(names_stacks(snapshot->names), 3);
	assert_int_equal(snapshot->work_units, 30);
	assert_int_equal(snapshot->mark_count, 1);
	assert_string_equal(
	    names_text(snapshot->names, snapshot->marks[0].text), "view");
	assert_int_equal(snapshot->marks[0].tick, 1);
	assert_int_equal(snapshot->marks[0].live_bytes, 100);
	assert_int_equal(snapshot->marks[0].live_count, 10);
	assert_int_equal(snapshot->marks[0].work_units, 30);
	assert_string_equal(
	    names_text(snapshot->names,
		       names_locations(snapshot->names,
				       names_stack(snapshot->names, 2)->frame,
				       &count)
			   ->file),
	    "/srv/app.py");
	assert_int_equal(names_module(snapshot->names, 1)->build_id[19], 0xab);
	assert_true(source_is_live(source));
	assert_int_equal(source_refresh(source, &err), 0);
	writer.next.lost[WIRE_LOST_REENTRANT] = 4;
	writer.next.work_units = 31;
	writer_mark(&writer, 1);
	writer_commit(&writer);
	assert_int_equal(source_refresh(source, &err), 1);
	assert_int_equal(snapshot->work_units, 31);
	assert_int_equal(snapshot->mark_count, 2);
	assert_int_equal(snapshot->marks[1].tick, 2);
	assert_int_equal(snapshot->loss_count, 3);
	assert_string_equal(snapshot->losses[0].name, "reentrant");
	assert_string_equal(snapshot->losses[1].name, "too_large");
	writer.next.state = WIRE_STATE_EXITED;
	writer_commit(&writer);
	assert_int_equal(source_refresh(source, &err), 1);
	assert_string_equal(snapshot->process.state, "exited");
	assert_false(source_is_live(source));
	assert_false(source_flush(source, 1000));
	source_close(source);
	writer_close(&writer);
}

static void
test_killed(void **state)
{
	struct segment_writer writer;
	struct err err;
	struct source *source;

	(void)state;
	write_small(&writer, 64);
	writer.header->start_time++;
	source = source_open(path, &err);
	assert_non_null(source);
	assert_string_equal(source_snapshot(source)->process.state, "killed");
	assert_false(source_is_live(source));
	source_close(source);
	writer_close(&writer);
}

static void
test_nothing_published(void **state)
{
	struct segment_writer writer;
	struct err err;
	struct source *source;

	(void)state;
	writer_open(&writer, path, 64, 4096);
	source = source_open(path, &err);
	assert_non_null(source);
	assert_int_equal(source_snapshot(source)->site_count, 0);
	assert_string_equal(source_snapshot(source)->process.state, "starting");
	assert_int_equal(source_refresh(source, &err), 0);
	writer_commit(&writer);
	assert_int_equal(source_refresh(source, &err), 1);
	source_close(source);
	writer_close(&writer);
}

static void
expect_truth(const struct snapshot *snapshot, const struct wire_totals *truth)
{
	for (uint32_t id = 1; id <= snapshot->site_count; id++) {
		const struct site *site = &snapshot->sites[id - 1];

		assert_int_equal(site->alloc_bytes, truth[id].alloc_bytes);
		assert_int_equal(site->free_count, truth[id].free_count);
	}
}

/* Random ticks; the reader looks at some of them only, so that it follows,
 * falls behind, and meets rings that moved. */
static void
test_followed(void **state)
{
	enum { SITES = 200 };
	static struct wire_totals truth[SITES + 1];
	struct segment_writer writer;
	struct source *source;
	struct err err;
	uint64_t slots = 1024;
	uint32_t sites = 0, frame;

	(void)state;
	memset(truth, 0, sizeof(truth));
	srand(42);
	writer_open(&writer, path, slots, 64);
	frame = writer_python(&writer, writer_string(&writer, "a.py"),
			      writer_string(&writer, "f"), 1);
	source = source_open(path, &err);
	assert_non_null(source);
	for (int tick = 0; tick < 2000; tick++) {
		int changes = rand() % 40;

		if (sites < SITES && rand() % 4 == 0) {
			writer_string(&writer, "some text");
			writer_stack(&writer, sites, frame);
			sites++;
		}
		for (int i = 0; sites && i < changes; i++) {
			uint32_t id = (uint32_t)rand() % sites + 1;

			truth[id].alloc_bytes += 10;
			truth[id].alloc_count++;
			if (rand() % 2 &&
			    truth[id].free_count < truth[id].alloc_count) {
				truth[id].free_bytes += 10;
				truth[id].free_count++;
			}
			writer_site(&writer, id, id, WIRE_DOMAIN_MALLOC,
				    &truth[id], 0);
		}
		if (rand() % 200 == 0 && slots < 16384)
			writer_grow(&writer, slots *= 2);
		writer_commit(&writer);
		if (rand() % 3 == 0) /* half of a tick to come */
			for (uint32_t id = 1; id <= sites / 2; id++)
				writer_site(&writer, id, id, WIRE_DOMAIN_MALLOC,
					    &(struct wire_totals){~0u, 1, 0, 0},
					    0);
		if (rand() % 5 == 0) {
			assert_int_equal(source_refresh(source, &err), 1);
			expect_truth(source_snapshot(source), truth);
		}
		/* What was half written is put right by the next tick. */
		for (uint32_t id = 1; id <= sites; id++)
			writer_site(&writer, id, id, WIRE_DOMAIN_MALLOC,
				    &truth[id], 0);
	}
	source_close(source);
	writer_close(&writer);
}

/* Ticks in the midst of scans, but never so many that a scan gives up. */
#define BURST	 3
#define CLOSE_NS 50000
#define PAUSE_NS 3000000

/* A writer in bursts: at each tick every site holds the tick. */
struct racer {
	struct segment_writer writer;
	int stop;
};

static void *
race(void *argument)
{
	struct racer *racer = argument;
	struct timespec pause = {0, 0};

	while (!__atomic_load_n(&racer->stop, __ATOMIC_ACQUIRE)) {
		uint64_t tick = racer->writer.next.tick + 1;

		for (uint32_t id = 1; id <= 100; id++)
			writer_site(&racer->writer, id, 1, WIRE_DOMAIN_MALLOC,
				    &(struct wire_totals){tick * 8, tick,
							  tick * 4, tick},
				    0);
		writer_commit(&racer->writer);
		pause.tv_nsec = tick % BURST ? CLOSE_NS : PAUSE_NS;
		/* The pace of a ticker, not a wait for anything. */
		ppoll(NULL, 0, &pause, NULL);
	}
	return NULL;
}

static void
test_raced(void **state)
{
	static struct racer racer;
	struct source *source;
	struct err err;
	pthread_t thread;
	int seen = 0;

	(void)state;
	racer.stop = 0;
	writer_open(&racer.writer, path, 512, 4096);
	writer_stack(&racer.writer, 0,
		     writer_python(&racer.writer,
				   writer_string(&racer.writer, "a.py"), 0, 1));
	source = source_open(path, &err);
	assert_non_null(source);
	assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
	while (seen < 2000) {
		const struct snapshot *snapshot = source_snapshot(source);
		int result = source_refresh(source, &err);

		assert_int_not_equal(result, -1);
		if (result != 1)
			continue;
		seen++;
		for (size_t i = 0; i < snapshot->site_count; i++) {
			assert_int_equal(snapshot->sites[i].alloc_count,
					 snapshot->tick);
			assert_int_equal(snapshot->sites[i].alloc_bytes,
					 snapshot->tick * 8);
			assert_int_equal(snapshot->sites[i].free_bytes,
					 snapshot->tick * 4);
		}
	}
	assert_true(source_flush(source, 5000));
	source_watch(source);
	assert_true(racer.writer.control->watch_until > 0);
	assert_true(racer.writer.control->wake > 0);
	__atomic_store_n(&racer.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_false(source_flush(source, 20));
	source_close(source);
	writer_close(&racer.writer);
}

/* Damage: one line each, and no harm. */

static void
expect_refused(const char *words)
{
	struct err err = {""};
	struct source *source = source_open(path, &err);

	assert_null(source);
	assert_non_null(strstr(err.text, words));
	assert_null(strchr(err.text, '\n'));
	assert_non_null(strstr(err.text, "; "));
	assert_true(!strncmp(err.text, "cannot ", 7));
}

#define STATUS(writer_)                                                \
	((struct wire_status *)((writer_).bytes + WIRE_STATUS_OFFSET + \
				((writer_).turn->turn & 1) * WIRE_PAGE))

static void
test_cut(void **state)
{
	struct segment_writer writer;
	uint64_t size;

	(void)state;
	write_small(&writer, 64);
	size = writer.size;
	for (uint64_t at = 0; at < size; at += at < 256 ? 1 : 512) {
		assert_int_equal(ftruncate(writer.fd, (off_t)size), 0);
		writer_close(&writer);
		write_small(&writer, 64);
		assert_int_equal(ftruncate(writer.fd, (off_t)at), 0);
		expect_refused(at == 0	? "empty"
			       : at < 8 ? "not a heaptop file"
					: "cut short");
	}
	writer_close(&writer);
}

/* Cut while it is open: the last snapshot stays. */
static void
test_cut_open(void **state)
{
	struct segment_writer writer, anew;
	struct err err;
	struct source *source;

	(void)state;
	write_small(&writer, 64);
	source = source_open(path, &err);
	assert_non_null(source);
	writer_commit(&writer);
	assert_int_equal(ftruncate(writer.fd, WIRE_BODY_OFFSET), 0);
	assert_int_equal(source_refresh(source, &err), -1);
	assert_false(source_is_live(source) || source_is_replaced(source));
	assert_int_equal(source_snapshot(source)->live_bytes, 964);
	assert_int_equal(ftruncate(writer.fd, 0), 0);
	assert_int_equal(source_refresh(source, &err), -1);
	assert_false(source_flush(source, 100));
	source_watch(source);
	assert_int_equal(unlink(path), 0);
	write_small(&anew, 64);
	assert_true(source_is_replaced(source));
	source_close(source);
	writer_close(&writer);
	writer_close(&anew);
}

static void
test_damaged_pages(void **state)
{
	struct segment_writer writer;

	(void)state;
#define DAMAGE(change_, words_)           \
	do {                              \
		write_small(&writer, 64); \
		change_;                  \
		expect_refused(words_);   \
		writer_close(&writer);    \
	} while (0)
	DAMAGE(writer.header->magic = 0, "not finished starting");
	DAMAGE(writer.header->magic++, "not a heaptop file");
	DAMAGE(writer.header->major = 2, "version 2");
	DAMAGE(STATUS(writer)->ring_slots = 0, "ring is damaged");
	DAMAGE(STATUS(writer)->ring_slots = UINT64_C(1) << 63, "damaged");
	DAMAGE(STATUS(writer)->ring_slots = 1 << 20, "ring is damaged");
	DAMAGE(STATUS(writer)->ring_offset = 0, "ring is damaged");
	DAMAGE(STATUS(writer)->ring_offset = ~UINT64_C(63), "damaged");
	DAMAGE(STATUS(writer)->ring_offset += 8, "ring is damaged");
	DAMAGE(STATUS(writer)->names_extents = 0, "names are damaged");
	DAMAGE(STATUS(writer)->names_extents = 49, "names are damaged");
	DAMAGE(STATUS(writer)->names_bytes = 1 << 20, "names are damaged");
	DAMAGE(STATUS(writer)->names_bytes -= 8, "names are damaged");
	DAMAGE(STATUS(writer)->extents[0].offset = ~UINT64_C(7), "damaged");
	DAMAGE(STATUS(writer)->extents[0].size = ~UINT64_C(0), "damaged");
	DAMAGE(STATUS(writer)->file_size = UINT64_C(1) << 40, "cut short");
}

static void
test_damaged_names(void **state)
{
	struct segment_writer writer;
	const struct {
		uint16_t kind;
		uint32_t size;
		uint32_t words[4]; /* behind the head */
	} bad[] = {
	    {WIRE_NAME_STACK, 16, {4, 1}}, /* parent is not before it */
	    {WIRE_NAME_STACK, 16, {0, 0}},
	    {WIRE_NAME_STACK, 16, {0, 4}},
	    {WIRE_NAME_STACK, 8, {0}},
	    {WIRE_NAME_NATIVE, 24, {2}},
	    {WIRE_NAME_NATIVE, 16, {1}},
	    {WIRE_NAME_PYTHON, 24, {4, 1, 1}},
	    {WIRE_NAME_PYTHON, 24, {1, 9, 1}},
	    {WIRE_NAME_MODULE, 32, {0}},
	    {WIRE_NAME_MARK, 56, {4}}, /* its text is not before it */
	    {WIRE_NAME_MARK, 56, {~0u}},
	    {WIRE_NAME_MARK, 48, {1}},
	    {WIRE_NAME_MARK, 8, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wire_name *name;

		write_small(&writer, 64);
		name = writer_entry(&writer, bad[i].kind, bad[i].size);
		memcpy(name + 1, bad[i].words,
		       bad[i].size - 8 < 16 ? bad[i].size - 8 : 16);
		writer_commit(&writer);
		expect_refused("names are damaged");
		writer_close(&writer);
	}
	for (uint32_t size = 0; size < 8; size++) {
		write_small(&writer, 64);
		writer_entry(&writer, 77, 16)->size = size;
		writer_commit(&writer);
		expect_refused("names are damaged");
		writer_close(&writer);
	}
	write_small(&writer, 64);
	writer_entry(&writer, WIRE_NAME_STRING, 16)->length = 9;
	writer_commit(&writer);
	expect_refused("names are damaged");
	writer_close(&writer);
}

/* Records that make no sense are left out; the others count. */
static void
test_damaged_records(void **state)
{
	struct segment_writer writer;
	struct wire_totals totals = {10, 1, 20, 2};
	struct err err;
	struct source *source;

	(void)state;
	write_small(&writer, 64);
	writer_site(&writer, 1, 99, WIRE_DOMAIN_MALLOC, &totals, 0);
	writer_site(&writer, 2, 3, (enum wire_domain)9, &totals, 0);
	writer_site(&writer, 4, 3, WIRE_DOMAIN_MALLOC, &totals, 0);
	writer_site(&writer, 0, 3, WIRE_DOMAIN_MALLOC, &totals, 0);
	writer_commit(&writer);
	source = source_open(path, &err);
	assert_non_null(source);
	assert_int_equal(source_snapshot(source)->site_count, 4);
	assert_int_equal(source_snapshot(source)->live_bytes, 964);
	assert_int_equal(source_snapshot(source)->sites[3].free_bytes, 10);
	source_close(source);
	writer_close(&writer);
}

static void
test_random_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		FILE *file = fopen(path, "w");

		srand((unsigned)i);
		for (int j = 0; j < 30000; j++)
			putc(rand() & 255, file);
		if (i % 2) {
			rewind(file);
			fwrite(&(uint64_t){WIRE_MAGIC}, 8, 1, file);
		}
		fclose(file);
		expect_refused("cannot read");
	}
}

/* Flips bytes of a good segment, before it is opened and while it is. */
static void
test_mutated(void **state)
{
	static uint8_t good[1 << 18];
	struct segment_writer writer;
	size_t size;
	int opened = 0;

	(void)state;
	write_small(&writer, 64);
	size = writer.size;
	assert_true(size <= sizeof(good));
	memcpy(good, writer.bytes, size);
	for (int round = 0; round < 5000; round++) {
		struct err err = {""};
		struct source *source = NULL;

		srand((unsigned)round);
		for (int pass = 0; pass < 2; pass++) {
			int flips = rand() % 8;

			while (flips--) {
				/* Mostly where something is. */
				static const uint32_t parts[] = {
				    0, WIRE_TURN_OFFSET, WIRE_STATUS_OFFSET,
				    WIRE_STATUS_OFFSET + WIRE_PAGE};
				uint32_t part = (uint32_t)rand() % 6;
				uint64_t at =
				    part < 4
					? parts[part] + (uint64_t)rand() % 256
				    : part == 4
					? writer.next.ring_offset +
					      (uint64_t)rand() % 256
					: writer.next.extents[0].offset +
					      (uint64_t)rand() % 512;

				writer.bytes[at] =
				    rand() % 2 ? (uint8_t)rand()
					       : (uint8_t) - (rand() % 2);
			}
			if (!pass)
				source = source_open(path, &err);
			else if (source)
				source_refresh(source, &err);
			assert_true(source || err.text[0]);
		}
		opened += source != NULL;
		source_close(source);
		memcpy(writer.bytes, good, size);
	}
	assert_true(opened > 100 && opened < 5000);
	writer_close(&writer);
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/1-2.heaptop", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_nothing_published),
	    cmocka_unit_test(test_followed),
	    cmocka_unit_test(test_raced),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_cut_open),
	    cmocka_unit_test(test_damaged_pages),
	    cmocka_unit_test(test_damaged_names),
	    cmocka_unit_test(test_damaged_records),
	    cmocka_unit_test(test_random_bytes),
	    cmocka_unit_test(test_mutated),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
