/*
 * test_unwind_hard.c - code that compilers do not make, and stacks by the
 * hundred: the whole right stack, or one that is cut and says so.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "agent/safe.h"
#include "heaptop/wire.h"
#include "unwind_leaf.h"

#define NOINLINE __attribute__((noinline, noclone))

static unsigned syscalls;

long __real_safe_syscall(long number, long a, long b, long c, long d, long e,
			 long f);
long __wrap_safe_syscall(long number, long a, long b, long c, long d, long e,
			 long f);

long
__wrap_safe_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	syscalls++;
	return __real_safe_syscall(number, a, b, c, d, e, f);
}

/* Each calls its first argument with its second. */
__asm__(".text\n"
	/* The frame is where an expression says, by rbx. */
	"hard_expression:\n"
	"	.cfi_startproc\n"
	"	pushq %rbx\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset rbx, -16\n"
	"	movq %rsp, %rbx\n"
	"	.cfi_escape 0x0f, 2, 0x73, 16\n"
	"	subq $100, %rsp\n"
	"	andq $-64, %rsp\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	call *%rax\n"
	"	movq %rbx, %rsp\n"
	"	.cfi_def_cfa rsp, 16\n"
	"	popq %rbx\n"
	"	.cfi_def_cfa_offset 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	/* Pushes what nobody asked for, and uses bp for something else. */
	"hard_pushes:\n"
	"	.cfi_startproc\n"
	"	pushq %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset rbp, -16\n"
	"	pushq $1\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq $2\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq $3\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	movq $7, %rbp\n"
	"	subq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	call *%rax\n"
	"	addq $32, %rsp\n"
	"	.cfi_adjust_cfa_offset -32\n"
	"	popq %rbp\n"
	"	.cfi_def_cfa_offset 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	/* Without CFI, three ways to treat bp: to keep it as a frame pointer,
	 * to leave it as it is, to spoil it. */
	"bare_pointer:\n"
	"	pushq %rbp\n"
	"	movq %rsp, %rbp\n"
	"	pushq $0\n"
	"	pushq $0\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	call *%rax\n"
	"	leave\n"
	"	ret\n"
	"bare_pointer_end:\n"
	"bare_leave:\n"
	"	subq $24, %rsp\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	call *%rax\n"
	"	addq $24, %rsp\n"
	"	ret\n"
	"bare_leave_end:\n"
	"bare_spoil:\n"
	"	pushq %rbp\n"
	"	leaq 64(%rsp), %rbp\n"
	"	subq $16, %rsp\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	call *%rax\n"
	"	addq $16, %rsp\n"
	"	popq %rbp\n"
	"	ret\n"
	"bare_spoil_end:\n"
	"	nop\n");

typedef void code(void (*)(void *), void *);
code hard_expression, hard_pushes, bare_pointer, bare_leave, bare_spoil;
extern const uint8_t bare_pointer_end[], bare_leave_end[], bare_spoil_end[];

static uint64_t caller; /* of the code */
static void (*called)(void *) = leaf;

/* Saves every register before the leaf is called. */
static NOINLINE void
call_leaf(void *arg)
{
	(void)arg;
	shapes_call(some, 3, leaf, NULL);
}

/* Keeps a frame pointer, for the code to leave or to spoil. */
static NOINLINE __attribute__((optimize("no-omit-frame-pointer"))) void
call_code(void *arg)
{
	uint64_t pc = (uint64_t)__builtin_return_address(0);

	truth.pcs[truth.count++] = pc;
	truth.pcs[truth.count++] = 0;
	caller = pc;
	(*(code **)arg)(called, NULL);
	__asm__ volatile("");
	truth.count -= 2;
}

static void
run_code(code *way)
{
	shapes_call(some, 3, call_code, &way);
}

/* Nothing is left out. */
#define assert_whole()                                           \
	do {                                                     \
		assert_walk();                                   \
		assert_true(pcs[1] - (uint64_t)call_code < 256); \
		assert_int_equal(pcs[2], caller);                \
	} while (0)

