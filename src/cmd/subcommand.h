/*
 * subcommand.h - the table of subcommands. One file, one function, one line of
 * the table a command; the table is the dispatch, --help, the manual and the
 * completions.
 */
#ifndef HEAPTOP_CMD_SUBCOMMAND_H
#define HEAPTOP_CMD_SUBCOMMAND_H

#include "cmd/option.h"

enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_THRESHOLD = 3,
	/* of `run`, as env(1) and timeout(1) have them */
	STATUS_RUN_FAILED = 125,
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
	STATUS_SIGNAL = 128, /* plus the signal's number */
};

struct subcommand {
	const char *name;     /* "" the viewer, which has none */
	const char *operands; /* as the usage line shows them */
	const char *summary;
	const char *text; /* sentences for help and manual */
	uint64_t options; /* OPTION_BIT of those it takes */
	int operands_min;
	int operands_max; /* -1: any number */
	bool program;	  /* options end where the operands begin */
	enum value operand;
	int (*run)(const struct options *); /* returns the exit status */
};

extern const struct subcommand subcommands[];
extern const size_t subcommand_count;

/* The command of that name, or NULL. */
const struct subcommand *subcommand_find(const char *name);

int cmd_view(const struct options *);
int cmd_run(const struct options *);
int cmd_attach(const struct options *);
int cmd_detach(const struct options *);
int cmd_list(const struct options *);
int cmd_top(const struct options *);
int cmd_report(const struct options *);
int cmd_diff(const struct options *);
int cmd_snapshot(const struct options *);
int cmd_export(const struct options *);
int cmd_rate(const struct options *);
int cmd_clean(const struct options *);
int cmd_env(const struct options *);
int cmd_doctor(const struct options *);
int cmd_demo(const struct options *);
int cmd_help(const struct options *);

/* Print help, all of it or of one command, on stdout. */
void help_all(void);
void help_command(const struct subcommand *);
void help_version(void);

/* Print one line on stderr, escaped, and return STATUS_FAILED, or
 * STATUS_USAGE with a hint where to read on. command may be NULL. */
int failed(const struct err *);
int failed_usage(const struct subcommand *, const struct err *);
/* One line on stderr about something that does not stop us. */
void warn(const struct err *);

#endif
