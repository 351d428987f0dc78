/* formats.h - the writers in the table of export.c; nobody else calls them. */
#ifndef HEAPTOP_EXPORT_FORMATS_H
#define HEAPTOP_EXPORT_FORMATS_H

#include <stdio.h>

#include "model/snapshot.h"
#include "base/err.h"

bool snapshot_write(FILE *, const struct snapshot *, struct err *);
bool folded_write(FILE *, const struct snapshot *, struct err *);
bool pprof_write(FILE *, const struct snapshot *, struct err *);

#endif
