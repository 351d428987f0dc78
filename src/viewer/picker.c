/* picker.c - the profiled processes to choose from, without the screen. */
#include "config.h"

#include "viewer/picker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RATE_NS (3 * UINT64_C(1000000000))

/* An entry while lines are made of entries. */
struct node {
	struct picker_line line;
	size_t parent; /* count: none */
	double value;  /* of all below it, and its own */
	bool alive;    /* or something below it */
};

void
picker_fini(struct picker *picker)
{
	process_list_free(picker->entries, picker->entry_count);
	free(picker->lines);
	free(picker->seen);
	*picker = (struct picker){0};
}

static struct picker_seen *
seen_find(struct picker *picker, const struct process *process)
{
	for (size_t i = 0; i < picker->seen_count; i++)
		if (picker->seen[i].pid == process->pid &&
		    picker->seen[i].start_ns == process->start_ns)
			return &picker->seen[i];
	return NULL;
}

/* Remembers what a process has now; rates count from 3 to 6 seconds back. */
static void
seen_take(struct picker *picker, const struct process_entry *entry,
	  uint64_t now_ns)
{
	struct picker_seen *seen = seen_find(picker, &entry->process);
	uint64_t live = entry->live_bytes;

	if (!seen) {
		picker->seen =
		    mem_room(picker->seen, &picker->seen_room,
			     picker->seen_count, sizeof(*picker->seen));
		picker->seen[picker->seen_count++] = (struct picker_seen){
		    .pid = entry->process.pid,
		    .start_ns = entry->process.start_ns,
		    .live_bytes = live,
		    .old_bytes = {live, live},
		    .old_ns = {now_ns, now_ns},
		};
	} else if (now_ns - seen->old_ns[1] >= RATE_NS) {
		seen->old_bytes[0] = seen->old_bytes[1];
		seen->old_ns[0] = seen->old_ns[1];
		seen->old_bytes[1] = live;
		seen->old_ns[1] = now_ns;
	}
}

static void
line_fill(struct picker *picker, struct picker_line *line)
{
	const struct process_entry *entry = &picker->entries[line->entry];
	const struct picker_seen *seen = seen_find(picker, &entry->process);
	uint64_t ns;

	if (!seen)
		return;
	ns = picker->read_ns - seen->old_ns[0];
	line->growth = (int64_t)(entry->live_bytes - seen->live_bytes);
	if (ns && entry->alive)
		line->rate =
		    (double)(int64_t)(entry->live_bytes - seen->old_bytes[0]) /
		    (double)ns * 1e9;
}

static double
node_value(const struct picker *picker, const struct node *node)
{
	const struct process_entry *entry = &picker->entries[node->line.entry];

	switch (picker->sort) {
	case PICKER_GROWTH:
		return (double)node->line.growth;
	case PICKER_RATE:
		return node->line.rate;
	case PICKER_RSS:
		return entry->alive ? (double)entry->process.rss_bytes : 0;
	case PICKER_LIVE:
	case PICKER_AGE:
	case PICKER_SORTS:
		break;
	}
	return (double)entry->live_bytes;
}

static int
compare_nodes(const void *left, const void *right, void *context)
{
	const struct picker *picker = context;
	const struct node *a = left, *b = right;
	const struct process *first = &picker->entries[a->line.entry].process;
	const struct process *second = &picker->entries[b->line.entry].process;

	if (a->alive != b->alive)
		return a->alive ? -1 : 1;
	if (picker->sort != PICKER_AGE && a->value != b->value)
		return a->value > b->value ? -1 : 1;
	if (first->start_ns != second->start_ns)
		return first->start_ns < second->start_ns ? -1 : 1;
	return a->line.entry < b->line.entry ? -1 : 1;
}

static bool
passes(const struct picker *picker, const struct process_entry *entry)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%" PRIu32, entry->process.pid);
	return !*picker->filter || strstr(pid, picker->filter) ||
	       (entry->process.command &&
		strcasestr(entry->process.command, picker->filter)) ||
	       (*entry->problem && strcasestr(entry->path, picker->filter));
}

/* Appends the children of a process, each followed by its own. */
static void
emit(struct picker *picker, const struct node *nodes, size_t parent,
     unsigned depth)
{
	for (size_t i = 0; i < picker->entry_count; i++) {
		const struct node *node = &nodes[i];
		unsigned below = depth;

		if (node->parent != parent)
			continue;
		if (passes(picker, &picker->entries[node->line.entry])) {
			picker->lines[picker->count] = node->line;
			picker->lines[picker->count++].depth = depth;
			below++;
		}
		emit(picker, nodes, node->line.entry, below);
	}
}

void
picker_arrange(struct picker *picker)
{
	size_t count = picker->entry_count;
	struct node *nodes = mem_array(count, sizeof(*nodes));

	for (size_t i = 0; i < count; i++) {
		nodes[i].line.entry = i;
		nodes[i].parent = process_parent(picker->entries, count, i);
		line_fill(picker, &nodes[i].line);
	}
	for (size_t i = 0; i < count; i++) {
		double value = node_value(picker, &nodes[i]);

		for (size_t at = i; at < count; at = nodes[at].parent) {
			nodes[at].value += value;
			nodes[at].alive |= picker->entries[i].alive;
		}
	}
	if (count)
		qsort_r(nodes, count, sizeof(*nodes), compare_nodes, picker);
	free(picker->lines);
	picker->lines = mem_array(count, sizeof(*picker->lines));
	picker->count = 0;
	emit(picker, nodes, count, 0);
	free(nodes);
}

void
picker_take(struct picker *picker, struct process_entry *entries, size_t count,
	    uint64_t now_ns)
{
	process_list_free(picker->entries, picker->entry_count);
	picker->entries = entries;
	picker->entry_count = count;
	picker->read_ns = now_ns;
	for (size_t i = 0; i < count; i++)
		if (!*entries[i].problem)
			seen_take(picker, &entries[i], now_ns);
	picker_arrange(picker);
}

const struct process_entry *
picker_entry(const struct picker *picker, size_t line)
{
	return line < picker->count
		   ? &picker->entries[picker->lines[line].entry]
		   : NULL;
}
