/* test_script.c - the script's file, and answers that may say anything. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/script.h"

static const struct call call = {
    .path = "/it's/\"agent\"\n.so",
    .symbol = "entry",
    .settings = "A=1\0B=2\0",
    .settings_size = 9,
};

static int
set_up(void **state)
{
	static struct script script;
	struct err err;

	*state = &script;
	return !script_make(&script, &call, getpid(), geteuid(), &err);
}

static int
tear_down(void **state)
{
	script_remove(*state);
	return 0;
}

static void
test_file(void **state)
{
	struct script *script = *state;
	char *path = strdup(script->place.path);
	struct stat found;
	char *text;

	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0600);
	assert_int_equal(found.st_uid, geteuid());
	assert_int_equal(found.st_size, script->size);
	text = calloc(1, (size_t)found.st_size + 1);
	assert_int_equal(pread(script->fd, text, (size_t)found.st_size, 0),
			 found.st_size);
	/* Nothing of what it is told stands there as it is. */
	assert_null(strstr(text, "agent"));
	assert_non_null(strstr(text, "'413d3100423d320000'"));
	free(text);
	script_remove(script);
	assert_int_not_equal(stat(path, &found), 0);
	free(path);
}

static enum call_end
answer(const struct script *script, const char *line, struct err *err)
{
	int number = -5;
	enum call_end end;

	assert_int_equal(ftruncate(script->fd, script->size), 0);
	assert_int_equal(pwrite(script->fd, line, strlen(line), script->size),
			 strlen(line));
	end = script_answer(script, 77, &number, err);
	if (end == CALL_DONE)
		assert_int_equal(number, 1);
	return end;
}

static void
test_answers(void **state)
{
	char endless[1000];
	struct err err;

	memset(endless, 'x', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(answer(*state, "", &err), CALL_AGAIN);
	assert_int_equal(answer(*state, "answer 1", &err), CALL_AGAIN);
	assert_int_equal(answer(*state, "answer 1\n", &err), CALL_DONE);
	assert_int_equal(answer(*state, "answer 1\nload x\n", &err), CALL_DONE);
	assert_int_equal(answer(*state, "answer one\n", &err), CALL_FAILED);
	assert_int_equal(answer(*state, endless, &err), CALL_AGAIN);
	assert_int_equal(answer(*state, "\n", &err), CALL_FAILED);
	assert_int_equal(answer(*state, "module No module\n", &err),
			 CALL_FAILED);
	assert_non_null(strstr(err.text, "process 77"));
	assert_non_null(strstr(err.text, "_ctypes: No module; install"));
	assert_int_equal(answer(*state, "load a\033[2J%n%s\xff\n", &err),
			 CALL_FAILED);
	assert_non_null(strstr(err.text, "a\\x1b[2J%n%s\\xff; start"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
