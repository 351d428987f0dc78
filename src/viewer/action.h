/*
 * action.h - the handlers of keys.def. Each returns what became stale.
 */
#ifndef HEAPTOP_VIEWER_ACTION_H
#define HEAPTOP_VIEWER_ACTION_H

#include "viewer/command.h"

typedef unsigned action(struct viewer *, enum command_id, uint32_t key);

/* action_move.c: where one looks */
action do_move, do_open, do_choose, do_family, do_picker_sort, do_biggest, do_stack, do_paths, do_context,
    do_view, do_close;
/* action_query.c: what is asked */
action do_sort_step, do_sort_menu, do_sort_digit, do_invert, do_group,
    do_group_menu, do_inclusive, do_mine, do_clear;
/* action_prompt.c: what is typed */
action do_filter, do_search, do_search_step, do_delay;
/* action_rate.c: how much is recorded */
action do_rate;
/* action_save.c: a snapshot in a file */
action do_save;
/* action_types.c: what blocks are */
action do_types;
/* action_source.c: a source file */
action do_source, do_hot;
/* action_time.c: history and marks */
action do_mark, do_baseline, do_mark_show, do_mark_name, do_mark_forget,
    do_as_of, do_time, do_span;
/* action_trees.c: flame and call tree */
action do_flame, do_flame_move, do_flame_zoom, do_flame_out, do_calls,
    do_calls_way, do_fold, do_growth;
/* action_setup.c: the screen as the user wants it */
action do_setup_change, do_setup_move, do_setup_default, do_write;
/* action_program.c: the viewer itself */
action do_pause, do_delay_step, do_redraw, do_suspend, do_quit;

/* Asks for the name of a file; and what to do once it was typed. */
unsigned prompt_save(struct viewer *, const char *path);
unsigned save_typed(struct viewer *);
/* Asks for the list of libraries; and what to do once it was typed. */
unsigned prompt_libraries(struct viewer *);
unsigned libraries_typed(struct viewer *);
/* Asks for the name of the selected mark. */
unsigned prompt_name(struct viewer *, const char *name);
/* Moves the cursor of the history. */
void history_move(struct viewer *, enum command_id);

/* A key while the prompt or a menu is open. */
unsigned prompt_key(struct viewer *, uint32_t key);
unsigned menu_key(struct viewer *, uint32_t key);

#endif
