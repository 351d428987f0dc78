/*
 * test_unwind.c - walks of real stacks against the truth that the code under
 * test keeps on the side.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "agent/record.h"
#include "agent/unwind.h"
#include "agent/unwind_kept.h"
#include "agent/unwind_module.h"
#include "agent/unwind_table.h"
#include "heaptop/wire.h"
#include "unwind_shapes.h"

#define FRAMES 8192

static _Thread_local struct unwind_bounds bounds;
static _Thread_local struct unwind_kept kept;
static _Thread_local uint64_t pcs[FRAMES];

/* What the last leaf found: asserted later, since a thread or a handler of
 * another stack is no place to leave by longjmp. */
static struct {
	size_t count;
	enum unwind_end end;
	bool is_true; /* the truth was found, in order and whole */
	bool is_kept_equal;
	size_t same;
} found;

/* Whether the frames are the truth's, from the innermost on, `pc` first. */
static bool
matches(uint64_t pc, const uint64_t *frames, size_t count)
{
	unsigned i = truth.count;
	size_t at = 1;

	if (count == 0 || frames[0] != pc)
		return false;
	while (i-- > 0) {
		if (truth.pcs[i] == 0) {
			while (i > 0 && at < count &&
			       frames[at] != truth.pcs[i - 1])
				at++;
			continue;
		}
		if (at >= count || frames[at++] != truth.pcs[i])
			return false;
	}
	return true;
}

/* The kept walk must give the same, and its `same` must be true. */
static void
walk_kept(const struct unwind_state *state)
{
	static const struct unwind_limits limits = {0, 0, UNWIND_KEPT_FRAMES};
	static _Thread_local uint64_t last[UNWIND_KEPT_FRAMES];
	static _Thread_local size_t last_count;
	size_t count = found.count;
	struct unwind_trace trace;

	if (count > UNWIND_KEPT_FRAMES)
		count = UNWIND_KEPT_FRAMES;
	unwind_walk_kept(&kept, state, &bounds, &limits, &trace);
	found.is_kept_equal =
	    trace.count == count &&
	    memcmp(trace.pcs, pcs, count * sizeof(*pcs)) == 0 &&
	    (count == UNWIND_KEPT_FRAMES || trace.end == found.end) &&
	    trace.same <= count && trace.same <= last_count &&
	    memcmp(trace.pcs + count - trace.same,
		   last + last_count - trace.same,
		   trace.same * sizeof(*pcs)) == 0;
	found.same = trace.same;
	memcpy(last, trace.pcs, trace.count * sizeof(*pcs));
	last_count = trace.count;
}

static __attribute__((noinline)) void
leaf(void *arg)
{
	struct unwind_state state;
	bool stopped;

	(void)arg;
	RECORD_CALLER(&state);
	found.count = unwind_walk(state, &bounds, 0, 0, pcs, FRAMES, &stopped,
				  &found.end);
	found.is_true = matches(state.pc, pcs, found.count) && !stopped;
	walk_kept(&state);
}

#define assert_walk()                                              \
	do {                                                       \
		assert_true(found.is_true);                        \
		assert_true(found.is_kept_equal);                  \
		assert_int_equal(found.end, UNWIND_END_OUTERMOST); \
	} while (0)

static int
start(void **state)
{
	(void)state;
	memset(&found, 0, sizeof(found));
	memset(&truth, 0, sizeof(truth));
	return 0;
}

static void
call_every_shape(void)
{
	enum shape shapes[SHAPE_COUNT];

	for (unsigned i = 0; i < SHAPE_COUNT; i++) {
		shapes[0] = (enum shape)i;
		shapes_call(shapes, 1, leaf, NULL);
		assert_walk();
	}
	for (unsigned i = 0; i < SHAPE_COUNT; i++) {
		for (unsigned j = 0; j < SHAPE_COUNT; j++)
			shapes[j] = (enum shape)((i + j) % SHAPE_COUNT);
		shapes_call(shapes, SHAPE_COUNT, leaf, NULL);
		assert_walk();
	}
}

static void
test_shapes(void **state)
{
	(void)state;
	call_every_shape();
}

/* Random trees of calls: every leaf is walked both ways. */
static void
test_random_shapes(void **state)
{
	enum shape shapes[24] = {SHAPE_PLAIN};
	size_t same = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned count = (unsigned)rand() % 24;
		unsigned change = (unsigned)rand() % 24;

		for (unsigned j = change; j < count; j++)
			shapes[j] = (enum shape)(rand() % SHAPE_COUNT);
		shapes_call(shapes, count, leaf, NULL);
		assert_walk();
		same += found.same;
	}
	assert_true(same > 20000 * 5);
}

