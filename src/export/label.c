/* label.c - how a row and a location are called in text. */
#include "config.h"

#include "export/label.h"

#include <inttypes.h>

#include "base/text.h"

static void
put(FILE *file, const struct names *names, uint32_t string)
{
	text_clean_write(file, names_text(names, string));
}

/* "FUNCTION in MODULE", for what has no file. */
static void
put_native(FILE *file, const struct names *names, uint32_t function,
	   uint32_t module)
{
	if (function)
		put(file, names, function);
	if (function && module)
		fputs(" in ", file);
	if (module)
		put(file, names, module);
	if (!function && !module)
		fputs("?", file);
}

void
label_row(FILE *file, const struct snapshot *snapshot, enum group group,
	  const struct row *row)
{
	const struct names *names = snapshot->names;

	if (group == GROUP_DOMAIN) {
		fputs(row->domain < DOMAIN_COUNT ? domain_names[row->domain]
						 : "?",
		      file);
		return;
	}
	if (group == GROUP_MODULE) {
		put_native(file, names, 0, row->module);
		return;
	}
	if (group == GROUP_FILENAME) {
		put_native(file, names, 0, row->file ? row->file : row->module);
		return;
	}
	if (!row->file) {
		put_native(file, names, row->function, row->module);
		return;
	}
	put(file, names, row->file);
	if (group == GROUP_FUNCTION) {
		fputs(": ", file);
		put(file, names, row->function);
	} else {
		fprintf(file, ":%" PRIu32, row->line);
	}
}

void
label_frame(FILE *file, const struct names *names, const struct frame *frame,
	    const struct location *location)
{
	fputs("  ", file);
	if (location->file) {
		fputs("File \"", file);
		put(file, names, location->file);
		putc('"', file);
		if (location->line)
			fprintf(file, ", line %" PRIu32, location->line);
		if (location->function) {
			fputs(", in ", file);
			put(file, names, location->function);
		}
	} else {
		uint32_t module = frame->module
				      ? names_module(names, frame->module)->path
				      : 0;

		put_native(file, names, location->function, module);
	}
	if (location->flags & LOCATION_INLINED)
		fputs(" (inlined)", file);
	putc('\n', file);
}

bool
label_row_counts(const struct row *row)
{
	return row->size || row->count || row->size_diff || row->count_diff;
}

bool
label_finish(FILE *file, struct err *err)
{
	if (fflush(file) == 0 && !ferror(file))
		return true;
	return err_errno(err, "cannot write the output");
}
