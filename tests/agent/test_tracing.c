/*
 * test_tracing.c - what Python allocated since the program asked: sums, the
 * peak and rows, in many threads, with beginnings in between.
 */
#include "config.h"

#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api.h"
#include "agent/live.h"
#include "agent/py/py.h"
#include "agent/py/pykept.h"
#include "agent/record.h"
#include "agent/sample.h"
#include "agent/sites.h"
#include "stubs.h"

#define THREADS 4
#define BLOCKS	20000
#define SIZE	48

/* Addresses that nobody else has a block at. */
static char *const heap = (char *)0x7e0000000000;

static uint64_t words[2] = {PY_WORD_TAG | 8 << 19, PY_WORD_TAG | 16 << 19};

static void
on_line(uint64_t line)
{
	words[0] = PY_WORD_TAG | line << 19;
	stubs.python = words;
	stubs.python_count = 2;
}

static void
born(size_t at, uint64_t size, enum wire_domain domain)
{
	struct thread *thread = record_begin(__builtin_frame_address(0));
	struct unwind_state state;

	assert_non_null(thread);
	RECORD_CALLER(&state);
	if (domain == WIRE_DOMAIN_MALLOC)
		record_alloc(thread, domain, &state, heap + at, size);
	else
		record_python(thread, domain, __builtin_frame_address(0),
			      heap + at, size);
	record_end(thread);
}

static void
gone(size_t at)
{
	record_gone(heap + at);
}

/* Of some domains: malloc has blocks of the test itself. */
static struct heaptop_trace_row
total(uint32_t first, uint32_t last)
{
	uint32_t count;
	const struct heaptop_trace_row *rows = heaptop_trace_take(&count);
	struct heaptop_trace_row sum = {0};

	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].domain < first || rows[i].domain > last)
			continue;
		sum.bytes += rows[i].bytes;
		sum.count += rows[i].count;
		if (rows[i].count)
			sum.stack = rows[i].stack;
	}
	heaptop_trace_drop(rows);
	return sum;
}

static struct heaptop_trace_row
python(void)
{
	return total(WIRE_DOMAIN_PYMEM_RAW, WIRE_DOMAIN_PYMEM_OBJECT);
}

static void
assert_memory(uint64_t now, uint64_t peak)
{
	assert_int_equal(heaptop_trace_live(), now);
	assert_int_equal(heaptop_trace_peak(), peak);
}

static void
test_nothing_without_a_start(void **state)
{
	(void)state;
	on_line(1);
	born(0, 100, WIRE_DOMAIN_PYMEM_OBJECT);
	assert_false(heaptop_trace_on());
	assert_memory(0, 0);
	assert_int_equal(python().count, 0);
	assert_int_equal(heaptop_trace_block(heap, 0), 0);
	gone(0);
}

static bool
look_same(struct py_kept *kept, bool gil)
{
	(void)kept;
	(void)gil;
	return true;
}

static void
test_what_is_older_does_not_count(void **state)
{
	bool (*look)(struct py_kept *, bool) = py_kept_look;
	uint32_t stack;

	(void)state;
	on_line(2);
	born(0, 100, WIRE_DOMAIN_PYMEM_OBJECT);
	py_kept_look = look_same;
	assert_int_equal(heaptop_trace_start(), 0);
	assert_true(heaptop_trace_on());
	/* The same stack, in the same thread, which remembers its site. */
	born(160, 30, WIRE_DOMAIN_PYMEM_OBJECT);
	born(320, 7, WIRE_DOMAIN_PYMEM_RAW);
	assert_memory(37, 37);
	gone(0);
	assert_memory(37, 37);
	gone(320);
	assert_memory(30, 37);
	assert_int_equal(python().bytes, 30);
	assert_int_equal(python().count, 1);
	stack = heaptop_trace_block(heap + 160, 0);
	assert_int_equal(stack, python().stack);
	assert_int_equal(heaptop_trace_block(heap + 160, 30), 0);
	assert_int_equal(heaptop_trace_start(), 0);
	assert_memory(0, 0);
	assert_int_equal(python().count, 0);
	assert_int_equal(heaptop_trace_block(heap + 160, 0), 0);
	gone(160);
	assert_memory(0, 0);
	py_kept_look = look;
	heaptop_trace_stop();
}

