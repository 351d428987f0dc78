/* column.c - the table of columns, and words of options. */
#include "config.h"

#include "model/column.h"

#include <string.h>

#include "model/query.h"
#include "model/word.h"

#define COLUMN_INFO_(id_, word_, title_, width_, on_, help_) \
	[COLUMN_##id_] = {word_, title_, width_, on_, help_},
const struct column_info column_infos[COLUMN_MAX] = {COLUMN_LIST(COLUMN_INFO_)};

const char *const group_names[] = {
    [GROUP_LINENO] = "lineno",	     [GROUP_FUNCTION] = "function",
    [GROUP_FILENAME] = "filename",   [GROUP_MODULE] = "module",
    [GROUP_TRACEBACK] = "traceback", [GROUP_DOMAIN] = "domain",
};
_Static_assert(sizeof(group_names) / sizeof(group_names[0]) == GROUP_COUNT,
	       "a name for each group");

static const char *
column_word(size_t i)
{
	return column_infos[i].word;
}

static const char *
group_word(size_t i)
{
	return group_names[i];
}

bool
column_is_past(enum column column)
{
	return column == COLUMN_TREND || column == COLUMN_AGE;
}

bool
column_parse(const char *word, enum column *column, struct err *err)
{
	size_t found;

	if (!word_find("column", word, column_word, COLUMN_MAX, &found, err))
		return false;
	*column = (enum column)found;
	return true;
}

bool
column_list_parse(const char *words, enum column out[COLUMN_MAX], size_t *count,
		  struct err *err)
{
	char word[32];
	size_t length;

	*count = 0;
	for (;; words += length + 1) {
		words += strspn(words, " ");
		length = strcspn(words, ", ");
		if (!length)
			return err_set(err, "a column is missing in the list");
		if (length >= sizeof(word))
			return err_set(err, "'%.40s' is no column", words);
		memcpy(word, words, length);
		word[length] = '\0';
		if (*count == COLUMN_MAX)
			return err_set(err, "more columns than there are");
		if (!column_parse(word, &out[(*count)++], err))
			return false;
		length += strspn(words + length, " ");
		if (!words[length])
			return true;
		if (words[length] != ',')
			return err_set(err, "columns need a comma between");
	}
}

bool
group_parse(const char *word, enum group *group, struct err *err)
{
	size_t found;

	if (!word_find("group", word, group_word, GROUP_COUNT, &found, err))
		return false;
	*group = (enum group)found;
	return true;
}
