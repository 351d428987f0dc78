/* test_kin.c - which process of a list belongs to which. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "source/source.h"

#define COUNT 9

enum { SHELL, MASTER, ONE, TWO, HELPER, ORPHAN, OTHER, AGAIN, BROKEN };

static char sh[] = "/bin/sh", python[] = "/usr/bin/python3", gzip[] = "/bin/gz";

/* A shell starts a master, whose workers fork; one worker starts another
 * program. The parent of the orphan is gone. `OTHER` is of another run, and
 * `AGAIN` has the number of a worker that is older. */
static void
fill(struct process_entry *list)
{
	const struct process processes[COUNT] = {
	    [SHELL] = {.pid = 10, .parent_pid = 1, .exe = sh, .run_id = 7},
	    [MASTER] = {.pid = 20,
			.parent_pid = 10,
			.exe = python,
			.run_id = 7},
	    [ONE] = {.pid = 21, .parent_pid = 20, .exe = python, .run_id = 7},
	    [TWO] = {.pid = 22, .parent_pid = 20, .exe = python, .run_id = 7},
	    [HELPER] = {.pid = 30, .parent_pid = 22, .exe = gzip, .run_id = 7},
	    [ORPHAN] = {.pid = 23,
			.parent_pid = 99,
			.exe = python,
			.run_id = 7},
	    [OTHER] = {.pid = 50, .parent_pid = 1, .exe = python, .run_id = 8},
	    [AGAIN] = {.pid = 21, .parent_pid = 50, .exe = python, .run_id = 8},
	    [BROKEN] = {.pid = 0},
	};

	memset(list, 0, COUNT * sizeof(*list));
	for (size_t i = 0; i < COUNT; i++) {
		list[i].process = processes[i];
		list[i].process.start_ns = i + 1;
	}
	strcpy(list[BROKEN].problem, "the file is empty");
}

static void
test_parents(void **state)
{
	const size_t parents[COUNT] = {COUNT,  SHELL, MASTER, MASTER, TWO,
				       MASTER, COUNT, OTHER,  COUNT};
	struct process_entry list[COUNT];

	(void)state;
	fill(list);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(process_parent(list, COUNT, i), parents[i]);
	/* A process that is younger is no parent, whatever its number. */
	list[TWO].process.parent_pid = 50;
	list[TWO].process.run_id = 0;
	assert_int_equal(process_parent(list, COUNT, TWO), COUNT);
}

static void
test_family(void **state)
{
	const bool workers[COUNT] = {[MASTER] = true,
				     [ONE] = true,
				     [TWO] = true,
				     [HELPER] = true,
				     [ORPHAN] = true};
	struct process_entry list[COUNT];
	bool in[COUNT];

	(void)state;
	fill(list);
	assert_int_equal(process_family(list, COUNT, MASTER, in), 5);
	assert_memory_equal(in, workers, sizeof(in));
	assert_int_equal(process_family(list, COUNT, ONE, in), 5);
	assert_memory_equal(in, workers, sizeof(in));
	/* Another program is a family with what descends from it alone. */
	assert_int_equal(process_family(list, COUNT, HELPER, in), 1);
	assert_int_equal(process_family(list, COUNT, SHELL, in), 6);
	assert_int_equal(process_family(list, COUNT, AGAIN, in), 2);
	assert_true(in[OTHER]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parents),
	    cmocka_unit_test(test_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