static void
test_peak(void **state)
{
	(void)state;
	on_line(3);
	heaptop_trace_start();
	born(0, 1000, WIRE_DOMAIN_PYMEM_MEM);
	born(1600, 500, WIRE_DOMAIN_PYMEM_MEM);
	gone(0);
	assert_memory(500, 1500);
	heaptop_trace_reset_peak();
	assert_memory(500, 500);
	born(0, 10, WIRE_DOMAIN_PYMEM_MEM);
	assert_memory(510, 510);
	gone(0);
	gone(1600);
	heaptop_trace_stop();
	assert_memory(0, 0);
}

static void
test_other_domains_are_rows_only(void **state)
{
	(void)state;
	on_line(4);
	/* One native stack, which the thread remembers. */
	for (int i = 0; i < 5; i++) {
		heaptop_trace_start();
		born(0, 4321, WIRE_DOMAIN_MALLOC);
		assert_memory(0, 0);
		assert_true(
		    total(WIRE_DOMAIN_MALLOC, WIRE_DOMAIN_MALLOC).bytes >=
		    4321);
		assert_int_equal(python().count, 0);
		assert_int_equal(heaptop_trace_block(heap, 0), 0);
		gone(0);
	}
	heaptop_trace_stop();
}

static void
test_frames(void **state)
{
	struct heaptop_trace_frame frames[3];
	uint32_t stacks[3] = {0, UINT32_MAX, 0};

	(void)state;
	on_line(5);
	heaptop_trace_start();
	born(0, 100, WIRE_DOMAIN_PYMEM_OBJECT);
	stacks[0] = heaptop_trace_block(heap, 0);
	heaptop_trace_frames(stacks, 3, frames);
	assert_int_equal(frames[0].depth, 2);
	assert_int_equal(frames[0].python, 2);
	assert_non_null(frames[0].function);
	for (int i = 1; i < 3; i++)
		assert_int_equal(frames[i].depth, 0);
	stacks[0] = frames[0].parent;
	heaptop_trace_frames(stacks, 1, frames);
	assert_int_equal(frames[0].depth, 1);
	assert_int_equal(frames[0].parent, 0);
	gone(0);
	heaptop_trace_stop();
}

/* A site whose blocks are gone is used again; others stay apart. */
static void
test_many_beginnings(void **state)
{
	uint32_t sites;

	(void)state;
	on_line(7);
	heaptop_trace_start();
	born(0, 100, WIRE_DOMAIN_PYMEM_OBJECT);
	sites = sites_count();
	for (int i = 0; i < 1000; i++) {
		heaptop_trace_start();
		assert_memory(0, 0);
		born(160, 30, WIRE_DOMAIN_PYMEM_OBJECT);
		assert_int_equal(python().bytes, 30);
		gone(160);
		assert_memory(0, 30);
	}
	gone(0);
	assert_memory(0, 30);
	assert_true(sites_count() <= sites + 1);
	heaptop_trace_stop();
}

static void *
churn(void *number)
{
	size_t base = ((size_t)number + 1) * BLOCKS * 64;

	stubs.python = words;
	stubs.python_count = 2;
	for (size_t i = 0; i < BLOCKS; i++)
		born(base + i * 64, SIZE, WIRE_DOMAIN_PYMEM_OBJECT);
	for (size_t i = 0; i < BLOCKS; i += 2)
		gone(base + i * 64);
	return NULL;
}

/* Beginnings at any moment spoil neither the sums nor the rows. */
static void
test_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	on_line(6);
	heaptop_trace_start();
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, churn, (void *)i);
	for (int i = 0; i < 200; i++) {
		struct heaptop_trace_row sum = python();

		assert_true(sum.count <= THREADS * BLOCKS);
		assert_true(sum.bytes <= THREADS * BLOCKS * SIZE);
		heaptop_trace_start();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(heaptop_trace_live(), python().bytes);
	heaptop_trace_start();
	churn((void *)(uintptr_t)THREADS);
	assert_memory(SIZE * BLOCKS / 2, SIZE * BLOCKS);
	assert_int_equal(python().count, BLOCKS / 2);
	heaptop_trace_stop();
}

static int
set_up(void **state)
{
	(void)state;
	sample_rate_set(1);
	return live_init_as(WIRE_LIVE_SHADOW) ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_without_a_start),
	    cmocka_unit_test(test_what_is_older_does_not_count),
	    cmocka_unit_test(test_peak),
	    cmocka_unit_test(test_other_domains_are_rows_only),
	    cmocka_unit_test(test_frames),
	    cmocka_unit_test(test_many_beginnings),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