static void
test_deep(void **state)
{
	enum shape shapes[3000] = {SHAPE_PLAIN};

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		shapes[i] = i % 5 ? SHAPE_PLAIN : SHAPE_FRAME_POINTER;
	shapes_call(shapes, 3000, leaf, NULL);
	assert_walk();
	assert_true(found.count > 6000);
}

static jmp_buf back;

static void
leaf_and_leave(void *arg)
{
	uint64_t pc = (uint64_t)__builtin_return_address(0);

	truth.pcs[truth.count++] = pc;
	leaf(arg);
	truth.count--;
	longjmp(back, 1);
}

/* The return address is that of whatever follows the function. */
static void
test_last_call(void **state)
{
	(void)state;
	if (!setjmp(back))
		shapes_call_last(leaf_and_leave, NULL);
	assert_walk();
}

static const enum shape some[] = {SHAPE_WIDE, SHAPE_PLAIN, SHAPE_FRAME_POINTER};

static int
compare(const void *a, const void *b)
{
	shapes_gap();
	shapes_call(some, 3, leaf, NULL);
	shapes_gap_end();
	return *(const int *)a - *(const int *)b;
}

static void
sort(void *arg)
{
	int numbers[] = {3, 1, 2};

	(void)arg;
	qsort(numbers, 3, sizeof(*numbers), compare);
}

static void
test_callback(void **state)
{
	(void)state;
	shapes_call(some, 3, sort, NULL);
	assert_walk();
}

static void
handle(int number)
{
	(void)number;
	shapes_gap();
	shapes_call(some, 3, leaf, NULL);
	shapes_gap_end();
}

static void
call_raise(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
}

static void
signal_on(int flags)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = flags};

	sigaction(SIGUSR1, &action, NULL);
	shapes_call(some, 3, call_raise, NULL);
	assert_walk();
	shapes_call(some, 2, call_raise, NULL);
	assert_walk();
}

static void
test_signal(void **state)
{
	(void)state;
	signal_on(0);
}

static void
test_signal_stack(void **state)
{
	stack_t stack = {.ss_size = 65536};

	(void)state;
	stack.ss_sp = malloc(stack.ss_size);
	assert_int_equal(sigaltstack(&stack, NULL), 0);
	signal_on(SA_ONSTACK);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
}

/* Stops at its first instruction, which the byte before does not describe. */
__asm__(".text\n"
	"unwind_before:\n"
	"	.cfi_startproc\n"
	"	subq $4096, %rsp\n"
	"	.cfi_def_cfa_offset 4104\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".globl unwind_stops\n"
	"unwind_stops:\n"
	"	.cfi_startproc\n"
	"	ud2\n"
	"	ret\n"
	"	.cfi_endproc\n");
void unwind_stops(void);

static void
handle_stop(int number, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)info;
	handle(number);
	interrupted->uc_mcontext.gregs[REG_RIP] += 2;
}

static void
call_stops(void *arg)
{
	(void)arg;
	unwind_stops();
	__asm__ volatile("");
}

/* An interrupted pc is exact: it is not a return address. */
static void
test_signal_exact(void **state)
{
	struct sigaction action = {.sa_sigaction = handle_stop,
				   .sa_flags = SA_SIGINFO};

	(void)state;
	sigaction(SIGILL, &action, NULL);
	shapes_call(some, 3, call_stops, NULL);
	signal(SIGILL, SIG_DFL);
	assert_walk();
}

static void *
run_thread(void *arg)
{
	bool *is_right = arg;

	memset(&truth, 0, sizeof(truth));
	*is_right = true;
	for (unsigned i = 0; i < 200; i++) {
		shapes_call(some, i % 4, leaf, NULL);
		*is_right = *is_right && found.is_true && found.is_kept_equal &&
			    found.end == UNWIND_END_OUTERMOST;
	}
	return NULL;
}

static void
test_thread(void **state)
{
	bool is_right = false;
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, run_thread, &is_right);
		pthread_join(thread, NULL);
		assert_true(is_right);
	}
}

static ucontext_t main_context, coroutine;

static void
run_coroutine(void)
{
	shapes_call(some, 3, leaf, NULL);
	swapcontext(&coroutine, &main_context);
	shapes_call(some, 2, leaf, NULL);
}

/* A stack between pages that cannot be read. Its outermost frame, glibc's, has
 * no CFI. */
