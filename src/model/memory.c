/* memory.c - the names of what is resident. */
#include "config.h"

#include "model/memory.h"

#define NAME_(id_, name_) [MEMORY_##id_] = (name_),
const char *const memory_names[MEMORY_COUNT] = {MEMORY_LIST(NAME_)};
#undef NAME_
