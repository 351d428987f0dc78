/* family.c - a process and all that it has forked, merged as one source. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/merge.h"
#include "source/inner.h"

#define LOOK_NS UINT64_C(1000000000) /* between two looks for new processes */

struct family {
	struct merge *merge;
	struct source **sources; /* by member; NULL: dropped */
	size_t count;
	size_t room;
	uint64_t looked_ns;
};

/* After exec a process has its number, but another start. One whose source
 * broke was dropped and comes again, if it has a new segment. */
static bool
has_member(const struct family *family, const struct process *process)
{
	for (size_t i = 0; i < family->count; i++) {
		const struct process *own = merge_process(family->merge, i);

		if (family->sources[i] && own->pid == process->pid &&
		    own->start_ns == process->start_ns)
			return true;
	}
	return false;
}

/* Whether a member, which may have left no segment, is its parent. */
static bool
has_parent(const struct family *family, const struct process *process)
{
	for (size_t i = 0; i < family->count; i++) {
		const struct process *own = merge_process(family->merge, i);

		if (own->pid == process->parent_pid &&
		    own->run_id == process->run_id &&
		    own->start_ns <= process->start_ns)
			return true;
	}
	return false;
}

/* One that ended before it could be opened is no member. */
static bool
add_member(struct family *family, const struct process_entry *entry)
{
	struct err ignored;
	struct source *member = source_open_segment(entry->path, &ignored);

	if (!member)
		return false;
	family->sources = mem_room(family->sources, &family->room,
				   family->count, sizeof(*family->sources));
	family->sources[family->count++] = member;
	merge_take(family->merge,
		   merge_add(family->merge, &member->snapshot.process),
		   &member->snapshot);
	return true;
}

/* Adds those of a list that belong here and were not known. */
static bool
add_from(struct family *family, const struct process_entry *list, size_t count)
{
	bool *in = mem_array(count, sizeof(*in));
	bool *wanted = mem_array(count, sizeof(*wanted));
	bool added = false;

	for (size_t i = 0; i < count; i++) {
		if (*list[i].problem || wanted[i] ||
		    (!has_member(family, &list[i].process) &&
		     !has_parent(family, &list[i].process)))
			continue;
		process_family(list, count, i, in);
		for (size_t j = 0; j < count; j++)
			wanted[j] = wanted[j] || in[j];
	}
	for (size_t i = 0; i < count; i++)
		if (wanted[i] && list[i].alive &&
		    !has_member(family, &list[i].process))
			added = add_member(family, &list[i]) || added;
	free(wanted);
	free(in);
	return added;
}

static bool
look(struct family *family)
{
	struct process_entry *list;
	struct err ignored;
	size_t count;
	bool added;

	family->looked_ns = clock_ns();
	if (!process_list(&list, &count, &ignored))
		return false;
	added = add_from(family, list, count);
	process_list_free(list, count);
	return added;
}

static bool
family_is_live(const struct source *source)
{
	const struct family *family = source->state;

	for (size_t i = 0; i < family->count; i++)
		if (family->sources[i] && source_is_live(family->sources[i]))
			return true;
	return false;
}

/* Those that have ended leave the sum, unless nobody is left. */
static void
drop_dead(struct source *source)
{
	struct family *family = source->state;

	if (!family_is_live(source))
		return;
	for (size_t i = 0; i < family->count; i++) {
		if (!family->sources[i] || source_is_live(family->sources[i]))
			continue;
		merge_drop(family->merge, i);
		source_close(family->sources[i]);
		family->sources[i] = NULL;
	}
}

static int
family_refresh(struct source *source, struct err *err)
{
	struct family *family = source->state;
	bool changed = false;
	bool broken = true;

	if (clock_ns() - family->looked_ns >= LOOK_NS)
		changed = look(family);
	for (size_t i = 0; i < family->count; i++) {
		struct source *member = family->sources[i];
		int result = member ? source_refresh(member, err) : -1;

		broken = broken && result < 0;
		changed = changed || (member && result != 0);
		if (result > 0)
			merge_take(family->merge, i, &member->snapshot);
	}
	if (broken)
		return -1;
	if (!changed)
		return 0;
	drop_dead(source);
	merge_finish(family->merge);
	return 1;
}

