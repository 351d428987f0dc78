/* label.h - how a row and a location are called in text. */
#ifndef HEAPTOP_EXPORT_LABEL_H
#define HEAPTOP_EXPORT_LABEL_H

#include <stdio.h>

#include "model/query.h"

/* "FILE:LINE", "FILE: FUNCTION", "FUNCTION in MODULE" or what the group has. */
void label_row(FILE *, const struct snapshot *, enum group, const struct row *);
/* "  File "FILE", line LINE, in FUNCTION", as Python prints a frame. */
void label_frame(FILE *, const struct names *, const struct frame *,
		 const struct location *);
/* Whether a row is worth a line: it holds something or has changed. */
bool label_row_counts(const struct row *);

/* Checks that all was written; false with err. */
bool label_finish(FILE *, struct err *);

#endif
