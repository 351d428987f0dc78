/* merge.c - several processes as one. */
#include "config.h"

#include "model/merge_inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct merge *
merge_new(struct snapshot *whole)
{
	struct merge *merge = mem_alloc(sizeof(*merge));

	merge->whole = whole;
	merge->names.to = whole->names;
	whole->merge = merge;
	whole->touches = true;
	return merge;
}

static void
member_forget(struct member *member)
{
	names_map_fini(&member->map);
	free(member->parts);
	member->parts = NULL;
	member->part_room = 0;
	member->snapshot = NULL;
}

void
merge_free(struct merge *merge)
{
	if (!merge)
		return;
	for (size_t i = 0; i < merge->count; i++) {
		member_forget(&merge->members[i]);
		free(merge->members[i].process.command);
		free(merge->members[i].process.exe);
	}
	merge->whole->merge = NULL;
	merge_names_fini(&merge->names);
	table_fini(&merge->sites);
	free(merge->members);
	free(merge->first);
	free(merge->bits);
	free(merge);
}

size_t
merge_add(struct merge *merge, const struct process *process)
{
	struct member *member;

	merge->members = mem_room(merge->members, &merge->room, merge->count,
				  sizeof(*merge->members));
	member = &merge->members[merge->count];
	*member = (struct member){.process = *process};
	member->process.command =
	    mem_string(process->command ? process->command : "");
	member->process.exe = mem_string(process->exe ? process->exe : "");
	merge->in_sum++;
	merge->changed = true;
	return merge->count++;
}

/* The program's marks, in the order of their times. */
static void
marks_take(struct merge *merge, struct member *member,
	   const struct snapshot *from)
{
	struct snapshot *whole = merge->whole;

	for (; member->marks_taken < from->mark_count; member->marks_taken++) {
		struct program_mark mark = from->marks[member->marks_taken];
		const char *text = names_text(from->names, mark.text);
		size_t at = whole->mark_count;

		mark.text = names_string(whole->names, text, strlen(text));
		snapshot_add_mark(whole, &mark);
		if (whole->mark_count == at)
			return;
		for (; at && whole->marks[at - 1].time_ns > mark.time_ns; at--)
			whole->marks[at] = whole->marks[at - 1];
		whole->marks[at] = mark;
	}
}

void
merge_take(struct merge *merge, size_t index, const struct snapshot *from)
{
	struct member *member = &merge->members[index];
	bool all = !member->snapshot || !from->touches ||
		   member->read < from->touched_first;
	struct link link = {.member = (uint32_t)index};
	char *command = member->process.command;
	char *exe = member->process.exe;

	merge_names_take(&merge->names, &member->map, from->names);
	merge_site_room(member, from->site_count);
	member->snapshot = from;
	if (from->spreads)
		snapshot_spread(merge->whole);
	if (all)
		for (link.site = 1; link.site <= from->site_count; link.site++)
			merge_site(merge, link);
	else
		for (size_t i = (size_t)(member->read - from->touched_first);
		     i < from->touched_count; i++) {
			link.site = from->touched[i].site;
			merge_site(merge, link);
		}
	member->read = snapshot_touches(from);
	marks_take(merge, member, from);
	member->process = from->process;
	member->process.command = command;
	member->process.exe = exe;
	member->total = (struct share){.member = index,
				       .size = from->live_bytes,
				       .count = from->live_count};
}

void
merge_drop(struct merge *merge, size_t index)
{
	struct member *member = &merge->members[index];
	struct link link = {.member = (uint32_t)index};

	if (member->dropped)
		return;
	for (link.site = 1; link.site <= member->part_room; link.site++)
		merge_site_drop(merge, link);
	if (member->snapshot) {
		merge->gone_cpu_ns += member->snapshot->agent_cpu_ns;
		merge->gone_work += member->snapshot->work_units;
	}
	member_forget(member);
	member->dropped = true;
	merge->in_sum--;
	merge->changed = true;
}

/* All but sites */

static void
losses_add(struct snapshot *whole, const struct snapshot *from)
{
	for (size_t i = 0; i < from->loss_count; i++) {
		size_t at = 0;

		while (at < whole->loss_count &&
		       strcmp(whole->losses[at].name, from->losses[i].name))
			at++;
		if (at == LOSS_MAX)
			continue;
		if (at == whole->loss_count)
			whole->losses[whole->loss_count++] = from->losses[i];
		else
			whole->losses[at].count += from->losses[i].count;
	}
}

static void
process_add(struct process *to, const struct process *from)
{
	if (!to->python)
		to->python = from->python;
	if (from->alive && !to->alive)
		to->state = from->state;
	to->alive = to->alive || from->alive;
	to->rss_bytes += from->rss_bytes;
	to->peak_rss_bytes += from->peak_rss_bytes;
	if (strcmp(to->mode, from->mode) != 0)
		to->mode = "sampled";
	if (to->sample_bytes < from->sample_bytes)
		to->sample_bytes = from->sample_bytes;
	if (to->budget_ppm != from->budget_ppm)
		to->budget_ppm = 0;
	if (to->cost_ppm < from->cost_ppm)
		to->cost_ppm = from->cost_ppm;
}

static void
member_add(struct merge *merge, const struct member *member, bool first)
{
	struct snapshot *whole = merge->whole;
	const struct snapshot *from = member->snapshot;

	if (first) {
		free(whole->process.command);
		free(whole->process.exe);
		whole->process = member->process;
		whole->process.command = mem_string(member->process.command);
		whole->process.exe = mem_string(member->process.exe);
	} else {
		process_add(&whole->process, &member->process);
	}
	if (whole->time_ns < from->time_ns)
		whole->time_ns = from->time_ns;
	if (whole->mono_ns < from->mono_ns)
		whole->mono_ns = from->mono_ns;
	whole->agent_cpu_ns += from->agent_cpu_ns;
	whole->agent_bytes += from->agent_bytes;
	whole->work_units += from->work_units;
	losses_add(whole, from);
}

void
merge_finish(struct merge *merge)
{
	struct snapshot *whole = merge->whole;
	bool first = true;

	whole->tick += merge->changed;
	merge->changed = false;
	whole->agent_cpu_ns = merge->gone_cpu_ns;
	whole->work_units = merge->gone_work;
	whole->agent_bytes = 0;
	whole->loss_count = 0;
	for (size_t i = 0; i < merge->count; i++) {
		if (!merge->members[i].snapshot)
			continue;
		member_add(merge, &merge->members[i], first);
		first = false;
	}
}

/* Asking */

size_t
merge_count(const struct merge *merge)
{
	return merge->count;
}

size_t
merge_members(const struct merge *merge)
{
	return merge->in_sum;
}

const struct process *
merge_process(const struct merge *merge, size_t member)
{
	return &merge->members[member].process;
}

struct share
merge_total(const struct merge *merge, size_t member)
{
	return merge->members[member].total;
}

bool
merge_has(const struct merge *merge, size_t member)
{
	return !merge->members[member].dropped;
}

uint64_t
merge_bits(const struct merge *merge, size_t index)
{
	return index < merge->site_room ? merge->bits[index] : 0;
}

uint64_t
merge_bits_changes(const struct merge *merge)
{
	return merge->bits_changes;
}
