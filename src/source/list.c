/* list.c - the profiled processes of a user: the directory of segments. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "source/segment.h"

const char *
segment_directory(void)
{
	static char path[64];
	const char *chosen = getenv("HEAPTOP_DIR");

	if (chosen && *chosen)
		return chosen;
	snprintf(path, sizeof(path), WIRE_DIR_PREFIX "%u", (unsigned)geteuid());
	return path;
}

static void
add_live(struct process_entry *entry, const struct wire_totals *totals)
{
	if (totals->alloc_bytes > totals->free_bytes)
		entry->live_bytes += totals->alloc_bytes - totals->free_bytes;
	if (totals->alloc_count > totals->free_count)
		entry->live_count += totals->alloc_count - totals->free_count;
}

/* Reads header and status; what is wrong becomes the entry's problem. */
static void
fill_entry(struct process_entry *entry, int directory, const char *name)
{
	struct segment segment;
	struct err err = {""};
	bool writable;
	int fd = segment_open_file(directory, name, O_NOFOLLOW, &writable);
	const char *reason;

	if (fd < 0) {
		snprintf(entry->problem, sizeof(entry->problem), "%s",
			 errno == ELOOP ? "it is a symbolic link"
					: strerror(errno));
		return;
	}
	if (!segment_open(&segment, fd, writable, name, &err))
		goto problem;
	if (!segment_read_status(&segment, &err))
		goto close_segment;
	entry->alive = segment_is_alive(&segment);
	segment_process(&segment, entry->alive, &entry->process);
	if (entry->alive)
		entry->process.rss_bytes = proc_rss(entry->process.pid);
	entry->time_ns = segment.status.time_ns;
	for (size_t i = 0; i < WIRE_DOMAIN_MAX; i++)
		add_live(entry, &segment.status.totals[i]);
	segment_close(&segment);
	return;
close_segment:
	segment_close(&segment);
problem:
	/* The list names the file already: keep what stands behind it. */
	reason = strstr(err.text, "': ");
	snprintf(entry->problem, sizeof(entry->problem), "%.*s",
		 (int)sizeof(entry->problem) - 1,
		 reason ? reason + 3 : err.text);
}

int
segment_directory_open(const char *path, uid_t owner, struct err *err)
{
	const char *chosen = getenv("HEAPTOP_DIR");
	bool root_chose = geteuid() == 0 && chosen && *chosen;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat found;

	err->text[0] = '\0';
	if (fd < 0) {
		if (errno == ELOOP || errno == ENOTDIR)
			source_fail(err, path,
				    "not a directory; remove it or set "
				    "HEAPTOP_DIR");
		else if (errno != ENOENT)
			source_fail(err, path, "%s; set HEAPTOP_DIR",
				    strerror(errno));
		return -1;
	}
	if (fstat(fd, &found) != 0) {
		source_fail(err, path, "%s; set HEAPTOP_DIR", strerror(errno));
	} else if (found.st_uid != owner && !root_chose) {
		source_fail(err, path,
			    "the directory belongs to another "
			    "user; remove it or set HEAPTOP_DIR");
	} else if (found.st_mode & 022) {
		source_fail(err, path,
			    "others may write there; take that "
			    "right away or set HEAPTOP_DIR");
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

static int
compare_entries(const void *left, const void *right)
{
	const struct process_entry *a = left, *b = right;

	if (a->process.start_ns != b->process.start_ns)
		return a->process.start_ns < b->process.start_ns ? -1 : 1;
	return strcmp(a->path, b->path);
}

static bool
ends(const char *name, size_t *size, const char *suffix)
{
	size_t length = strlen(suffix);

	if (*size <= length ||
	    memcmp(name + *size - length, suffix, length) != 0)
		return false;
	*size -= length;
	return true;
}

/* One that was only begun is shown as broken, so that it can be removed. */
static bool
is_segment_name(const char *name)
{
	size_t size = strlen(name);

	ends(name, &size, WIRE_SUFFIX_BEGUN);
	return ends(name, &size, WIRE_SUFFIX);
}

bool
process_list(struct process_entry **list, size_t *count, struct err *err)
{
	int directory;
	size_t room = 0;
	struct dirent *entry;
	DIR *stream;

	*list = NULL;
	*count = 0;
	directory = segment_directory_open(segment_directory(), geteuid(), err);
	if (directory < 0)
		return !err->text[0];
	stream = fdopendir(directory);
	if (!stream) {
		close(directory);
		return source_fail(err, segment_directory(),
				   "%s; set HEAPTOP_DIR", strerror(errno));
	}
	while ((entry = readdir(stream))) {
		struct process_entry *made;

		if (!is_segment_name(entry->d_name))
			continue;
		*list = mem_room(*list, &room, *count, sizeof(**list));
		made = &(*list)[(*count)++];
		*made = (struct process_entry){
		    .path = mem_format("%s/%s", segment_directory(),
				       entry->d_name)};
		fill_entry(made, dirfd(stream), entry->d_name);
	}
	closedir(stream);
	if (*count)
		qsort(*list, *count, sizeof(**list), compare_entries);
	return true;
}

void
process_list_free(struct process_entry *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].path);
		free(list[i].process.command);
		free(list[i].process.exe);
	}
	free(list);
}