static void
test_coroutine(void **state)
{
	char *stack = mmap(NULL, 4 * 65536, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	mprotect(stack + 65536, 65536, PROT_READ | PROT_WRITE);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack + 65536;
	coroutine.uc_stack.ss_size = 65536;
	coroutine.uc_link = &main_context;
	makecontext(&coroutine, run_coroutine, 0);
	for (unsigned i = 0; i < 2; i++) {
		unsigned count = truth.count;

		swapcontext(&main_context, &coroutine);
		assert_true(found.is_true);
		assert_true(found.is_kept_equal);
		truth.count = count;
		shapes_call(some, 3, leaf, NULL);
		assert_walk();
	}
	munmap(stack, 4 * 65536);
	unwind_unmapped();
}

static void
test_stop(void **state)
{
	struct unwind_state at;
	enum unwind_end end;
	bool stopped;
	size_t count;

	(void)state;
	shapes_call(some, 3, leaf, NULL);
	assert_true(found.count > 8);
	RECORD_CALLER(&at);
	count = unwind_walk(at, &bounds, 0, 0, pcs, FRAMES, &stopped, &end);
	assert_true(count >= 3);
	assert_int_equal(unwind_walk(at, &bounds, pcs[2], pcs[2] + 1, pcs,
				     FRAMES, &stopped, &end),
			 2);
	assert_true(stopped);
	assert_int_equal(end, UNWIND_END_OUTERMOST);
	assert_int_equal(unwind_walk(at, &bounds, at.pc, at.pc + 1, pcs, FRAMES,
				     &stopped, &end),
			 0);
	assert_true(stopped);
	assert_int_equal(unwind_walk(at, &bounds, 0, 0, pcs, 2, &stopped, &end),
			 2);
	assert_false(stopped);
	assert_int_equal(end, UNWIND_END_FULL);
}

/* Code without CFI: with a frame pointer it is walked over. */
static void
test_no_cfi(void **state)
{
	static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5,
				       0xff, 0xd7, 0x5d, 0xc3};
	static const uint8_t bare[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7,
				       0x48, 0x83, 0xc4, 0x08, 0xc3};
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*call)(void (*)(void *)) = (void (*)(void (*)(void *)))page;

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	memcpy(page, code, sizeof(code));
	truth.pcs[truth.count++] = 0;
	call(leaf);
	assert_walk();
	memcpy(page, bare, sizeof(bare));
	call(leaf);
	assert_true(found.count >= 1);
	assert_true(pcs[0] == (uint64_t)page + 6);
	munmap(page, 4096);
}

/* Any state: at most a wrong stack. */
static void
test_random_states(void **state)
{
	static uint64_t words[512];
	uint64_t stack[512];
	enum unwind_end end;
	bool stopped;

	(void)state;
	srand(2);
	shapes_call(some, 3, leaf, NULL);
	memcpy(words, pcs, found.count * sizeof(*pcs));
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t *sp = &stack[rand() % 500];
		struct unwind_state at = {words[(unsigned)rand() % found.count],
					  (uint64_t)sp,
					  (uint64_t)(sp + rand() % 40 - 8)};

		for (unsigned j = 0; j < 16; j++)
			stack[(unsigned)rand() % 512] =
			    rand() % 2 ? words[(unsigned)rand() % found.count] +
					     (unsigned)rand() % 32
				       : (uint64_t)&stack[rand() % 512];
		if (i % 7 == 0)
			at.bp = (uint64_t)rand() << 20;
		if (i % 11 == 0)
			at.pc += (unsigned)rand() % 4096;
		unwind_walk(at, &bounds, 0, 0, pcs, 64, &stopped, &end);
	}
}

static void
test_not_a_stack(void **state)
{
	struct unwind_state at = {(uint64_t)test_not_a_stack, 4096, 4096};
	enum unwind_end end;
	bool stopped;

	(void)state;
	assert_int_equal(
	    unwind_walk(at, &bounds, 0, 0, pcs, FRAMES, &stopped, &end), 1);
	assert_int_equal(end, UNWIND_END_BOUNDS);
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
	test_callback(state);
	test_signal(state);
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
	test_callback(state);
	test_last_call(state);
	start(state);
	test_signal(state);
	test_thread(state);
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
	    cmocka_unit_test_setup(test_shapes, start),
	    cmocka_unit_test_setup(test_random_shapes, start),
	    cmocka_unit_test_setup(test_deep, start),
	    cmocka_unit_test_setup(test_last_call, start),
	    cmocka_unit_test_setup(test_callback, start),
	    cmocka_unit_test_setup(test_signal, start),
	    cmocka_unit_test_setup(test_signal_stack, start),
	    cmocka_unit_test_setup(test_signal_exact, start),
	    cmocka_unit_test_setup(test_thread, start),
	    cmocka_unit_test_setup(test_coroutine, start),
	    cmocka_unit_test_setup(test_stop, start),
	    cmocka_unit_test_setup(test_no_cfi, start),
	    cmocka_unit_test_setup(test_random_states, start),
	    cmocka_unit_test_setup(test_not_a_stack, start),
	    cmocka_unit_test_setup(test_module_table, start),
	    cmocka_unit_test_setup(test_forget, start),
	    cmocka_unit_test_setup(test_referee, start),
	};

	unwind_init(WIRE_UNWINDER_RULES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
