/*
 * classify.h - which locations are allocator glue and which are not the
 * user's own code. Patterns only: no I/O, one table per list.
 */
#ifndef HEAPTOP_MODEL_CLASSIFY_H
#define HEAPTOP_MODEL_CLASSIFY_H

#include <stdint.h>

/* What the path of a module alone says: LOCATION_GLUE, LOCATION_FOREIGN. */
uint32_t classify_module(const char *path);
/* What a native location's names say; "" unknown. */
uint32_t classify_native(const char *function, const char *file);
uint32_t classify_python(const char *file);

#endif
