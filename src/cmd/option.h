/*
 * option.h - every option of every command, in one table: the parser, --help,
 * the manual and the completions are made from it. A command says with a mask
 * which of them it takes.
 */
#ifndef HEAPTOP_CMD_OPTION_H
#define HEAPTOP_CMD_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "model/column.h"
#include "model/plan.h"
#include "model/query.h"

struct subcommand;

/* What a value or an operand is, so that shells can complete it. */
enum value {
	VALUE_NONE,
	VALUE_TEXT,
	VALUE_FILE,
	VALUE_SIZE,
	VALUE_NUMBER,
	VALUE_PROCESS, /* a PID, or a file */
	VALUE_COMMAND, /* a program and its arguments */
	VALUE_TOPIC,   /* one of our commands */
	VALUE_GROUP,
	VALUE_COLUMN,
	VALUE_COLUMNS,
	VALUE_FORMAT,
	VALUE_UNWINDER,
	VALUE_NATIVE,
	VALUE_OUTPUT,
	VALUE_COLOR,
	VALUE_THEME,
};

/* X(ID, setter, letter or 0, word, name of its value or NULL, kind, help) */
#define OPTION_LIST(X)                                                         \
	X(EXACT, exact, 0, "exact", NULL, NONE,                                \
	  "count every allocation (the default)")                              \
	X(SAMPLE, sample, 0, "sample", "[BYTES]", SIZE,                        \
	  "record one block in BYTES on average and estimate (512K)")          \
	X(BUDGET, budget, 0, "budget", "PERCENT", TEXT,                        \
	  "sample, as finely as this share of CPU time allows, as 2%")         \
	X(DORMANT, dormant, 0, "dormant", NULL, NONE,                          \
	  "load the agent asleep: at no cost until it is switched on")         \
	X(UNWINDER, unwinder, 0, "unwinder", "HOW", UNWINDER,                  \
	  "walk stacks by rules, by libunwind, or check one by the other")     \
	X(NATIVE, native, 0, "native", "WHICH", NATIVE,                        \
	  "native frames where Python runs: none, leaf, full (leaf)")          \
	X(FREELISTS, freelists, 0, "freelists", NULL, NONE,                    \
	  "charge objects that reuse memory to their own line (3.13+)")        \
	X(TIMEOUT, timeout, 0, "timeout", "SECS", NUMBER,                      \
	  "how long to look for a moment to load the agent (5)")               \
	X(HEADLESS, headless, 0, "headless", NULL, NONE,                       \
	  "no screen; the program keeps its input and output")                 \
	X(SAVE, save, 0, "save", "FILE", FILE,                                 \
	  "save the final totals in FILE when the program ends")               \
	X(KEEP, keep, 0, "keep", NULL, NONE,                                   \
	  "keep the segments of processes that have ended")                    \
	X(NO_CHILDREN, no_children, 0, "no-children", NULL, NONE,              \
	  "look at the program alone, not at what it starts")                  \
	X(OUTPUT, output, 0, "output", "WHERE", OUTPUT,                        \
	  "program's output: pane, inherit, null or a file")                   \
	X(GROUP_BY, group_by, 'g', "group-by", "KEY", GROUP,                   \
	  "one row for each KEY")                                              \
	X(SORT, sort, 's', "sort", "COLUMN", COLUMN,                           \
	  "biggest COLUMN first; -COLUMN smallest first")                      \
	X(TOP, top, 't', "top", "N", NUMBER, "at most N rows, 0 for all (10)") \
	X(FILTER, filter, 'f', "filter", "TEXT", TEXT,                         \
	  "only rows with TEXT in file:line or function")                      \
	X(COLUMNS, columns, 0, "columns", "LIST", COLUMNS,                     \
	  "columns, separated by commas; reports as a table")                  \
	X(INCLUSIVE, inclusive, 'i', "inclusive", NULL, NONE,                  \
	  "charge all lines of a stack, not just one")                         \
	X(MINE, mine, 'm', "mine", NULL, NONE,                                 \
	  "leave out libraries: charge the user's own code")                   \
	X(LIBRARIES, libraries, 0, "libraries", "LIST", TEXT,                  \
	  "further paths of libraries; !PATH is none")                         \
	X(IEC, iec, 0, "iec", NULL, NONE,                                      \
	  "sizes in powers of 1024: KiB, MiB (the default)")                   \
	X(SI, si, 0, "si", NULL, NONE, "sizes in powers of 1000: kB, MB")      \
	X(BYTES, bytes, 0, "bytes", NULL, NONE, "sizes as bytes, exact")       \
	X(FAMILY, family, 0, "family", NULL, NONE,                             \
	  "merge the process with those that it forked, or was forked with")   \
	X(TYPES, types, 0, "types", NULL, NONE,                                \
	  "tell under each row what its blocks are, by Python type")           \
	X(LEDGER, ledger, 0, "ledger", NULL, NONE,                             \
	  "tell first where the resident memory is, and which part leads")     \
	X(SUSPECTS, suspects, 0, "suspects", NULL, NONE,                       \
	  "rows by evidence of a leak since the mark, with the evidence")      \
	X(JSON, json, 'j', "json", NULL, NONE, "print JSON")                   \
	X(FAIL_ABOVE, fail_above, 0, "fail-above", "SIZE", SIZE,               \
	  "exit with status 3 when more than SIZE is live")                    \
	X(BATCH, batch, 'b', "batch", NULL, NONE,                              \
	  "print text instead of opening the viewer")                          \
	X(ITERATIONS, iterations, 'n', "iterations", "N", NUMBER,              \
	  "stop after N times")                                                \
	X(DELAY, delay, 'd', "delay", "SECS", NUMBER,                          \
	  "seconds between two times")                                         \
	X(TO, to, 'o', "to", "FILE", FILE, "write to FILE")                    \
	X(REPLACE, replace, 0, "replace", NULL, NONE,                          \
	  "write over FILE when it is there already")                          \
	X(MARK_AFTER, mark_after, 0, "mark-after", "SECS|BYTES", TEXT,         \
	  "growth counts from then: after 30 seconds, or once 512M are live")  \
	X(MARK_AT, mark_at, 0, "mark-at", "TEXT", TEXT,                        \
	  "growth counts from the program's mark of that TEXT")                \
	X(HISTORY, history, 0, "history", "BYTES", SIZE,                       \
	  "memory for the history of the last hour (40M)")                     \
	X(FORMAT, format, 0, "format", "FORMAT", FORMAT,                       \
	  "the format to write")                                               \
	X(FORCE, force, 0, "force", NULL, NONE,                                \
	  "remove unreadable segments as well")                                \
	X(ASCII, ascii, 0, "ascii", NULL, NONE, "draw with ASCII only")        \
	X(NO_MOUSE, no_mouse, 0, "no-mouse", NULL, NONE,                       \
	  "leave the mouse to the terminal")                                   \
	X(COLOR, color, 0, "color", "WHEN", COLOR,                             \
	  "auto, always or never; auto obeys NO_COLOR")                        \
	X(THEME, theme, 0, "theme", "NAME", THEME,                             \
	  "dark, light, mono, or a theme file")                                \
	X(NO_CONFIG, no_config, 0, "no-config", NULL, NONE,                    \
	  "leave the user's settings alone")                                   \
	X(SCRIPT, script, 0, "script", "FILE", FILE,                           \
	  "drive the viewer by a script instead of a terminal")                \
	X(HELP, help, 'h', "help", NULL, NONE, "print help and exit")          \
	X(VERSION, version, 'V', "version", NULL, NONE,                        \
	  "print the version and exit")

