/* test_pyeval.c - finds a loop that lies in many parts. */
#include "config.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent/py/py.h"
#include "agent/py/pyeval.h"
#include "agent/unwind_module.h"
#include "agent/unwind_stop.h"

/* As tailcalls.c has them. */
enum { STOP, ONE, TWO, FAIL, SEEN_COLD, SEEN_OUTSIDE, SEEN_COUNT };

static uint64_t *seen;
static struct unwind_part base;

static bool
is_stop(uint64_t pc)
{
	return unwind_is_stop(pc, py_eval_low, py_eval_high - py_eval_low);
}

static int
setup(void **state)
{
	const char *top = getenv("top_builddir");
	const uint8_t code[] = {ONE, TWO, ONE, FAIL, STOP};
	const ElfW(Sym) *symbol = NULL;
	long (*loop)(const uint8_t *, long);
	long (*outside)(const uint8_t *);
	char path[4096];
	void *library;
	Dl_info info;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/agent/py/tailcalls.so",
		 top ? top : ".");
	library = dlopen(path, RTLD_NOW);
	if (!library)
		return -1;
	*(void **)&loop = dlsym(library, "tail_loop");
	*(void **)&outside = dlsym(library, "tail_outside");
	seen = dlsym(library, "tail_seen");
	if (outside(code) != -4 || outside(code + 4) != 0 || loop(NULL, 3) != 7)
		return -1;
	if (!dladdr1(*(void **)&loop, &info, (void **)&symbol, RTLD_DL_SYMENT))
		return -1;
	base.low = (uint64_t)info.dli_saddr;
	base.high = base.low + symbol->st_size;
	module_init(true);
	py_eval_find(base.low, symbol->st_size);
	return 0;
}

static void
test_itself(void **state)
{
	(void)state;
	assert_true(is_stop(base.low));
	assert_true(is_stop(base.high - 1));
	assert_true(py_eval_is_base(base.low));
}

static void
test_cold_part(void **state)
{
	(void)state;
	assert_true(seen[SEEN_COLD] - base.low >= base.high - base.low);
	assert_true(is_stop(seen[SEEN_COLD]));
	assert_true(py_eval_is_base(seen[SEEN_COLD]));
}

static void
test_handlers(void **state)
{
	(void)state;
	for (int i = STOP; i <= FAIL; i++) {
		assert_true(seen[i] - base.low >= base.high - base.low);
		assert_true(is_stop(seen[i]));
		assert_false(py_eval_is_base(seen[i]));
	}
}

static void
test_nothing_else(void **state)
{
	(void)state;
	assert_true(seen[SEEN_OUTSIDE] != 0);
	assert_false(is_stop(seen[SEEN_OUTSIDE]));
	assert_false(is_stop((uint64_t)dlsym(RTLD_DEFAULT, "malloc")));
	assert_false(is_stop(py_eval_low - 1));
	assert_false(is_stop(py_eval_high));
	assert_false(is_stop(0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_itself),
	    cmocka_unit_test(test_cold_part),
	    cmocka_unit_test(test_handlers),
	    cmocka_unit_test(test_nothing_else),
	};

	return cmocka_run_group_tests_name("pyeval", tests, setup, NULL);
}
