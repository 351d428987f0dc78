/* command.h - the table of keys.def: dispatch, help and function bar. */
#ifndef HEAPTOP_VIEWER_COMMAND_H
#define HEAPTOP_VIEWER_COMMAND_H

#include "viewer/input.h"

struct viewer;

enum view_id {
	VIEW_SITES,
	VIEW_TRACE,
	VIEW_TYPES,
	VIEW_CALLS,
	VIEW_FLAME,
	VIEW_SUSPECTS,
	VIEW_SOURCE,
	VIEW_HISTORY,
	VIEW_MARKS,
	VIEW_LEDGER,
	VIEW_OUTPUT,
	VIEW_HELP,
	VIEW_LOSSES,
	VIEW_PROCESSES,
	VIEW_SETUP,
	VIEW_COUNT,
};

enum section {
	SECTION_LOOK,
	SECTION_GROWTH,
	SECTION_LIST,
	SECTION_MOVE,
	SECTION_PROGRAM,
	SECTION_COUNT,
};
extern const char *const section_titles[SECTION_COUNT];

#define COMMAND(section_, id_, ...) COMMAND_##id_,
enum command_id {
#include "viewer/keys.def"
	COMMAND_ID_COUNT,
};
#undef COMMAND

/* What a handler made stale: bits of its return value. */
enum {
	STALE_DRAW = 1u << 0,	  /* the screen */
	STALE_ROWS = 1u << 1,	  /* the answer of the query */
	STALE_TRACE = 1u << 2,	  /* the stacks of the traceback */
	STALE_TERMINAL = 1u << 3, /* everything that the terminal shows */
	STALE_LOOK = 1u << 4,	  /* the theme, and whose the mouse is */
	STALE_TREE = 1u << 5,	  /* the tree of calls */
};

#define COMMAND_KEYS_MAX 10
#define PRIORITY_LAST	 16

struct command {
	enum command_id id;
	enum section section;
	const char *word;
	const char *keys;
	unsigned views; /* bits of enum view_id */
	int priority;	/* in the function bar, 1 to PRIORITY_LAST; 0: not there
			 */
	const char *label;
	unsigned (*run)(struct viewer *, enum command_id, uint32_t key);
	const char *help;
};
extern const struct command commands[COMMAND_ID_COUNT];

/* What key does in view; NULL nothing. */
const struct command *command_find(enum view_id view, uint32_t key);
/* The keys of a command; returns how many. */
size_t command_keys(const struct command *, uint32_t out[COMMAND_KEYS_MAX]);
/* By its word; NULL. */
const struct command *command_named(const char *word);

#endif
