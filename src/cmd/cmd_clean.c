/* cmd_clean.c - `heaptop clean`: remove the segments of dead processes. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/subcommand.h"
#include "source/source.h"

int
cmd_clean(const struct options *options)
{
	struct process_entry *list;
	int status = STATUS_DONE;
	struct err err;
	size_t count, i, unread = 0;

	if (!process_list(&list, &count, &err))
		return failed(&err);
	for (i = 0; i < count; i++) {
		/* What cannot be read may be of a newer heaptop, and alive. */
		if (*list[i].problem && !options->force) {
			unread++;
			continue;
		}
		if (list[i].alive)
			continue;
		if (unlink(list[i].path) != 0) {
			err_errno(&err, "cannot remove '%s'", list[i].path);
			status = failed(&err);
			continue;
		}
		text_clean_write(stdout, list[i].path);
		putchar('\n');
	}
	process_list_free(list, count);
	if (unread) {
		err_set(&err,
			"left %zu that cannot be read; heaptop list shows why, "
			"heaptop clean --force removes such, too",
			unread);
		warn(&err);
	}
	return status;
}
