/* word.h - finds a word of an option in a table. */
#ifndef HEAPTOP_MODEL_WORD_H
#define HEAPTOP_MODEL_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Finds text among count words; "-" and "_" are the same, case does not
 * matter. False with "unknown WHAT 'text'" and the list of what is known.
 */
bool word_find(const char *what, const char *text, const char *(*word)(size_t),
	       size_t count, size_t *found, struct err *);

#endif
