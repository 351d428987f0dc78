/*
 * test_commands.c - every command of keys.def is pressed and does what it
 * says: see commands_*.c. A command without a test there fails the last one.
 */
#include "config.h"

#include <string.h>

#include "commands.h"

static bool tried[COMMAND_ID_COUNT];

void
press(struct fixture *fixture, enum command_id id, size_t which)
{
	uint32_t keys[COMMAND_KEYS_MAX];
	size_t count = command_keys(&commands[id], keys);
	struct event event = {.key = keys[which < count ? which : 0]};

	assert_ptr_equal(command_find(viewer_view(&fixture->viewer), event.key),
			 &commands[id]);
	viewer_update(&fixture->viewer, viewer_event(&fixture->viewer, &event));
	viewer_draw(&fixture->viewer);
	tried[id] = true;
}

struct fixture *
opened(struct fixture *fixture)
{
	fixture_open(fixture, NULL, false);
	return fixture;
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++) {
		uint32_t keys[COMMAND_KEYS_MAX];
		size_t count = command_keys(&commands[i], keys);

		assert_int_equal(commands[i].id, i);
		assert_true(count > 0);
		assert_non_null(commands[i].run);
		/* Its line in the help fits 80 columns. */
		assert_in_range(strlen(commands[i].help), 1, 58);
		assert_ptr_equal(command_named(commands[i].word), &commands[i]);
		for (size_t k = 0; k < count; k++)
			assert_int_not_equal(keys[k], INPUT_NONE);
	}
}

/* CLOSE takes a key from CLEAR and QUIT wherever there is something to close;
 * nothing else may stand in another's way. */
static void
test_keys_are_free(void **state)
{
	(void)state;
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++) {
		uint32_t keys[COMMAND_KEYS_MAX];
		size_t count = command_keys(&commands[i], keys);

		for (size_t at = 0; at < count * VIEW_COUNT; at++) {
			enum view_id view = (enum view_id)(at / count);
			const struct command *first =
			    command_find(view, keys[at % count]);

			if (!(commands[i].views & 1u << view) ||
			    first == &commands[i] || first->id == COMMAND_CLOSE)
				continue;
			fail_msg("view %d: a key of '%s' leads to '%s'", view,
				 commands[i].word, first->word);
		}
	}
}

static void
test_all_tried(void **state)
{
	(void)state;
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++)
		if (!tried[i])
			fail_msg("no test presses '%s'", commands[i].word);
}

#define COMMAND_TEST_ROW_(test_) cmocka_unit_test(test_),

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_keys_are_free),
	    COMMAND_TESTS(COMMAND_TEST_ROW_) cmocka_unit_test(test_all_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