static bool
family_flush(struct source *source, int timeout_ms)
{
	struct family *family = source->state;
	bool good = true;

	for (size_t i = 0; i < family->count; i++)
		if (family->sources[i] && source_is_live(family->sources[i]))
			good = source_flush(family->sources[i], timeout_ms) &&
			       good;
	return good;
}

static void
family_watch(struct source *source)
{
	struct family *family = source->state;

	for (size_t i = 0; i < family->count; i++)
		if (family->sources[i])
			source_watch(family->sources[i]);
}

static bool
family_ask_rate(struct source *source, const struct rate *rate, struct err *err)
{
	struct family *family = source->state;

	if (!family_is_live(source))
		return err_set(err, "it has ended; see 'heaptop list'");
	for (size_t i = 0; i < family->count; i++)
		if (family->sources[i] && source_is_live(family->sources[i]) &&
		    !source_ask_rate(family->sources[i], rate, err))
			return false;
	return true;
}

static bool
family_ask_types(struct source *source, struct types_ask *ask, struct err *err)
{
	(void)source, (void)ask;
	return err_set(err, "these are several processes; name one by its PID, "
			    "without --family");
}

static bool
family_memory(struct source *source, struct err *err)
{
	(void)source;
	return err_set(err, "a family has no ledger of its own, since its "
			    "processes share memory; name one of them");
}

static void
family_close(struct source *source)
{
	struct family *family = source->state;

	merge_free(family->merge);
	for (size_t i = 0; i < family->count; i++)
		source_close(family->sources[i]);
	free(family->sources);
	free(family);
}

static const struct source_kind family_kind = {
    .refresh = family_refresh,
    .flush = family_flush,
    .watch = family_watch,
    .ask_rate = family_ask_rate,
    .ask_types = family_ask_types,
    .memory = family_memory,
    .close = family_close,
    .is_live = family_is_live,
};

/* The live process with that number, or the newest that had it. */
static size_t
find_pid(const struct process_entry *list, size_t count, uint32_t pid)
{
	size_t found = count;

	for (size_t i = 0; i < count; i++)
		if (!*list[i].problem && list[i].process.pid == pid &&
		    (found == count || !list[found].alive || list[i].alive))
			found = i;
	return found;
}

static bool
is_any_alive(const struct process_entry *list, size_t count, const bool *in)
{
	for (size_t i = 0; i < count; i++)
		if (in[i] && list[i].alive)
			return true;
	return false;
}

static struct source *
open_found(const struct process_entry *list, size_t count, size_t found)
{
	struct source *source = source_make(&family_kind, list[found].path);
	struct family *family = mem_alloc(sizeof(*family));
	bool *in = mem_array(count, sizeof(*in));
	bool alive;

	source->state = family;
	family->merge = merge_new(&source->snapshot);
	family->looked_ns = clock_ns();
	process_family(list, count, found, in);
	alive = is_any_alive(list, count, in);
	for (size_t i = 0; i < count; i++)
		if (in[i] && list[i].alive == alive)
			add_member(family, &list[i]);
	free(in);
	drop_dead(source);
	merge_finish(family->merge);
	return source;
}

struct source *
source_open_family(uint32_t pid, struct err *err)
{
	struct process_entry *list;
	struct source *source = NULL;
	size_t count, found;

	if (!process_list(&list, &count, err))
		return NULL;
	found = find_pid(list, count, pid);
	if (found < count)
		source = open_found(list, count, found);
	else
		err_set(err,
			"cannot open the family of process %" PRIu32
			": it is not among the profiled ones; see 'heaptop "
			"list'",
			pid);
	process_list_free(list, count);
	if (source && !((struct family *)source->state)->count) {
		source_close(source);
		source = NULL;
		err_set(err,
			"cannot open the family of process %" PRIu32
			": it has just ended; see 'heaptop list'",
			pid);
	}
	return source;
}
