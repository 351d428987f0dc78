/*
 * commands.h - what the tests of commands share. Each section of keys.def has
 * a file (commands_*.c); a new test is a line of the list below.
 */
#ifndef HEAPTOP_TESTS_VIEWER_COMMANDS_H
#define HEAPTOP_TESTS_VIEWER_COMMANDS_H

#include "fixture.h"

#define COMMAND_TESTS(X)                  \
	X(test_move)                      \
	X(test_open_and_close)            \
	X(test_types)                     \
	X(test_ledger)                    \
	X(test_biggest)                   \
	X(test_stacks)                    \
	X(test_paths)                     \
	X(test_other_views)               \
	X(test_losses)                    \
	X(test_switched_off)              \
	X(test_processes)                 \
	X(test_mark)                      \
	X(test_mark_keeps_the_users_sort) \
	X(test_pause)                     \
	X(test_sort)                      \
	X(test_group)                     \
	X(test_charge)                    \
	X(test_filter)                    \
	X(test_search)                    \
	X(test_setup_columns)             \
	X(test_setup_screen)              \
	X(test_write)                     \
	X(test_delay)                     \
	X(test_terminal)                  \
	X(test_quit)                      \
	X(test_quit_asks)                 \
	X(test_cost)                      \
	X(test_rate)                      \
	X(test_doubt)                     \
	X(test_history_full)              \
	X(test_history)                   \
	X(test_suspects)                  \
	X(test_source)                    \
	X(test_source_missing)            \
	X(test_marks)                     \
	X(test_plan)                      \
	X(test_trend)                     \
	X(test_trend_sort)                \
	X(test_save)                      \
	X(test_flame)                     \
	X(test_flame_out)                 \
	X(test_flame_search)              \
	X(test_tree_growth)               \
	X(test_calls)                     \
	X(test_calls_add_up)              \
	X(test_tree_filter)               \
	X(test_picker)                    \
	X(test_picker_filter)             \
	X(test_family)                    \
	X(test_context)

#define COMMAND_TEST_DECLARE_(test_) void test_(void **state);
COMMAND_TESTS(COMMAND_TEST_DECLARE_)
#undef COMMAND_TEST_DECLARE_

/* Presses one of the keys of a command, the first is 0, which must lead to
 * that command in the current view. */
void press(struct fixture *, enum command_id, size_t which);
/* An open fixture without a host. */
struct fixture *opened(struct fixture *);

#endif
