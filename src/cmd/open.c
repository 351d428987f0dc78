/* open.c - from what a user names to a snapshot whose frames have names. */
#include "config.h"

#include "cmd/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/subcommand.h"

enum { FLUSH_MS = 1000, FOLLOW_TRIES = 100 /* a second in all */ };

static const char *
base_name(const char *path, size_t size)
{
	const char *slash = memrchr(path, '/', size);

	return slash ? slash + 1 : path;
}

static bool
word_is(const char *word, size_t size, const char *name)
{
	const char *base = base_name(word, size);

	size -= (size_t)(base - word);
	return strlen(name) == size && memcmp(base, name, size) == 0;
}

/* The name of its program, or of a script it runs: any word without "-"
 * before the first option counts. */
static bool
process_is(const struct process *process, const char *name)
{
	const char *word = process->command ? process->command : "";
	const char *exe = process->exe ? process->exe : "";

	if (word_is(exe, strlen(exe), name))
		return true;
	while (*word && *word != '-') {
		size_t size = strcspn(word, " ");

		if (word_is(word, size, name))
			return true;
		word += size;
		word += strspn(word, " ");
	}
	return false;
}

/* Remembers the entries with that name and state; the text names them. */
static size_t
find_named(const struct process_entry *list, size_t count, const char *name,
	   bool alive, const struct process_entry **found, struct err *text)
{
	size_t matches = 0;
	size_t used = 0;
	size_t i;

	*text->text = '\0';
	for (i = 0; i < count; i++) {
		if (*list[i].problem || list[i].alive != alive ||
		    !process_is(&list[i].process, name))
			continue;
		*found = &list[i];
		if (matches++ < 8)
			used += (size_t)snprintf(
			    text->text + used, sizeof(text->text) - used,
			    "%s%u", used ? ", " : "", list[i].process.pid);
	}
	return matches;
}

/* The path of the segment with that name. */
static char *
open_name(const char *name, size_t *many, struct err *err)
{
	const struct process_entry *found = NULL;
	struct process_entry *list;
	struct err pids;
	char *path = NULL;
	size_t count;

	*many = 0;
	if (!process_list(&list, &count, err))
		return NULL;
	*many = find_named(list, count, name, true, &found, &pids);
	if (*many == 0)
		*many = find_named(list, count, name, false, &found, &pids);
	if (*many == 1)
		path = mem_string(found->path);
	else if (*many)
		err_set(err,
			"%zu profiled processes are named '%s': %s%s; "
			"name one by its PID",
			*many, name, pids.text, *many > 8 ? " ..." : "");
	else
		err_set(err,
			"no profiled process is named '%s', and there is "
			"no such file; heaptop list shows what there is",
			name);
	process_list_free(list, count);
	return path;
}

/* A plain word: neither a number nor a path. */
static bool
may_be_name(const char *what)
{
	return *what && what[strspn(what, "0123456789")] != '\0' &&
	       !strchr(what, '/');
}

struct source *
open_source(const char *what, size_t *many, struct err *err)
{
	struct source *source;
	char *path;

	*many = 0;
	if (!may_be_name(what))
		return source_open(what, err);
	path = open_name(what, many, err);
	if (*many == 0 && access(what, F_OK) == 0)
		return source_open(what, err);
	source = path ? source_open_segment(path, err) : NULL;
	free(path);
	return source;
}

/* Whether all entries with that name are of the family of one of them. */
static bool
is_one_family(const struct process_entry *list, size_t count, const char *name,
	      const struct process_entry *of)
{
	bool *in = mem_array(count, sizeof(*in));
	bool one = true;

	process_family(list, count, (size_t)(of - list), in);
	for (size_t i = 0; i < count; i++)
		if (!*list[i].problem && list[i].alive == of->alive &&
		    process_is(&list[i].process, name))
			one = one && in[i];
	free(in);
	return one;
}

