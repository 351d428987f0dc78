/* run_segments.c - what the processes of a run leave in the directory. */
#include "config.h"

#include "cmd/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/open.h"
#include "export/export.h"
#include "source/source.h"

static bool
is_of_run(const struct process_entry *entry, const struct run *run)
{
	return !*entry->problem && entry->process.run_id == run->run_id;
}

static bool
is_program(const struct process_entry *entry, const struct run *run)
{
	return is_of_run(entry, run) &&
	       entry->process.pid == (uint32_t)run->child.pid;
}

bool
run_segments_seen(struct run *run)
{
	struct process_entry *list;
	struct err ignored;
	size_t count, i;

	if (run->seen || !process_list(&list, &count, &ignored))
		return run->seen;
	for (i = 0; i < count && !run->seen; i++)
		run->seen = is_of_run(&list[i], run);
	process_list_free(list, count);
	return run->seen;
}

/* The newest segment of the program itself: exec makes another. */
static char *
program_segment(struct run *run)
{
	struct process_entry *list;
	struct err ignored;
	size_t count, i;
	char *path = NULL;

	if (!process_list(&list, &count, &ignored))
		return NULL;
	for (i = 0; i < count; i++) {
		if (!is_program(&list[i], run))
			continue;
		free(path);
		path = mem_string(list[i].path);
	}
	process_list_free(list, count);
	return path;
}

bool
run_segments_save(struct run *run, const char *file, struct err *err)
{
	char *path = program_segment(run);
	struct opened opened;
	bool saved;

	if (!path)
		return err_set(err,
			       "cannot save '%s': the program left no "
			       "totals",
			       file);
	saved = open_segment(&opened, path, err);
	if (saved) {
		saved =
		    export_snapshot(file, source_snapshot(opened.source), err);
		open_close(&opened);
	}
	free(path);
	return saved;
}

/* A death that the user did not ask for. */
static bool
has_crashed(const struct child *child)
{
	if (!WIFSIGNALED(child->status))
		return false;
	switch (WTERMSIG(child->status)) {
	case SIGHUP:
	case SIGINT:
	case SIGTERM:
	case SIGPIPE:
		return false;
	default:
		return true;
	}
}

void
run_segments_remove(struct run *run, char **left)
{
	bool crashed = has_crashed(&run->child);
	struct process_entry *list;
	struct err ignored;
	size_t count, i;

	*left = NULL;
	if (!process_list(&list, &count, &ignored))
		return;
	for (i = 0; i < count; i++) {
		bool killed = strcmp(list[i].process.state, "killed") == 0;

		if (!is_of_run(&list[i], run) || list[i].alive)
			continue;
		if (!crashed || !killed) {
			unlink(list[i].path);
		} else if (is_program(&list[i], run)) {
			free(*left);
			*left = mem_string(list[i].path);
		}
	}
	process_list_free(list, count);
}
