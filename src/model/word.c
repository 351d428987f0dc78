/* word.c - finds a word of an option in a table. */
#include "config.h"

#include "model/word.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static bool
word_equals(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char left = *a == '-' ? '_' : *a;
		char right = *b == '-' ? '_' : *b;

		if (tolower((unsigned char)left) !=
		    tolower((unsigned char)right))
			return false;
	}
	return *a == *b;
}

bool
word_find(const char *what, const char *text, const char *(*word)(size_t),
	  size_t count, size_t *found, struct err *err)
{
	char clean[64], list[384] = "";
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (word_equals(text, word(i))) {
			*found = i;
			return true;
		}
		if (used < sizeof(list))
			used +=
			    (size_t)snprintf(list + used, sizeof(list) - used,
					     "%s%s", i ? ", " : "", word(i));
	}
	text_clean(clean, sizeof(clean), text, strlen(text));
	return err_set(err, "unknown %s '%s'; use one of %s", what, clean,
		       list);
}
