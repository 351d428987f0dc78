/*
 * classify.h - which locations are allocator glue and which are not the
 * user's own code. Patterns only: no I/O, one table per list; and a list of
 * the user's, which goes before them.
 */
#ifndef HEAPTOP_MODEL_CLASSIFY_H
#define HEAPTOP_MODEL_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What the path of a module alone says: LOCATION_GLUE, LOCATION_FOREIGN. */
uint32_t classify_module(const char *path);
/* What a native location's names say; "" unknown. */
uint32_t classify_native(const char *function, const char *file);
uint32_t classify_python(const char *file);

/*
 * The user's own list for all that is classified from now on (names_reclassify
 * for what was): paths that are no code of theirs, with commas between; "!"
 * before a path says that it is. The first that fits counts. A path with a "*"
 * at its ends is open there and else must be equal; one without any fits where
 * it is part of the path. "" or NULL: none. False with the reason; then the
 * former list stays.
 */
bool classify_choose(const char *list, struct err *);
/* As it was given; "" none. */
const char *classify_chosen(void);
/* Flags of a location with what the user's list says of its file, if it fits
 * any. */
uint32_t classify_own(const char *file, uint32_t flags);

#endif
