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
#include "heaptop/wire.h"
#include "unwind_leaf.h"

static void
test_shapes(void **state)
{
	(void)state;
	call_every_shape();
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

/* From now on libunwind is the referee of every walk, if there is one. */
static int
start_referee(void **state)
{
	unwind_init(WIRE_UNWINDER_CHECK);
	return unwind_leaf_start(state);
}

static void
test_referee(void **state)
{
	uint64_t compared, differed;

	(void)state;
	unwind_check_counts(&compared, &differed);
	if (compared == 0)
		skip();
	assert_int_equal(differed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_shapes, unwind_leaf_start),
	    cmocka_unit_test_setup(test_deep, unwind_leaf_start),
	    cmocka_unit_test_setup(test_last_call, unwind_leaf_start),
	    cmocka_unit_test_setup(test_callback, unwind_leaf_start),
	    cmocka_unit_test_setup(test_signal, unwind_leaf_start),
	    cmocka_unit_test_setup(test_signal_stack, unwind_leaf_start),
	    cmocka_unit_test_setup(test_signal_exact, unwind_leaf_start),
	    cmocka_unit_test_setup(test_thread, unwind_leaf_start),
	    cmocka_unit_test_setup(test_coroutine, unwind_leaf_start),
	    cmocka_unit_test_setup(test_stop, unwind_leaf_start),
	    cmocka_unit_test_setup(test_no_cfi, unwind_leaf_start),
	    cmocka_unit_test_setup(test_random_states, unwind_leaf_start),
	    cmocka_unit_test_setup(test_not_a_stack, unwind_leaf_start),
	    cmocka_unit_test_setup(test_shapes, start_referee),
	    cmocka_unit_test_setup(test_last_call, start_referee),
	    cmocka_unit_test_setup(test_callback, start_referee),
	    cmocka_unit_test_setup(test_signal, start_referee),
	    cmocka_unit_test_setup(test_signal_stack, start_referee),
	    cmocka_unit_test_setup(test_thread, start_referee),
	    cmocka_unit_test_setup(test_stop, start_referee),
	    cmocka_unit_test(test_referee),
	};

	unwind_init(WIRE_UNWINDER_RULES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
