/* test_object.c - what this process itself has mapped. */
#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/moment.h"
#include "inject/object.h"

static int memory;
static struct regions regions;

static int
setup(void **state)
{
	(void)state;
	memory = open("/proc/self/mem", O_RDONLY);
	return memory < 0 || !regions_read(&regions, getpid());
}

static int
teardown(void **state)
{
	(void)state;
	regions_fini(&regions);
	return close(memory);
}

static void
test_regions(void **state)
{
	const struct region *here =
	    regions_at(&regions, (uint64_t)(uintptr_t)test_regions);
	const struct region *stack =
	    regions_at(&regions, (uint64_t)(uintptr_t)&here);

	(void)state;
	assert_non_null(here);
	assert_true(here->executable);
	assert_non_null(strstr(here->path, "test_object"));
	assert_non_null(stack);
	assert_false(stack->executable);
	assert_null(regions_at(&regions, 1));
	assert_non_null(regions_named(&regions, "libc.so.6"));
	assert_null(regions_named(&regions, "libc.so"));
}

static void
test_symbols(void **state)
{
	const struct region *libc = regions_named(&regions, "libc.so.6");
	struct object object;
	uint64_t size = 0;
	uint64_t at;

	(void)state;
	assert_true(object_read(&object, memory, libc->start));
	at = object_find(&object, "malloc", &size);
	assert_int_equal(at,
			 (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "malloc"));
	assert_true(size > 16 && size < 65536);
	assert_true(object_end_before(&object, at) <= at);
	assert_int_equal(object_find(&object, "no such function", NULL), 0);
	object_fini(&object);
}

/* Anything may stand there. */
static void
test_damaged(void **state)
{
	const struct region *libc = regions_named(&regions, "libc.so.6");
	size_t size = 8192;
	unsigned char *copy = malloc(size);
	struct object object;

	(void)state;
	assert_false(object_read(&object, memory, 0x10));
	memset(copy, 0xff, size);
	assert_false(object_read(&object, memory, (uint64_t)(uintptr_t)copy));
	for (size_t i = 0; i < 1024; i++) {
		memcpy(copy, (const void *)(uintptr_t)libc->start, 4096);
		copy[i] ^= (unsigned char)(1 + i % 255);
		if (object_read(&object, memory, (uint64_t)(uintptr_t)copy))
			object_fini(&object);
	}
	free(copy);
}

static void
test_moment(void **state)
{
	const struct region *libc = regions_named(&regions, "libc.so.6");
	struct trace self = {.pid = getpid(), .memory = memory};
	uint64_t nothing[8192] = {0};
	struct user_regs_struct regs = {.rsp = (uint64_t)(uintptr_t)nothing};
	struct moments moments;
	struct object object;

	(void)state;
	assert_true(object_read(&object, memory, libc->start));
	moments_init(&moments, &regions, memory, &object, libc, 0);
	regs.rip = (uint64_t)(uintptr_t)test_moment;
	assert_true(moment_is_good(&moments, &self, &regs, false));
	regs.rip = object_find(&object, "getpid", NULL);
	assert_true(moment_is_good(&moments, &self, &regs, false));
	regs.rip = object_find(&object, "malloc", NULL) + 8;
	assert_false(moment_is_good(&moments, &self, &regs, false));
	assert_false(moment_is_good(&moments, &self, &regs, true));
	regs.rip = object_find(&object, "fork", NULL) + 8;
	assert_false(moment_is_good(&moments, &self, &regs, false));
	moments_fini(&moments);
	object_fini(&object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_regions),
	    cmocka_unit_test(test_symbols),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_moment),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
