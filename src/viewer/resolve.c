/* resolve.c - symbol answers what names asks. */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "symbol/symbol.h"
#include "viewer/resolve.h"

enum { WAIT_MS = 10000, STEP_MS = 20 };

struct resolve {
	struct symbols *symbols;
	char root[32]; /* "" or /proc/PID/root */
};

/* True when pid sees other files than we do. */
static bool
has_other_root(uint32_t pid)
{
	struct stat own, its;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	if (stat("/proc/self/ns/mnt", &own) || stat(path, &its))
		return false;
	if (own.st_dev != its.st_dev || own.st_ino != its.st_ino)
		return true;
	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	if (stat("/", &own) || stat(path, &its))
		return false;
	return own.st_dev != its.st_dev || own.st_ino != its.st_ino;
}

struct resolve *
resolve_new(const struct process *process, bool background)
{
	struct resolve *resolve = mem_alloc(sizeof(*resolve));

	if (process->alive && has_other_root(process->pid))
		snprintf(resolve->root, sizeof(resolve->root), "/proc/%u/root",
			 process->pid);
	resolve->symbols = symbols_new(resolve->root, background);
	return resolve;
}

void
resolve_free(struct resolve *resolve)
{
	if (!resolve)
		return;
	symbols_free(resolve->symbols);
	free(resolve);
}

static enum resolve_result
find(void *context, const char *path, const uint8_t *build_id,
     size_t build_id_size, uint64_t offset, struct resolved *out, size_t max,
     size_t *count)
{
	struct resolve *resolve = context;
	const struct symbol_line *lines = NULL;
	size_t found = 0;

	*count = 0;
	if (symbols_find(resolve->symbols, path, build_id, build_id_size,
			 offset, &lines, &found) == SYMBOL_LATER)
		return RESOLVE_LATER;
	/* The last ones are kept: the function that was called is the last. */
	if (found > max) {
		lines += found - max;
		found = max;
	}
	for (size_t i = 0; i < found; i++)
		out[i] = (struct resolved){.function = lines[i].function,
					   .file = lines[i].file,
					   .line = lines[i].line,
					   .inlined = lines[i].inlined};
	*count = found;
	return RESOLVE_DONE;
}

void
resolve_names(struct resolve *resolve, struct names *names)
{
	struct resolver resolver = {.context = resolve, .find = find};

	names_set_resolver(names, &resolver);
}

int
resolve_fd(const struct resolve *resolve)
{
	return symbols_fd(resolve->symbols);
}

void
resolve_drain(struct resolve *resolve)
{
	symbols_drain(resolve->symbols);
}

bool
resolve_all(struct resolve *resolve, struct names *names)
{
	struct pollfd answers = {.fd = resolve_fd(resolve), .events = POLLIN};
	bool changed = false;
	size_t count;

	for (size_t i = 1; i <= names_frames(names); i++)
		names_locations(names, (uint32_t)i, &count);
	/* Answers come in bundles: no other wait is as long. */
	for (int waited_ms = 0; names_pending(names) && waited_ms < WAIT_MS;
	     waited_ms += STEP_MS) {
		if (poll(&answers, 1, STEP_MS) <= 0)
			continue;
		resolve_drain(resolve);
		changed |= names_retry(names);
	}
	return changed;
}

const char *
resolve_root(const struct resolve *resolve)
{
	return resolve->root;
}