#define OPTION_ENUM_(id_, setter_, letter_, word_, value_, kind_, help_) \
	OPTION_##id_,
enum option_id { OPTION_LIST(OPTION_ENUM_) OPTION_COUNT };
#undef OPTION_ENUM_

#define OPTION_BIT(id_) (UINT64_C(1) << OPTION_##id_)

/* How sizes are written. */
#define OPTION_UNITS (OPTION_BIT(IEC) | OPTION_BIT(SI) | OPTION_BIT(BYTES))

/* Which rows, how: shared by report, diff and top. */
#define OPTION_QUERY                                                        \
	(OPTION_BIT(GROUP_BY) | OPTION_BIT(SORT) | OPTION_BIT(TOP) |        \
	 OPTION_BIT(FILTER) | OPTION_BIT(COLUMNS) | OPTION_BIT(INCLUSIVE) | \
	 OPTION_BIT(MINE) | OPTION_BIT(LIBRARIES) | OPTION_BIT(JSON) |      \
	 OPTION_BIT(FAMILY) | OPTION_UNITS)

/* From when growth counts, and how much is kept of what was. */
#define OPTION_MARK \
	(OPTION_BIT(MARK_AFTER) | OPTION_BIT(MARK_AT) | OPTION_BIT(HISTORY))

