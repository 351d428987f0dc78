/*
 * stubs.c - neighbours of the agent's files, as tests want them.
 */
#include "config.h"

#include "stubs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/life.h"
#include "agent/py/py.h"
#include "agent/py/pykept.h"
#include "agent/rest.h"
#include "agent/ticker.h"
#include "agent/unwind.h"

#define WEAK __attribute__((weak))

__thread struct stubs stubs;

/* Else all of the agent would be linked, its malloc too. */
WEAK bool
life_is_asleep(void)
{
	return false;
}

WEAK bool
life_wake(void)
{
	return true;
}

WEAK bool
agent_child(void)
{
	return false;
}

WEAK uint32_t rest_state;

WEAK void
rest_end(void)
{
}

WEAK bool agent_on = true;
WEAK struct agent_config agent_config;

WEAK uint64_t py_eval_low, py_eval_high;
WEAK uint64_t py_code_epoch;
WEAK bool py_settling;
WEAK bool py_frees_unseen;

WEAK void
py_settle(void)
{
}

WEAK bool
py_setup(void)
{
	return false;
}

WEAK void
py_arrived(const struct unwind_module *library)
{
	(void)library;
}

WEAK bool
py_is_late(void)
{
	return false;
}

WEAK void
py_look(void)
{
}

WEAK uint64_t
ticker_agent_bytes(void)
{
	return 0;
}

WEAK uint32_t
py_version(void)
{
	return 0;
}

WEAK size_t
py_walk(uint64_t *words, size_t max, bool gil, bool *cut)
{
	size_t count = stubs.python_count < max ? stubs.python_count : max;

	(void)gil;
	if (count)
		memcpy(words, stubs.python, count * sizeof(*words));
	*cut |= stubs.python_cut;
	return count;
}

WEAK size_t
py_walk_runs(uint64_t *words, size_t max, bool gil, bool *cut)
{
	size_t count = py_walk(words, max - 1, gil, cut);

	words[count] = PY_RUN_END;
	return count ? count + 1 : 0;
}

WEAK bool
py_eval_is_base(uint64_t pc)
{
	(void)pc;
	return true;
}

static bool
look_anew(struct py_kept *kept, bool gil)
{
	struct py_kept_stack found = {.words = kept->words};

	found.count = (uint32_t)py_walk(kept->words, PY_KEPT_FRAMES, gil,
					&found.is_broken);
	kept->found = found;
	return false;
}
WEAK bool (*py_kept_look)(struct py_kept *, bool) = look_anew;

WEAK uint32_t
py_code_intern(uint64_t word)
{
	return stubs.code ? stubs.code(word) : 0;
}

WEAK uint32_t
py_code_find(uint64_t word)
{
	return stubs.code ? stubs.code(word) : 0;
}

WEAK void
py_code_freed(void *block)
{
	(void)block;
}

WEAK void
py_code_forget(void)
{
}

WEAK void
py_code_name(uint32_t id, uint64_t word, struct py_name *name)
{
	(void)word;
	name->file = "stub.py";
	name->function = "stub";
	name->line = id;
	name->first_line = 1;
}

WEAK void
py_forked(void)
{
}

WEAK int walk_kind;

WEAK bool
unwind_init(int kind)
{
	(void)kind;
	return true;
}

WEAK size_t
unwind_walk(struct unwind_state state, struct unwind_bounds *bounds,
	    uint64_t stop_low, uint64_t stop_high, uint64_t *pcs, size_t max,
	    bool *stopped, enum unwind_end *end)
{
	size_t count = 0;

	(void)bounds;
	(void)stop_low;
	(void)stop_high;
	pcs[count++] = state.pc;
	for (size_t i = 0; i < stubs.frame_count && count < max; i++)
		pcs[count++] = stubs.frames[i];
	*stopped = stubs.stopped;
	*end = (enum unwind_end)stubs.end;
	return count;
}

WEAK void
unwind_modules_changed(void)
{
}

WEAK void
unwind_modules_scan(void)
{
}

WEAK void
unwind_unmapped(void)
{
}

WEAK void
unwind_forked(void)
{
}

WEAK bool
unwind_find_module(uint64_t pc, struct unwind_module *found)
{
	return stubs.module && stubs.module(pc, found);
}

static char directory[256];

const char *
stubs_directory(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%s/heaptop-test-XXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(directory))
		abort();
	agent_config.directory = directory;
	return directory;
}

void
stubs_directory_remove(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(directory);
}
