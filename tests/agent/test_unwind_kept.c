/*
 * test_unwind_kept.c - walks that begin where the last one was the same, and
 * rules that come and go.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/record.h"
#include "agent/unwind_module.h"
#include "heaptop/wire.h"
#include "unwind_leaf.h"

/* Random trees of calls: every leaf is walked both ways. */
static void
test_random_shapes(void **state)
{
	enum shape shapes[60] = {SHAPE_PLAIN}; /* several pieces */
	size_t same = 0;
	size_t met = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned count = (unsigned)rand() % 60;
		unsigned change = (unsigned)rand() % 60;

		for (unsigned j = change; j < count; j++)
			shapes[j] = (enum shape)(rand() % SHAPE_COUNT);
		shapes_call(shapes, count, leaf, NULL);
		assert_walk();
		same += found.same;
		met += found.pieces > 0;
	}
	assert_true(same > 20000 * 5);
	print_message("# %zu of 20000 met in pieces\n", met);
	assert_true(met > 500);
}

/* Where one piece ends the next begins, with the bp that its rules go by. */
static void
test_pieces_by_bp(void **state)
{
	static const enum shape by_bp[] = {SHAPE_PLAIN, SHAPE_FRAME_POINTER,
					   SHAPE_WIDE};
	enum shape shapes[60];

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		shapes[i] = by_bp[i / 3 % 3];
	for (unsigned i = 0; i < 9; i++) { /* so that each rule is cut at */
		shapes[59 - i] = by_bp[i % 3];
		shapes_call(shapes, 60 - i, leaf, NULL);
		assert_walk();
		assert_true(found.pieces > 4);
	}
}

#define STACKS 2000
#define DEPTH  60
#define WALKS  20000 /* by which all are known, and that again */

/* Deep stacks that come again in no order are guessed as a whole, and what was
 * guessed is what runs. */
static void
test_guesses(void **state)
{
	static const enum shape simple[] = {SHAPE_PLAIN, SHAPE_FRAME_POINTER,
					    SHAPE_WIDE};
	enum shape shapes[DEPTH];
	size_t guessed = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * WALKS; i++) {
		unsigned stack = (unsigned)rand() % STACKS;
		unsigned path = stack;

		for (unsigned j = 0; j < DEPTH; j++) {
			if (j % 4 == 0)
				path = path * 1664525 + 1013904223;
			shapes[j] = simple[(path >> 16) % 3];
		}
		shapes_call(shapes, DEPTH - stack % 5, leaf, NULL);
		assert_walk();
		guessed += found.guessed && i >= WALKS;
	}
	print_message("# %zu of %d guessed\n", guessed, WALKS);
	assert_true(guessed >= WALKS - WALKS / 1000);
}

#define NOINLINE __attribute__((noinline, noclone))

static size_t room_size;
static uint64_t slot; /* of the leaf's return address; 0: walk instead */

static NOINLINE void
stale_leaf(void)
{
	if (slot)
		slot = (uint64_t)__builtin_frame_address(0) + 8;
	else
		leaf(NULL);
	__asm__ volatile("");
}

static NOINLINE void
stale_saves_bp(void)
{
	__asm__ volatile("" ::: "rbp");
	stale_leaf();
	__asm__ volatile("");
}

static NOINLINE void
stale_by_bp(void)
{
	char *room = __builtin_alloca(room_size);

	__asm__ volatile("" ::"r"(room) : "memory");
	stale_saves_bp();
	__asm__ volatile("");
}

static NOINLINE void
stale_between(void)
{
	stale_by_bp();
	__asm__ volatile("");
}

static NOINLINE void
stale_call(void (*function)(void))
{
	function();
	__asm__ volatile("");
}

/* A frame is gone, but its slot lies untouched in the room of another, and all
 * slots further in are the same: only the saved bp tells. */
