/*
 * text.c - lines of source files. A few files are kept whole, with the places
 * where their lines begin; the one unused for longest goes first.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "symbol/path.h"
#include "symbol/symbol.h"

enum {
	FILES_MAX = 64,
	FILE_SIZE_MAX = 16 << 20,
	KEPT_MAX = 16 << 20, /* bytes of all files kept; one may always stay */
	LINE_MAX_SHOWN = 4096,
};

struct source_file {
	char *root;
	char *path;
	struct stat info; /* what it was when it was read */
	char *text;
	size_t size;
	uint32_t *starts; /* of lines 1..count, and the end */
	size_t count;
	uint64_t last_use;
};

static struct {
	struct source_file files[FILES_MAX];
	size_t count;
	size_t kept; /* bytes */
	uint64_t uses;
	char line[LINE_MAX_SHOWN + 1]; /* the last answer */
} text;

static void
file_drop(struct source_file *file)
{
	text.kept -= file->size;
	free(file->root);
	free(file->path);
	free(file->text);
	free(file->starts);
	*file = text.files[--text.count];
	memset(&text.files[text.count], 0, sizeof(*file));
}

static void
make_room(size_t size)
{
	while (text.count &&
	       (text.count == FILES_MAX || text.kept + size > KEPT_MAX)) {
		struct source_file *oldest = &text.files[0];

		for (size_t i = 1; i < text.count; i++)
			if (text.files[i].last_use < oldest->last_use)
				oldest = &text.files[i];
		file_drop(oldest);
	}
}

/* Whatever is read of size bytes; a file may shrink under the reader. */
static char *
read_all(int fd, size_t *size)
{
	char *bytes = mem_alloc(*size + 1);
	size_t used = 0;
	ssize_t got;

	while (used < *size && (got = read(fd, bytes + used, *size - used)) > 0)
		used += (size_t)got;
	*size = used;
	return bytes;
}

static void
find_lines(struct source_file *file)
{
	size_t capacity = 0;
	const char *end = file->text + file->size;
	const char *at = file->text;

	while (at && at < end) {
		file->starts = mem_room(file->starts, &capacity,
					file->count + 1, sizeof(uint32_t));
		file->starts[file->count++] = (uint32_t)(at - file->text);
		at = memchr(at, '\n', (size_t)(end - at));
		if (at)
			at++;
	}
	if (file->count)
		file->starts[file->count] = (uint32_t)file->size;
}

static struct source_file *
file_read(const char *root, const char *path)
{
	struct source_file *file;
	struct stat info;
	size_t size;
	int fd = path_open(root, path, true, &info);

	if (fd < 0)
		return NULL;
	if (info.st_size > FILE_SIZE_MAX) {
		close(fd);
		return NULL;
	}
	size = (size_t)info.st_size;
	make_room(size);
	file = &text.files[text.count++];
	file->text = read_all(fd, &size);
	close(fd);
	file->root = mem_string(root ? root : "");
	file->path = mem_string(path);
	file->info = info;
	file->size = size;
	text.kept += size;
	find_lines(file);
	return file;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct source_file *
file_find(const char *root, const char *path)
{
	for (size_t i = 0; i < text.count; i++)
		if (strcmp(text.files[i].path, path) == 0 &&
		    strcmp(text.files[i].root, root ? root : "") == 0)
			return &text.files[i];
	return NULL;
}

static struct source_file *
file_get(const char *root, const char *path)
{
	struct source_file *file;
	struct stat info;
	int fd;

	if (!path || !path[0])
		return NULL;
	file = file_find(root, path);
	if (!file)
		return file_read(root, path);
	fd = path_open(root, path, false, &info);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && is_same(&info, &file->info))
		return file;
	file_drop(file);
	return fd >= 0 ? file_read(root, path) : NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

static const char *
line_of(struct source_file *file, uint32_t line, bool trim)
{
	const char *start, *end;
	size_t size;

	if (!file || line == 0 || line > file->count)
		return NULL;
	file->last_use = ++text.uses;
	start = file->text + file->starts[line - 1];
	end = file->text + file->starts[line];
	while (end > start && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	while (trim && start < end && is_blank(*start))
		start++;
	while (trim && end > start && is_blank(end[-1]))
		end--;
	size = (size_t)(end - start);
	if (size > LINE_MAX_SHOWN)
		size = LINE_MAX_SHOWN;
	memcpy(text.line, start, size);
	text.line[size] = '\0';
	return text.line;
}

const char *
source_text_line(const char *root, const char *path, uint32_t line)
{
	return line_of(file_get(root, path), line, true);
}

const char *
source_text_raw(const char *root, const char *path, uint32_t line)
{
	return line_of(file_get(root, path), line, false);
}

const char *
source_text_kept(const char *root, const char *path, uint32_t line)
{
	struct source_file *file = file_find(root, path);

	return line_of(file ? file : file_get(root, path), line, false);
}

bool
source_text_file(const char *root, const char *path, size_t *lines,
		 uint64_t *changed_ns)
{
	struct source_file *file = file_get(root, path);

	if (!file)
		return false;
	*lines = file->count;
	*changed_ns = (uint64_t)file->info.st_mtim.tv_sec * 1000000000u +
		      (uint64_t)file->info.st_mtim.tv_nsec;
	return true;
}