/* How the viewer starts. */
#define OPTION_VIEW                                                         \
	(OPTION_BIT(GROUP_BY) | OPTION_BIT(SORT) | OPTION_BIT(FILTER) |     \
	 OPTION_BIT(INCLUSIVE) | OPTION_BIT(MINE) | OPTION_BIT(DELAY) |     \
	 OPTION_BIT(LIBRARIES) | OPTION_BIT(ASCII) | OPTION_BIT(NO_MOUSE) | \
	 OPTION_BIT(COLOR) | OPTION_BIT(THEME) | OPTION_BIT(SCRIPT) |       \
	 OPTION_MARK | OPTION_UNITS | OPTION_BIT(COLUMNS) |                 \
	 OPTION_BIT(NO_CONFIG))

/* What was given. Texts belong to argv. */
struct options {
	const struct subcommand *command;
	bool help;
	bool version;

	bool has_sample;
	uint64_t sample_bytes;
	uint32_t budget_ppm;  /* of the program's CPU time; 0 none */
	const char *unwinder; /* a word the agent takes; NULL its default */
	const char *native;   /* likewise */
	bool dormant;
	bool freelists;
	double timeout_s; /* 0: the command's own */
	bool headless;
	const char *save;
	bool keep;
	bool no_children;
	const char *output; /* NULL: as the terminal is */

	bool has_group_by;
	enum group group_by;
	bool has_sort;
	enum column sort;
	bool ascending;
	size_t top;
	const char *filter;
	enum column columns[COLUMN_MAX];
	size_t column_count; /* 0: the usual lines */
	bool inclusive;
	bool mine;
	const char *libraries; /* as classify_choose takes; it has them */
	bool family;
	bool types;
	bool ledger;
	bool suspects;
	bool json;
	bool has_units;
	enum text_units units;
	bool has_fail_above;
	uint64_t fail_above;

	bool batch;
	uint64_t iterations; /* 0: until interrupted */
	double delay_s;	     /* 0: the command's own */
	struct mark_plan plan;
	uint64_t history; /* bytes; 0 the default */
	const char *to;
	const char *format;
	bool force;
	bool replace;

	bool ascii;
	bool no_mouse;
	bool no_config;
	const char *color;
	const char *theme;
	const char *script;

	char **operands; /* ends with NULL */
	int operand_count;
};

struct option_info {
	char letter; /* 0 none */
	const char *word;
	const char *value; /* its name in help; NULL: takes none */
	enum value kind;
	const char *help;
	bool (*set)(struct options *, const char *value, struct err *);
};
extern const struct option_info option_infos[OPTION_COUNT];

/*
 * Parses argv, whose first element is skipped, by the command's own set of
 * options. False, with one line, when the usage is wrong.
 */
bool options_parse(struct options *, const struct subcommand *, int argc,
		   char **argv, struct err *);

/* The words a value of this kind may be, ended by NULL, or NULL when it is
 * free. Owned by the table. */
const char *const *value_words(enum value);

/* "2%", "0.5%", "2": a share of CPU time in parts per million, never 0. */
bool budget_parse(const char *text, uint32_t *ppm, struct err *);

/* "512K", "64KiB", "1M", "2GiB", "4096": powers of 1024. */
bool size_parse(const char *text, uint64_t *size, struct err *);

#endif