#define assert_cut()                                             \
	do {                                                     \
		assert_int_equal(found.count, 1);                \
		assert_int_equal(found.end, UNWIND_END_NO_RULE); \
		assert_true(found.is_kept_equal);                \
	} while (0)

static void
test_described(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		/* What rbx was, only a frame that saved it can tell. */
		run_code(hard_expression);
		assert_cut();
		called = call_leaf;
		run_code(hard_expression);
		called = leaf;
		assert_walk();
		run_code(hard_pushes);
		assert_whole();
	}
}

/* In a module, where the rule is kept once it is known. */
static void
test_bare(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		run_code(bare_pointer);
		assert_whole();
		run_code(bare_leave);
		assert_cut();
		run_code(bare_spoil);
		assert_cut();
	}
}

static void
run_copy(char *page, code *from, const uint8_t *end)
{
	memcpy(page, (const void *)from, (size_t)(end - (const uint8_t *)from));
	run_code((code *)page);
}

static void
test_translated(void **state)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	/* Code comes and goes at one place: nothing may be kept of it. */
	for (unsigned i = 0; i < 3; i++) {
		run_copy(page, bare_pointer, bare_pointer_end);
		assert_whole();
		run_copy(page, bare_leave, bare_leave_end);
		assert_cut();
		run_copy(page, bare_spoil, bare_spoil_end);
		assert_cut();
	}
	munmap(page, 4096);
}

#define COROUTINES 100
#define STACK	   32768

static ucontext_t back, contexts[COROUTINES];
static unsigned bad;

static void
run_coroutine(int number)
{
	for (;;) {
		truth.count = 0;
		shapes_call(some, 3, leaf, NULL);
		bad += !found.is_true || !found.is_kept_equal ||
		       found.end != UNWIND_END_OUTERMOST;
		swapcontext(&contexts[number], &back);
	}
}

static unsigned
switch_to_all(void)
{
	unsigned before = syscalls;

	for (unsigned i = 0; i < COROUTINES; i++)
		swapcontext(&back, &contexts[i]);
	return syscalls - before;
}

static void
start_coroutines(char *stacks)
{
	for (unsigned i = 0; i < COROUTINES; i++) {
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks + (size_t)i * STACK;
		contexts[i].uc_stack.ss_size = STACK;
		makecontext(&contexts[i], (void (*)(void))run_coroutine, 1,
			    (int)i);
	}
}

/* Asks the kernel once for each page, and again only after an unmapping. */
static void
test_coroutines(void **state)
{
	char *stacks = mmap(NULL, COROUTINES * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned first, later = 0;

	(void)state;
	assert_ptr_not_equal(stacks, MAP_FAILED);
	start_coroutines(stacks);
	bad = 0;
	first = switch_to_all();
	assert_in_range(first, COROUTINES, 4 * COROUTINES);
	for (unsigned i = 0; i < 50; i++)
		later += switch_to_all();
	/* Places collide now and then. */
	assert_in_range(later, 0, 50 * COROUTINES / 10);
	unwind_unmapped();
	assert_in_range(switch_to_all(), COROUTINES, 4 * COROUTINES);

	/* Their memory goes, and comes back with holes in it. */
	assert_int_equal(munmap(stacks, COROUTINES * STACK), 0);
	unwind_unmapped();
	assert_ptr_equal(mmap(stacks, COROUTINES * STACK,
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 stacks);
	for (unsigned i = 1; i < COROUTINES; i++)
		mprotect(stacks + (size_t)i * STACK, 4096, PROT_NONE);
	start_coroutines(stacks);
	switch_to_all();
	assert_int_equal(bad, 0);
	munmap(stacks, COROUTINES * STACK);
	unwind_unmapped();
	truth.count = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_described, unwind_leaf_start),
	    cmocka_unit_test_setup(test_bare, unwind_leaf_start),
	    cmocka_unit_test_setup(test_translated, unwind_leaf_start),
	    cmocka_unit_test_setup(test_coroutines, unwind_leaf_start),
	};

	unwind_init(WIRE_UNWINDER_RULES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
