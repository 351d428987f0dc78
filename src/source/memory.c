/*
 * memory.c - what a process has resident: /proc/PID/smaps.
 *
 * The kernel does not say what a private mapping without a file is for; its
 * place and neighbours do. libc's arenas for threads begin at multiples of 64
 * MiB and are followed by what they may still grow into; a thread's stack has
 * inaccessible pages below it; a file's mapping is followed by its .bss.
 *
 * The kernel holds back the process's own mmap while it makes each page of this
 * text, so it is not read to its end whatever it takes: TIME_NS and LINES_MAX.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "heaptop/wire.h"
#include "source/inner.h"

#define TIME_NS	    UINT64_C(250000000)
#define LINES_MAX   4000000
#define ARENA_BYTES (UINT64_C(64) << 20)
#define STACK_MAX   ((UINT64_C(8) << 20) + (UINT64_C(64) << 10))
#define GUARD_MAX   (UINT64_C(1) << 20)

struct mapping {
	uint64_t start;
	uint64_t end;
	char access[5];
	bool file; /* it has a name that is a path */
	bool bare; /* it has no name at all */
	enum memory_kind kind;
};

static bool
begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool
ends(const char *text, const char *with)
{
	size_t size = strlen(text);

	return size >= strlen(with) &&
	       !strcmp(text + size - strlen(with), with);
}

static enum memory_kind
kind_of_path(const char *path)
{
	static const char *const shared[] = {"/dev/shm/", "/memfd:", "/SYSV",
					     "/dev/zero"};

	if (ends(path, WIRE_SUFFIX))
		return MEMORY_SEGMENT;
	if (ends(path, "/heaptop-agent.so"))
		return MEMORY_MODULE;
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
		if (begins(path, shared[i]))
			return MEMORY_SHARED;
	return MEMORY_FILES;
}

/* A mapping in brackets; libc and others name theirs "[anon: ...]". */
static enum memory_kind
kind_of_name(const char *name)
{
	if (begins(name, "[heap]"))
		return MEMORY_HEAP;
	if (begins(name, "[stack") || strstr(name, "pthread stack"))
		return MEMORY_STACKS;
	if (strstr(name, "glibc: malloc arena"))
		return MEMORY_ARENAS;
	return begins(name, "[anon") ? MEMORY_ANON : MEMORY_FILES;
}

static enum memory_kind
kind_of_bare(const struct mapping *mapping, const struct mapping *before)
{
	bool adjacent = before->end == mapping->start;
	bool closed = !strcmp(before->access, "---p");

	if (mapping->access[3] == 's')
		return MEMORY_SHARED;
	if (!(mapping->start % ARENA_BYTES) &&
	    mapping->end - mapping->start <= ARENA_BYTES)
		return MEMORY_ARENAS;
	if (adjacent && closed && before->bare &&
	    before->end - before->start <= GUARD_MAX &&
	    mapping->end - mapping->start <= STACK_MAX)
		return MEMORY_STACKS;
	if (adjacent && before->file && !closed &&
	    before->kind == MEMORY_FILES && mapping->access[1] == 'w')
		return MEMORY_FILES;
	return MEMORY_ANON;
}

/* False: the line is no mapping's first. */
static bool
mapping_begin(char *line, struct mapping *mapping)
{
	struct mapping before = *mapping;
	struct mapping next = {0};
	int name = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %*u %n",
		   &next.start, &next.end, next.access, &name) != 3 ||
	    !name || next.end <= next.start)
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (ends(line, " (deleted)"))
		line[strlen(line) - strlen(" (deleted)")] = '\0';
	next.file = line[name] == '/';
	next.bare = !line[name];
	next.kind = next.bare	? kind_of_bare(&next, &before)
		    : next.file ? kind_of_path(&line[name])
				: kind_of_name(&line[name]);
	*mapping = next;
	return true;
}

/* A whole line, of which what does not fit is left out. */
static bool
line_read(FILE *file, char *line, int size)
{
	int c;

	if (!fgets(line, size, file))
		return false;
	if (!strchr(line, '\n'))
		while ((c = getc(file)) != EOF && c != '\n')
			;
	return true;
}

static void
memory_sum(struct memory *memory, FILE *file, uint64_t end_ns)
{
	struct mapping mapping = {0};
	bool known = false;
	char line[1024];
	uint64_t kib;

	for (unsigned lines = 0; line_read(file, line, sizeof(line)); lines++) {
		if (lines == LINES_MAX ||
		    (lines % 256 == 255 && clock_ns() > end_ns)) {
			memory->part = true;
			return;
		}
		if (known && sscanf(line, "Rss: %" SCNu64 " kB", &kib) == 1)
			memory->resident[mapping.kind] += kib << 10;
		else if (mapping_begin(line, &mapping))
			known = true;
	}
}

bool
memory_read(struct memory *memory, uint32_t pid)
{
	struct memory fresh = {0};
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/smaps", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	memory_sum(&fresh, file, clock_ns() + TIME_NS);
	fclose(file);
	for (int i = 0; i < MEMORY_COUNT; i++)
		if (fresh.resident[i])
			fresh.time_ns = clock_wall_ns();
	if (!fresh.time_ns)
		return false;
	*memory = fresh;
	return true;
}