static uint32_t
family_pid(const char *name, struct err *err)
{
	const struct process_entry *found = NULL;
	struct process_entry *list;
	uint32_t pid = 0;
	struct err pids;
	size_t count, many;

	if (!process_list(&list, &count, err))
		return 0;
	many = find_named(list, count, name, true, &found, &pids);
	if (!many)
		many = find_named(list, count, name, false, &found, &pids);
	if (!many)
		err_set(err,
			"no profiled process is named '%s'; --family takes a "
			"PID or a name that heaptop list shows",
			name);
	else if (!is_one_family(list, count, name, found))
		err_set(err,
			"processes named '%s' are of several families: %s%s; "
			"name one by its PID",
			name, pids.text, many > 8 ? " ..." : "");
	else
		pid = found->process.pid;
	process_list_free(list, count);
	return pid;
}

struct source *
open_family(const char *what, struct err *err)
{
	uint32_t pid = may_be_name(what) ? family_pid(what, err)
					 : (uint32_t)strtoul(what, NULL, 10);

	if (!pid && !may_be_name(what))
		err_set(err,
			"'%.200s' is not a process; --family takes a PID or a "
			"name that heaptop list shows",
			what);
	return pid ? source_open_family(pid, err) : NULL;
}

static bool
opened_start(struct opened *opened, struct source *source)
{
	const struct snapshot *snapshot;

	opened->source = source;
	opened->history = NULL;
	opened->base = NULL;
	snapshot = source_snapshot(source);
	opened->resolve = resolve_new(&snapshot->process, false);
	resolve_names(opened->resolve, source_names(source));
	return true;
}

bool
open_segment(struct opened *opened, const char *path, struct err *err)
{
	struct source *source = source_open_segment(path, err);

	return source && opened_start(opened, source);
}

/* After exec the process goes on with another segment at the same path. */
static void
open_follow(struct opened *opened)
{
	const struct timespec pause = {0, 10000000};
	struct opened fresh = {0};
	struct err ignored;
	int tries = 0;

	if (source_is_live(opened->source) ||
	    strcmp(source_snapshot(opened->source)->process.state, "execed") !=
		0)
		return;
	/* The new segment is there before it can be read. */
	while (!open_segment(&fresh, source_path(opened->source), &ignored)) {
		if (++tries > FOLLOW_TRIES)
			return;
		nanosleep(&pause, NULL);
	}
	open_close(opened);
	opened->source = fresh.source;
	opened->resolve = fresh.resolve;
}

bool
open_ledger(struct opened *opened, const char *what, struct err *err)
{
	struct err why;

	return source_memory(opened->source, &why) ||
	       err_set(err, "cannot make the ledger of '%.80s': %.120s", what,
		       why.text);
}

bool
open_refresh(struct opened *opened, struct err *err)
{
	struct err late;

	if (source_refresh(opened->source, err) < 0)
		return false;
	open_follow(opened);
	if (!source_is_live(opened->source))
		return true;
	if (!source_flush(opened->source, FLUSH_MS) &&
	    source_is_live(opened->source)) {
		err_set(&late,
			"process %u does not answer; its totals may be "
			"old",
			source_snapshot(opened->source)->process.pid);
		warn(&late);
	}
	return source_refresh(opened->source, err) >= 0;
}

static bool
opened_refresh(struct opened *opened, struct source *source, struct err *err)
{
	if (!source || !opened_start(opened, source))
		return false;
	if (open_refresh(opened, err))
		return true;
	open_close(opened);
	return false;
}

bool
open_target(struct opened *opened, const char *what, struct err *err)
{
	size_t many;

	return opened_refresh(opened, open_source(what, &many, err), err);
}

bool
open_operand(struct opened *opened, const struct options *options, int which,
	     struct err *err)
{
	const char *what = options->operands[which];

	return options->family
		   ? opened_refresh(opened, open_family(what, err), err)
		   : open_target(opened, what, err);
}

void
open_close(struct opened *opened)
{
	source_close(opened->source);
	resolve_free(opened->resolve);
	opened->source = NULL;
	opened->resolve = NULL;
}
