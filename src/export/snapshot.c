/*
 * snapshot.c - a snapshot as JSON: everything that a source holds.
 *
 * Written as it goes, one element a line, in an order that can be read in one
 * pass: what is referred to stands before. Ids count from 1, as everywhere;
 * 0 is none.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"
#include "export/label.h"

static void
put_text(FILE *file, const char *text)
{
	text_json_write(file, text ? text : "");
}

static void
put_process(FILE *file, const struct process *process)
{
	fprintf(file,
		"\"process\":{\"pid\":%" PRIu32 ",\"parent_pid\":%" PRIu32
		",\n\"command\":",
		process->pid, process->parent_pid);
	put_text(file, process->command);
	fputs(",\n\"exe\":", file);
	put_text(file, process->exe);
	fprintf(file,
		",\n\"python\":%" PRIu32 ",\"start_ns\":%" PRIu64
		",\"run_id\":%" PRIu64 ",\"alive\":%s,\"state\":",
		process->python, process->start_ns, process->run_id,
		process->alive ? "true" : "false");
	put_text(file, process->state);
	fputs(",\"mode\":", file);
	put_text(file, process->mode);
	fputs(",\"unwinder\":", file);
	put_text(file, process->unwinder);
	fputs(",\"native\":", file);
	put_text(file, process->native);
	fprintf(file,
		",\"sample_bytes\":%" PRIu64 ",\"rss_bytes\":%" PRIu64
		",\"peak_rss_bytes\":%" PRIu64,
		process->sample_bytes, process->rss_bytes,
		process->peak_rss_bytes);
	if (process->budget_ppm)
		fprintf(file, ",\"budget_ppm\":%" PRIu32, process->budget_ppm);
	if (process->cost_ppm)
		fprintf(file, ",\"cost_ppm\":%" PRIu32, process->cost_ppm);
	if (process->live_map) {
		fputs(",\"live_map\":", file);
		put_text(file, process->live_map);
	}
	fputs("},\n", file);
}

/* Of a sampled process only, and only where they are not 0. */
static void
put_spreads(FILE *file, const struct snapshot *snapshot)
{
	const char *comma = "";

	fputs(",\n\"spreads\":[", file);
	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct spread *spread = &snapshot->spreads[i];

		if (spread_is_zero(spread))
			continue;
		fprintf(file, "%s\n[%zu,%.17g,%.17g,%.17g,%.17g]", comma, i + 1,
			(double)spread->live_bytes + spread->free_bytes,
			(double)spread->free_bytes,
			(double)spread->live_count + spread->free_count,
			(double)spread->free_count);
		comma = ",";
	}
	putc(']', file);
}

static void
put_losses(FILE *file, const struct snapshot *snapshot)
{
	fputs("\"losses\":[", file);
	for (size_t i = 0; i < snapshot->loss_count; i++) {
		const struct loss *loss = &snapshot->losses[i];

		fputs(i ? ",\n{\"name\":" : "\n{\"name\":", file);
		put_text(file, loss->name);
		fputs(",\"text\":", file);
		put_text(file, loss->text);
		fprintf(file, ",\"count\":%" PRIu64 "}", loss->count);
	}
	fputs("],\n\"domains\":[", file);
	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		fprintf(file, "%s\"%s\"", i ? "," : "", domain_names[i]);
	fputs("],\n", file);
}

static void
put_modules(FILE *file, const struct names *names)
{
	fputs("\"modules\":[", file);
	for (size_t i = 1; i <= names_modules(names); i++) {
		const struct module *module = names_module(names, (uint32_t)i);

		fprintf(file,
			"%s\n[%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",\"",
			i > 1 ? "," : "", module->path, module->start,
			module->end, module->bias);
		for (size_t j = 0; j < module->build_id_size; j++)
			fprintf(file, "%02x", module->build_id[j]);
		fputs("\"]", file);
	}
	fputs("],\n", file);
}

static void
put_frames(FILE *file, struct names *names)
{
	fputs("\"frames\":[", file);
	for (size_t i = 1; i <= names_frames(names); i++) {
		size_t count;
		const struct location *location =
		    names_locations(names, (uint32_t)i, &count);
		const struct frame *frame = names_frame(names, (uint32_t)i);

		fprintf(file, "%s\n[%d,%" PRIu32 ",%" PRIu64, i > 1 ? "," : "",
			frame->kind == FRAME_PYTHON, frame->module,
			frame->offset);
		for (; count; count--, location++)
			fprintf(
			    file, ",[%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%d]",
			    location->function, location->file, location->line,
			    (location->flags & LOCATION_INLINED) != 0);
		putc(']', file);
	}
	fputs("],\n", file);
}

static void
put_names(FILE *file, struct names *names)
{
	size_t count;

	/* Resolve first: answers bring strings. */
	for (size_t i = 1; i <= names_frames(names); i++)
		names_locations(names, (uint32_t)i, &count);
	fputs("\"strings\":[", file);
	for (size_t i = 1; i <= names_strings(names); i++) {
		fputs(i > 1 ? ",\n" : "\n", file);
		text_json_write(file, names_text(names, (uint32_t)i));
	}
	fputs("],\n", file);
	put_modules(file, names);
	put_frames(file, names);
	fputs("\"stacks\":[", file);
	for (size_t i = 1; i <= names_stacks(names); i++) {
		const struct stack *stack = names_stack(names, (uint32_t)i);

		fprintf(file, "%s\n[%" PRIu32 ",%" PRIu32 "]", i > 1 ? "," : "",
			stack->parent, stack->frame);
	}
	fputs("],\n", file);
}

