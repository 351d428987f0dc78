/* formats.h - the writers in the table of export.c; nobody else calls them. */
#ifndef HEAPTOP_EXPORT_FORMATS_H
#define HEAPTOP_EXPORT_FORMATS_H

#include <stdio.h>

#include "model/ledger.h"
#include "model/saved.h"
#include "model/suspects.h"
#include "base/err.h"

bool snapshot_write(FILE *, const struct snapshot *, struct err *);
bool folded_write(FILE *, const struct snapshot *, struct err *);
bool pprof_write(FILE *, const struct snapshot *, struct err *);

/* snapshot_past.c: further members of a snapshot's object. */
void snapshot_put_past(FILE *, const struct saved *);

/* As a member: a comma first. */
void suspects_json(FILE *, const struct suspects *);
void evidence_json(FILE *, const struct evidence *);
/* base may be NULL. */
void ledger_json(FILE *, const struct ledger *, const struct ledger *base);

#endif
