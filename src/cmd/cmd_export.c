/* cmd_export.c - `heaptop export SRC --format F`: other tools' formats. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/open.h"
#include "cmd/subcommand.h"
#include "export/export.h"

static bool
write_file(const char *path, const struct export_format *format,
	   const struct snapshot *snapshot, struct err *err)
{
	FILE *file = fopen(path, "we");
	bool good;

	if (!file)
		return err_set(err,
			       "cannot write '%s': %s; choose another place",
			       path, strerror(errno));
	good = format->write(file, snapshot, err);
	if (fclose(file) != 0 && good)
		good = err_errno(err, "cannot write '%s'", path);
	return good;
}

int
cmd_export(const struct options *options)
{
	const struct export_format *format;
	const struct snapshot *snapshot;
	struct opened opened;
	struct err err;
	bool good;

	if (!options->format) {
		err_set(&err, "no format; name one with --format");
		return failed_usage(options->command, &err);
	}
	if (!export_format_parse(options->format, &format, &err))
		return failed_usage(options->command, &err);
	if (!options->to && isatty(STDOUT_FILENO)) {
		err_set(&err, "'%s' is not for a terminal; name a file with -o",
			format->name);
		return failed_usage(options->command, &err);
	}
	if (!open_operand(&opened, options, 0, &err))
		return failed(&err);
	snapshot = source_snapshot(opened.source);
	good = options->to ? write_file(options->to, format, snapshot, &err)
			   : format->write(stdout, snapshot, &err);
	open_close(&opened);
	if (!good)
		return options->to ? failed(&err) : STATUS_FAILED;
	return STATUS_DONE;
}
