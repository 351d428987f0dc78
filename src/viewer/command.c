/* command.c - keys to commands. */
#include "config.h"

#include <string.h>

#include "viewer/action.h"
#include "viewer/command.h"

#define IN(view_) (1u << VIEW_##view_)
#define IN_ALL	  ((1u << VIEW_COUNT) - 1)
#define IN_TEXT	  (IN_ALL & ~(IN(HELP) | IN(SETUP) | IN(LOSSES) | IN(HISTORY)))
#define IN_LINES  (IN_ALL & ~IN(FLAME))
#define IN_TREES  (IN(CALLS) | IN(FLAME))
#define IN_DATA                                                          \
	(IN(SITES) | IN(TRACE) | IN(TYPES) | IN(LOSSES) | IN(SUSPECTS) | \
	 IN(SOURCE))
#define IN_ROW	(IN(SITES) | IN(TRACE) | IN(TYPES))
#define IN_MARK (IN_DATA | IN_TREES | IN(HISTORY) | IN(MARKS) | IN(LEDGER))
#define IN_SUB	(IN_ALL & ~IN(SITES))

const char *const section_titles[SECTION_COUNT] = {
    [SECTION_MOVE] = "Move",	   [SECTION_LOOK] = "Look",
    [SECTION_GROWTH] = "Growth",   [SECTION_LIST] = "The list",
    [SECTION_PROGRAM] = "Program",
};

#define COMMAND(section_, id_, word_, keys_, views_, priority_, label_,  \
		handler_, help_)                                         \
	[COMMAND_##                                                      \
	    id_] = {COMMAND_##id_, SECTION_##section_, word_,  keys_,    \
		    views_,	   priority_,	       label_, handler_, \
		    help_},
const struct command commands[COMMAND_ID_COUNT] = {
#include "viewer/keys.def"
};
#undef COMMAND

/* Splits the words of keys into out; returns how many. */
static size_t
keys_walk(const char *keys, uint32_t *out)
{
	size_t count = 0;

	while (*keys && count < COMMAND_KEYS_MAX) {
		size_t size = strcspn(keys, " ");

		out[count++] = input_parse(keys, size);
		keys += size;
		keys += strspn(keys, " ");
	}
	return count;
}

size_t
command_keys(const struct command *command, uint32_t out[COMMAND_KEYS_MAX])
{
	return keys_walk(command->keys, out);
}

const struct command *
command_find(enum view_id view, uint32_t key)
{
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++) {
		uint32_t keys[COMMAND_KEYS_MAX];
		size_t count;

		if (!(commands[i].views & 1u << view))
			continue;
		count = command_keys(&commands[i], keys);
		for (size_t k = 0; k < count; k++)
			if (keys[k] == key)
				return &commands[i];
	}
	return NULL;
}

const struct command *
command_named(const char *word)
{
	for (size_t i = 0; i < COMMAND_ID_COUNT; i++)
		if (!strcmp(commands[i].word, word))
			return &commands[i];
	return NULL;
}
