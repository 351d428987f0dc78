/* test_arch.c - registers and code of this processor. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "inject/arch.h"

/* A call that a stop has made fail, two bytes behind its instruction. */
static struct user_regs_struct
failed(long call, uint64_t timeout_ms)
{
	return (struct user_regs_struct){.orig_rax = (uint64_t)call,
					 .rax = (uint64_t)-EINTR,
					 .rip = 0x1002,
					 .r10 = timeout_ms};
}

static void
test_call_again(void **state)
{
	struct user_regs_struct regs = failed(SYS_epoll_wait, 2000);

	(void)state;
	assert_true(arch_call_again(&regs, 300));
	assert_int_equal(regs.rax, SYS_epoll_wait);
	assert_int_equal(regs.rip, 0x1000);
	assert_int_equal((long)regs.orig_rax, -1);
	assert_int_equal(regs.r10, 1700);

	regs = failed(SYS_epoll_wait, 2000);
	assert_true(arch_call_again(&regs, 2500));
	assert_int_equal(regs.r10, 0);

	regs = failed(SYS_epoll_wait, (uint64_t)-1);
	assert_true(arch_call_again(&regs, 2500));
	assert_int_equal(regs.r10, (uint64_t)-1);

	regs = failed(SYS_semop, 77);
	assert_true(arch_call_again(&regs, 2500));
	assert_int_equal(regs.r10, 77);
}

static void
test_call_not_again(void **state)
{
	struct user_regs_struct regs = failed(SYS_close, 0);
	struct user_regs_struct other = failed(SYS_read, 0);

	(void)state;
	assert_false(arch_call_again(&regs, 0));
	other.rax = 3;
	assert_false(arch_call_again(&other, 0));
	other = failed(-1, 0);
	assert_false(arch_call_again(&other, 0));
	assert_int_equal(other.rip, 0x1002);
}

static void
test_code(void **state)
{
	static const uint8_t direct[8] = {0x90, 0x90, 0x90, 0xe8, 1, 2, 3, 4};
	static const uint8_t by_register[8] = {1, 2, 3, 4, 5, 6, 0xff, 0xd0};
	static const uint8_t by_memory[8] = {1, 2, 0xff, 0x15, 9, 9, 9, 9};
	static const uint8_t jump[8] = {1, 2, 3, 4, 5, 6, 0xff, 0xe0};
	static const uint8_t back[9] = {0x48, 0xc7, 0xc0, 0x0f, 0,
					0,    0,    0x0f, 0x05};

	(void)state;
	assert_true(arch_is_after_call(direct));
	assert_true(arch_is_after_call(by_register));
	assert_true(arch_is_after_call(by_memory));
	assert_false(arch_is_after_call(jump));
	assert_true(arch_is_sigreturn(back));
	assert_int_equal(arch_syscall_find(back, sizeof(back)), 7);
	assert_int_equal(arch_syscall_find(back, 8), 8);
}

static void
test_frame_room(void **state)
{
	static struct arch_state thread;
	static uint8_t out[ARCH_XSTATE_MAX];

	(void)state;
	/* A state that is shorter than its features is not made into one. */
	thread.xstate_size = 100;
	assert_int_equal(arch_frame_make(&thread, 0x1000, out, sizeof(out)), 0);
	thread.xstate_size = 576;
	assert_int_equal(arch_frame_make(&thread, 0x1000, out, 600), 0);
	assert_int_equal(arch_frame_make(&thread, 0x1000, out, sizeof(out)),
			 512 + 576 + 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_call_again),
	    cmocka_unit_test(test_call_not_again),
	    cmocka_unit_test(test_code),
	    cmocka_unit_test(test_frame_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
