/* test_peek.c - memory that is there, that is not, and where the system call
 * that reads it is forbidden. */
#include "config.h"

#include "check.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/peek.h"

#define PAGE 4096

/* A page of the letters a to p, and none behind it. */
static char *
page_make(void)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);
	assert_int_equal(munmap(page + PAGE, PAGE), 0);
	for (int i = 0; i < PAGE; i++)
		page[i] = (char)('a' + i % 16);
	return page;
}

static void
one(void **state)
{
	char *page = page_make();
	char out[64];

	(void)state;
	assert_true(peek((uint64_t)page + 3, out, 8));
	assert_memory_equal(out, "defghijk", 8);
	assert_true(peek((uint64_t)page + PAGE - 16, out, 16));
	assert_false(peek((uint64_t)page + PAGE - 8, out, 16));
	assert_false(peek((uint64_t)page + PAGE, out, 1));
	assert_false(peek(0, out, 8));
	assert_false(peek(~UINT64_C(7), out, 8));
	assert_int_equal(peek_some((uint64_t)page + PAGE - 5, out, 64), 5);
	assert_memory_equal(out, "lmnop", 5);
	assert_int_equal(peek_some((uint64_t)page, out, 64), 64);
	assert_int_equal(peek_some((uint64_t)page + PAGE, out, 64), 0);
	munmap(page, PAGE);
}

static void
many(void **state)
{
	char *page = page_make();
	char out[64];
	struct iovec pieces[] = {{page, 4},
				 {page + 4, 0},
				 {page + PAGE - 4, 4},
				 {page + PAGE - 2, 4},
				 {page + 1, 4},
				 {page + PAGE, 1}};

	(void)state;
	assert_int_equal(peek_many(pieces, 0, out), 0);
	assert_int_equal(peek_many(pieces, 3, out), 3);
	assert_memory_equal(out, "abcdmnop", 8);
	assert_int_equal(peek_many(pieces, 6, out), 3);
	assert_int_equal(peek_many(&pieces[3], 3, out), 0);
	assert_int_equal(peek_many(&pieces[4], 2, out), 1);
	assert_memory_equal(out, "bcde", 4);
	munmap(page, PAGE);
}

static void
forbid(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		     offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
}

/* In a child, since a filter stays. */
static void
forbidden(void **state)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		forbid();
		one(state);
		many(state);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* no seccomp here */
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one),
	    cmocka_unit_test(many),
	    cmocka_unit_test(forbidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
