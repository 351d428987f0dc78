/*
 * export.h - rows and snapshots as text, JSON and other tools' formats.
 *
 * Every string of the target goes through text.h. A function returns false
 * when writing failed (a full disk, a closed pipe) and says so in err; it does
 * not close the file.
 */
#ifndef HEAPTOP_EXPORT_EXPORT_H
#define HEAPTOP_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "model/ledger.h"
#include "model/query.h"
#include "model/saved.h"
#include "model/suspects.h"

/* Where the text of a source line comes from; NULL: none is shown. */
struct export_source {
	void *context;
	/* Without outer white space; valid until the next call; or NULL. */
	const char *(*line)(void *context, const char *file, uint32_t line);
};

/*
 * The answer of a query, as DESIGN.md's text: a line for each row, and with
 * GROUP_TRACEBACK its frames, innermost first. Deltas are shown when the query
 * has a mark. Rows that hold nothing and have not changed are left out. Where
 * rows have types, a line of them follows.
 */
bool export_text(FILE *, const struct snapshot *, const struct query *,
		 const struct rows *, const struct export_source *,
		 struct err *);

/* The same as one JSON document in one line. */
bool export_json(FILE *, const struct snapshot *, const struct query *,
		 const struct rows *, struct err *);

/*
 * The numbers of a row in such a line: "size=..., count=...". With errors,
 * each is followed by its standard error: "size=38.5 MiB ±1.2 MiB". With work,
 * which is units since the mark, growth for each of them follows all:
 * "per_work=+1.2 KiB".
 */
struct export_numbers {
	bool deltas;
	bool errors;
	uint64_t work;
};
struct export_numbers export_numbers_of(const struct query *,
					const struct snapshot *);
void export_numbers(FILE *, const struct row *, struct export_numbers);

/* Where resident memory is: the verdict, then a line for each entry; with a
 * base, which may be NULL, also what each has changed by. */
void export_ledger(FILE *, const struct ledger *, const struct ledger *base);

/* What the blocks of a row are, as a line: "    int 16,707,940 blocks, 509.9
 * MiB; ..."; nothing for none. */
void export_types(FILE *, const struct names *, const struct types *);

/* For how long suspects were watched; and the evidence of one, as lines. */
void export_watched(FILE *, const struct suspects *);
void export_evidence(FILE *, const struct suspects *, size_t index);

/* A format of a whole snapshot, as `export --format` takes. */
struct export_format {
	const char *name;
	const char *suffix; /* usual end of a file's name */
	const char *help;
	bool (*write)(FILE *, const struct snapshot *, struct err *);
};
extern const struct export_format export_formats[]; /* name NULL ends it */

/* False with the list of what is known. */
bool export_format_parse(const char *name, const struct export_format **,
			 struct err *);

/*
 * Writes a snapshot file that source_open reads: into a file beside path,
 * which is then renamed. Compressed when the name ends in ".gz".
 */
bool export_snapshot(const char *path, const struct snapshot *, struct err *);
/* The same with what belongs to it, which may be NULL. Without replace a file
 * that is there already stays as it is, and that is a failure (errno EEXIST).
 */
bool export_saved(const char *path, const struct snapshot *,
		  const struct saved *, bool replace, struct err *);

#endif
