/*
 * column.h - the columns, one table for the screen, the sort menu, --sort,
 * --columns, --help and the manual.
 */
#ifndef HEAPTOP_MODEL_COLUMN_H
#define HEAPTOP_MODEL_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* X(ID, word of --sort and --columns, title, width, default on, help) */
#define COLUMN_LIST(X)                                                         \
	X(SIZE, "size", "LIVE", 9, 1, "live bytes")                            \
	X(SIZE_DIFF, "size_diff", "+/-", 10, 1, "live bytes since the mark")   \
	X(COUNT, "count", "COUNT", 7, 1, "live blocks")                        \
	X(COUNT_DIFF, "count_diff", "+/-COUNT", 8, 1,                          \
	  "live blocks since the mark")                                        \
	X(AVERAGE, "average", "AVG", 9, 1, "live bytes a block")               \
	X(RATE, "rate", "RATE", 11, 1, "growth of live bytes a second")        \
	X(PERCENT, "percent", "%", 5, 1, "share of all live bytes")            \
	X(PEAK, "peak", "PEAK", 9, 0, "most live bytes seen at once")          \
	X(TOTAL, "total", "TOTAL", 9, 0, "bytes ever allocated")               \
	X(TOTAL_COUNT, "total_count", "BLOCKS", 7, 0, "blocks ever allocated") \
	X(RATE_COUNT, "rate_count", "BLOCKS/S", 10, 0,                         \
	  "growth of live blocks a second")                                    \
	X(PERCENT_DIFF, "percent_diff", "+%", 6, 0,                            \
	  "share of all growth since the mark")                                \
	X(TREND, "trend", "TREND", 20, 1,                                      \
	  "live bytes of the last 60 seconds; sorted by their growth")         \
	X(AGE, "age", "AGE", 8, 1,                                             \
	  "for how long it has been more every ten seconds")                   \
	X(ERROR, "error", "ERROR", 9, 0,                                       \
	  "standard error of live bytes, of a sampled process")                \
	X(PER_WORK, "per_work", "PER-WORK", 10, 0,                             \
	  "live bytes since the mark, for each unit of work that the "         \
	  "program says it has done")                                          \
	X(PROCESSES, "processes", "PROCS", 10, 0,                              \
	  "of a family: how many processes have it, and the share of the "     \
	  "one with most; with + of its growth since the mark")                \
	X(SITE, "site", "CALL SITE", 0, 1, "where the blocks were allocated")

#define COLUMN_ENUM_(id_, word_, title_, width_, on_, help_) COLUMN_##id_,
/* COLUMN_COUNT is the column of live blocks; COLUMN_MAX counts the columns. */
enum column { COLUMN_LIST(COLUMN_ENUM_) COLUMN_MAX };
#undef COLUMN_ENUM_

struct column_info {
	const char *word;
	const char *title;
	int width; /* cells; 0 takes what is left */
	bool on;
	const char *help;
};
extern const struct column_info column_infos[COLUMN_MAX];

/* Whether it tells of history: it is found for the rows that are seen. */
bool column_is_past(enum column);

/* Takes a word of the table; "-" and "_" are the same. False with the list. */
bool column_parse(const char *word, enum column *, struct err *);
/* Words with commas between them: at least one. */
bool column_list_parse(const char *words, enum column out[COLUMN_MAX],
		       size_t *count, struct err *);

#endif
