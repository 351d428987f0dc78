/* world.h - random names and totals, and rows against the reference. */
#ifndef HEAPTOP_TESTS_WORLD_H
#define HEAPTOP_TESTS_WORLD_H

#include "reference.h"

#define PICK(list_) (list_)[(size_t)rand() % (sizeof(list_) / sizeof *(list_))]

uint32_t intern(struct names *, const char *text);
void add_frame(struct names *);
/* Modules, and frames to begin with. */
void add_world(struct names *);
void grow_spread(struct spread *);

/* Rates are of half a second. */
void expect_rows(const struct rows *, struct reference *);
void expect_order(const struct rows *, const struct query *);

#endif