static void
test_stale_slot(void **state)
{
	uint64_t between;
	size_t longer;

	(void)state;
	room_size = 4096;
	slot = 1;
	stale_call(stale_between);
	between = slot;
	stale_call(stale_by_bp);
	room_size += slot - between;
	slot = 1;
	stale_call(stale_by_bp);
	assert_int_equal(slot, between);

	slot = 0;
	longer = room_size;
	for (unsigned i = 0; i < 6; i++) { /* from one and the same place */
		room_size = i % 2 ? longer : 4096;
		stale_call(i % 2 ? stale_by_bp : stale_between);
		assert_true(found.is_kept_equal);
		assert_true(found.is_met_equal);
		assert_true(found.pieces > 0);
	}
}

#define PAINT 0xa5
#define ROOM  8192

static __attribute__((noinline)) void
paint(void)
{
	uint8_t room[ROOM];

	memset(room, PAINT, ROOM);
	__asm__ volatile("" ::"r"(room) : "memory");
}

/* How far below top the stack was written since it was painted. */
static __attribute__((noinline)) size_t
used_below(const uint8_t *top)
{
	const uint8_t *at = top - ROOM + 256;

	while (*(const volatile uint8_t *)at == PAINT)
		at++;
	return (size_t)(top - at);
}

/* A hook may run on a stack of a few KiB. */
static void
test_stack_use(void **state)
{
	static const struct unwind_limits limits = {0, 0, 64};
	struct unwind_trace trace;
	struct unwind_state at;
	enum unwind_end end;
	bool stopped;

	(void)state;
	RECORD_CALLER(&at);
	for (unsigned i = 0; i < 4; i++) {
		if (i % 2 == 0)
			unwind_modules_changed(); /* rows are read again */
		paint();
		if (i < 2)
			unwind_walk(at, &bounds, 0, 0, pcs, 64, &stopped, &end);
		else
			unwind_walk_kept(&kept, &at, &bounds, &limits, &trace);
		assert_in_range(used_below(__builtin_frame_address(0)), 1,
				2048);
	}
}

/* As on a glibc that cannot be asked. */
static void
test_module_table(void **state)
{
	struct unwind_module mine, other;

	(void)state;
	assert_true(unwind_find_module((uint64_t)call_every_shape, &mine));
	module_init(false);
	unwind_modules_changed();
	assert_true(unwind_find_module((uint64_t)call_every_shape, &other));
	assert_int_equal(mine.bias, other.bias);
	assert_int_equal(mine.start, other.start);
	assert_false(unwind_find_module(4096, &other));
	call_every_shape();
	module_init(true);
	unwind_modules_changed();
}

static bool is_over;

static void *
forget_rules(void *arg)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		unwind_modules_changed();
	return arg;
}

/* Rules come and go in another thread. */
static void
test_forget(void **state)
{
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, forget_rules, NULL);
	for (unsigned i = 0; i < 300; i++) {
		shapes_call(some, 3, leaf, NULL);
		assert_walk();
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* Every walk of the tests above again, with libunwind as the referee. */
static void
test_referee(void **state)
{
	uint64_t compared, differed;

	if (!unwind_init(WIRE_UNWINDER_CHECK))
		skip();
	call_every_shape();
	test_random_shapes(state);
	unwind_check_counts(&compared, &differed);
	assert_true(compared > 40000);
	assert_int_equal(differed, 0);
	assert_true(unwind_init(WIRE_UNWINDER_LIBUNWIND));
	shapes_call(some, 3, leaf, NULL);
	assert_true(found.is_true);
	unwind_forked();
	shapes_call(some, 3, leaf, NULL);
	assert_int_equal(found.count, 1);
	assert_true(unwind_init(WIRE_UNWINDER_RULES));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_random_shapes, unwind_leaf_start),
	    cmocka_unit_test_setup(test_guesses, unwind_leaf_start),
	    cmocka_unit_test_setup(test_pieces_by_bp, unwind_leaf_start),
	    cmocka_unit_test_setup(test_stale_slot, unwind_leaf_start),
	    cmocka_unit_test_setup(test_stack_use, unwind_leaf_start),
	    cmocka_unit_test_setup(test_module_table, unwind_leaf_start),
	    cmocka_unit_test_setup(test_forget, unwind_leaf_start),
	    cmocka_unit_test_setup(test_referee, unwind_leaf_start),
	};

	unwind_init(WIRE_UNWINDER_RULES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
