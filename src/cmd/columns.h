/*
 * columns.h - rows as a table of chosen columns, for --columns.
 */
#ifndef HEAPTOP_CMD_COLUMNS_H
#define HEAPTOP_CMD_COLUMNS_H

#include <stdio.h>

#include "cmd/option.h"

/* A line of titles and a line for each row. */
void columns_print(FILE *, const struct options *, const struct snapshot *,
		   const struct query *, const struct rows *);

#endif