/* Those that the program made. */
static void
put_marks(FILE *file, const struct snapshot *snapshot)
{
	fputs("\"marks\":[", file);
	for (size_t i = 0; i < snapshot->mark_count; i++) {
		const struct program_mark *mark = &snapshot->marks[i];

		fprintf(file,
			"%s\n[%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64 ",%" PRIu64 "]",
			i ? "," : "", mark->text, mark->tick, mark->time_ns,
			mark->live_bytes, mark->live_count, mark->work_units);
	}
	fputs("],\n", file);
}

/* What the ledger is made from. */
static void
put_memory(FILE *file, const struct snapshot *snapshot)
{
	const struct memory *memory = &snapshot->memory;

	fprintf(file,
		"\"pool_bytes\":%" PRIu64 ",\n\"memory\":{\"time_ns\":%" PRIu64
		",\"part\":%s",
		snapshot->pool_bytes, memory->time_ns,
		memory->part ? "true" : "false");
	for (int i = 0; i < MEMORY_COUNT; i++)
		fprintf(file, ",\"%s\":%" PRIu64, memory_names[i],
			memory->resident[i]);
	fputs("},\n", file);
}

static bool
write_all(FILE *file, const struct snapshot *snapshot,
	  const struct saved *saved, struct err *err)
{
	fputs("{\"format\":\"heaptop-snapshot\",\"version\":1,\n", file);
	put_process(file, &snapshot->process);
	fprintf(file,
		"\"tick\":%" PRIu64 ",\"time_ns\":%" PRIu64
		",\"mono_ns\":%" PRIu64 ",\"agent_cpu_ns\":%" PRIu64
		",\"agent_bytes\":%" PRIu64 ",\n",
		snapshot->tick, snapshot->time_ns, snapshot->mono_ns,
		snapshot->agent_cpu_ns, snapshot->agent_bytes);
	if (snapshot->work_units)
		fprintf(file, "\"work_units\":%" PRIu64 ",\n",
			snapshot->work_units);
	if (snapshot->memory.time_ns)
		put_memory(file, snapshot);
	put_losses(file, snapshot);
	put_names(file, snapshot->names);
	if (snapshot->mark_count)
		put_marks(file, snapshot);
	fputs("\"sites\":[", file);
	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct site *site = &snapshot->sites[i];

		fprintf(file,
			"%s\n[%" PRIu32 ",%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64 ",%" PRIu64 "]",
			i ? "," : "", site->stack, site->domain,
			site->alloc_bytes, site->alloc_count, site->free_bytes,
			site->free_count, site->peak_bytes);
	}
	putc(']', file);
	if (snapshot->spreads)
		put_spreads(file, snapshot);
	if (saved)
		snapshot_put_past(file, saved);
	fputs("}\n", file);
	return label_finish(file, err);
}

bool
snapshot_write(FILE *file, const struct snapshot *snapshot, struct err *err)
{
	return write_all(file, snapshot, NULL, err);
}

/* Files */

static ssize_t
zip_write(void *cookie, const char *data, size_t size)
{
	if (size > INT32_MAX)
		size = INT32_MAX;
	return gzwrite(cookie, data, (unsigned)size);
}

static int
zip_close(void *cookie)
{
	return gzclose(cookie) == Z_OK ? 0 : -1;
}

static FILE *
open_stream(int fd, const char *path)
{
	size_t size = strlen(path);
	gzFile zip;
	FILE *file;

	if (size < 3 || strcmp(path + size - 3, ".gz") != 0)
		return fdopen(fd, "w");
	zip = gzdopen(fd, "w4");
	if (!zip)
		return NULL;
	file = fopencookie(
	    zip, "w",
	    (cookie_io_functions_t){.write = zip_write, .close = zip_close});
	if (file)
		setvbuf(file, NULL, _IOFBF, 65536);
	return file;
}

static bool
fail_write(struct err *err, const char *path)
{
	int saved = errno;
	char clean[256];

	text_clean(clean, sizeof(clean), path, strlen(path));
	if (saved == EEXIST)
		return err_set(err,
			       "cannot write '%s': it is there already; choose "
			       "another name, or give --replace",
			       clean);
	return err_set(err, "cannot write '%s': %s; choose another place",
		       clean, strerror(saved ? saved : EIO));
}

/* Gives the file its name, and never takes it from another unasked. */
static bool
put_in_place(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path) == 0;
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) ==
	    0)
		return true;
	/* Not every file system knows that. */
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	return link(temporary, path) == 0 && unlink(temporary) == 0;
}

bool
export_saved(const char *path, const struct snapshot *snapshot,
	     const struct saved *saved, bool replace, struct err *err)
{
	char *temporary = mem_format("%s.XXXXXX", path);
	struct err inner;
	FILE *file;
	bool good;
	int fd;

	if (!replace && access(path, F_OK) == 0) {
		errno = EEXIST;
		fail_write(err, path);
		goto free_name;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		fail_write(err, path);
		goto free_name;
	}
	file = open_stream(fd, path);
	if (!file) {
		fail_write(err, path);
		close(fd);
		goto remove_file;
	}
	errno = 0;
	good = write_all(file, snapshot, saved, &inner);
	if (fclose(file) || !good || !put_in_place(temporary, path, replace)) {
		fail_write(err, path);
		goto remove_file;
	}
	free(temporary);
	return true;
remove_file:
	unlink(temporary);
free_name:
	free(temporary);
	return false;
}

bool
export_snapshot(const char *path, const struct snapshot *snapshot,
		struct err *err)
{
	return export_saved(path, snapshot, NULL, true, err);
}
