/* kin.c - which process of a list belongs to which. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/source.h"

static bool
has_same_exe(const struct process *a, const struct process *b)
{
	return a->exe && b->exe && *a->exe && strcmp(a->exe, b->exe) == 0;
}

static bool
is_older(const struct process *a, const struct process *b)
{
	return a->start_ns < b->start_ns ||
	       (a->start_ns == b->start_ns && a->pid < b->pid);
}

size_t
process_parent(const struct process_entry *list, size_t count, size_t i)
{
	const struct process *child = &list[i].process;
	size_t parent = count, oldest = count;

	for (size_t j = 0; j < count; j++) {
		const struct process *other = &list[j].process;

		if (*list[j].problem || !is_older(other, child))
			continue;
		/* A number may have been used again: the newest is meant. */
		if (other->pid == child->parent_pid &&
		    (parent == count || is_older(&list[parent].process, other)))
			parent = j;
		if (child->run_id && other->run_id == child->run_id &&
		    has_same_exe(other, child) &&
		    (oldest == count || is_older(other, &list[oldest].process)))
			oldest = j;
	}
	return parent < count ? parent : oldest;
}

/* Parents are older than their children, so every walk upwards ends. */
size_t
process_family(const struct process_entry *list, size_t count, size_t i,
	       bool *in)
{
	size_t *parents = mem_array(count, sizeof(*parents));
	size_t top = i, members = 0;

	for (size_t j = 0; j < count; j++)
		parents[j] = process_parent(list, count, j);
	while (parents[top] < count &&
	       has_same_exe(&list[parents[top]].process, &list[top].process))
		top = parents[top];
	for (size_t j = 0; j < count; j++) {
		size_t at = j;

		while (at < count && at != top)
			at = parents[at];
		in[j] = at == top && !*list[j].problem;
		members += in[j];
	}
	free(parents);
	return members;
}
