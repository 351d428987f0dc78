/* test_python.c - requests to an interpreter that is made up, and that lies. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/python.h"

#define COOKIE UINT64_C(0x7970677562656478)
#define FINAL  UINT64_C(0x030e00f0) /* 3.14.0 */

/* Its states, with offsets that are ours to choose. */
struct thread_state {
	uint64_t breaker;
	uint64_t interpreter;
	uint64_t unused;
	int32_t pending;
	char path[512];
	char behind[8];
};

struct interpreter_state {
	struct interpreter_state *next;
	int64_t id;
	struct thread_state *main;
	int32_t enabled;
};

/* Found by its name in what this program exports. */
struct runtime {
	uint64_t table[128];
	uint64_t finalizing;
	struct interpreter_state *first;
};
extern struct runtime _PyRuntime;
struct runtime _PyRuntime;

static struct interpreter_state newer, oldest;
static struct thread_state thread;
static struct regions regions;
static int memory;

/* The words that Python 3.14 has for it. */
static const struct {
	size_t index;
	uint64_t value;
} words[] = {
    {0, COOKIE},
    {1, FINAL},
    {4, offsetof(struct runtime, finalizing)},
    {5, offsetof(struct runtime, first)},
    {6, sizeof(struct interpreter_state)},
    {7, offsetof(struct interpreter_state, id)},
    {8, offsetof(struct interpreter_state, next)},
    {10, offsetof(struct interpreter_state, main)},
    {22, offsetof(struct thread_state, behind)},
    {25, offsetof(struct thread_state, interpreter)},
    {89, offsetof(struct thread_state, breaker)},
    {90, offsetof(struct thread_state, unused)},
    {91, offsetof(struct interpreter_state, enabled)},
    {92, offsetof(struct thread_state, pending) -
	     offsetof(struct thread_state, unused)},
    {93, offsetof(struct thread_state, path) -
	     offsetof(struct thread_state, unused)},
    {94, sizeof(thread.path)},
};
enum { WORDS = sizeof(words) / sizeof(*words) };

static int
set_up(void **state)
{
	(void)state;
	_PyRuntime = (struct runtime){.first = &newer};
	for (size_t i = 0; i < WORDS; i++)
		_PyRuntime.table[words[i].index] = words[i].value;
	newer = (struct interpreter_state){.next = &oldest, .id = 7};
	oldest = (struct interpreter_state){.main = &thread, .enabled = 1};
	memset(&thread, 0, sizeof(thread));
	thread.interpreter = (uint64_t)(uintptr_t)&oldest;
	return 0;
}

static enum python_state
find(struct python *python)
{
	return python_find(python, &regions, memory);
}

static void
test_found(void **state)
{
	struct python python;

	(void)state;
	assert_int_equal(find(&python), PYTHON_READY);
	assert_int_equal(python.path, (uintptr_t)thread.path);
	assert_int_equal(python.pending, (uintptr_t)&thread.pending);
	assert_int_equal(python.breaker, (uintptr_t)&thread.breaker);
}

/* What others have set stays; a request for the GIL is for them to repeat. */
static void
test_ask(void **state)
{
	struct python python;
	char name[600];

	(void)state;
	assert_int_equal(find(&python), PYTHON_READY);
	thread.breaker = 0xabcd00 | 0x51;
	assert_true(python_ask(&python, "/tmp/it.py"));
	assert_string_equal(thread.path, "/tmp/it.py");
	assert_int_equal(thread.pending, 1);
	assert_int_equal(thread.breaker, 0xabcd00 | 0x7e);
	assert_int_equal(python_waits(&python), 1);
	python_forget(&python);
	assert_int_equal(python_waits(&python), 0);
	for (size_t i = 0; i < sizeof(thread.path); i++)
		assert_int_equal(thread.path[i], 0);

	memset(name, 'a', sizeof(name));
	name[sizeof(thread.path)] = '\0';
	assert_false(python_ask(&python, name));
	assert_int_equal(thread.path[0], 0);
	name[sizeof(thread.path) - 1] = '\0';
	assert_true(python_ask(&python, name));
	python_forget(&python);
	for (size_t i = 0; i < sizeof(thread.behind); i++)
		assert_int_equal(thread.behind[i], 0);
}

static void
test_refused(void **state)
{
	static const uint64_t versions[] = {
	    0x030d00f0, 0x030e00b4, 0x031000f0, 0x020e00f0, 0, UINT64_MAX,
	};
	struct python python;

	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		_PyRuntime.table[1] = versions[i];
		assert_int_equal(find(&python), PYTHON_NONE);
	}
	set_up(state);
	_PyRuntime.table[0]++;
	assert_int_equal(find(&python), PYTHON_NONE);
	set_up(state);
	oldest.enabled = 0;
	assert_int_equal(find(&python), PYTHON_OFF);
	set_up(state);
	oldest.main = NULL;
	assert_int_equal(find(&python), PYTHON_ENDS);
	set_up(state);
	_PyRuntime.finalizing = 1;
	assert_int_equal(find(&python), PYTHON_ENDS);
	set_up(state);
	thread.interpreter++;
	assert_int_equal(find(&python), PYTHON_ENDS);
}

/* A list without end, and pointers to where nothing is. */
static void
test_pointers(void **state)
{
	static const uintptr_t wrong[] = {1, 8, 1ul << 46, 1ul << 47,
					  UINTPTR_MAX - 7};
	struct python python;

	oldest.next = &newer;
	oldest.id = 1;
	assert_int_equal(find(&python), PYTHON_ENDS);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		set_up(state);
		memcpy(&oldest.main, &wrong[i], sizeof(wrong[i]));
		assert_int_equal(find(&python), PYTHON_ENDS);
		memcpy(&_PyRuntime.first, &wrong[i], sizeof(wrong[i]));
		assert_int_equal(find(&python), PYTHON_ENDS);
	}
}

/* Whatever the table says, what is written to lies within the state. */
static void
test_lies(void **state)
{
	static const uint64_t lies[] = {
	    0,
	    1,
	    7,
	    48,
	    511,
	    513,
	    4096,
	    65536,
	    1u << 26,
	    UINT32_MAX,
	    1ul << 46,
	    1ul << 63,
	    UINT64_MAX - 3,
	    UINT64_MAX - 511,
	    UINT64_MAX,
	};
	uint64_t start = (uintptr_t)&thread;
	struct python python;

	for (size_t i = 2; i < WORDS; i++)
		for (size_t k = 0; k < sizeof(lies) / sizeof(*lies); k++) {
			uint64_t end;

			set_up(state);
			_PyRuntime.table[words[i].index] = lies[k];
			if (find(&python) != PYTHON_READY)
				continue;
			end = start + _PyRuntime.table[22];
			assert_in_range(python.breaker, start, end - 8);
			assert_in_range(python.pending, start, end - 4);
			assert_in_range(python.path, start, end);
			assert_in_range(python.path + python.path_room, start,
					end);
			assert_in_range(python.path_room, 64, 4096);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_found, set_up),
	    cmocka_unit_test_setup(test_ask, set_up),
	    cmocka_unit_test_setup(test_refused, set_up),
	    cmocka_unit_test_setup(test_pointers, set_up),
	    cmocka_unit_test_setup(test_lies, set_up),
	};

	memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (memory < 0 || !regions_read(&regions, getpid()))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
