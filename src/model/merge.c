/* merge.c - several processes as one. */
#include "config.h"

#include "model/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/merge_names.h"

/* What a member has of one of its sites, as it is in the whole. */
struct part {
	struct site held;
	struct spread spread;
	uint32_t whole;	 /* site of the whole, 0: the site is not known yet */
	uint32_t member; /* its index */
	uint32_t next;	 /* of that site: index in parts, 0 ends */
};

struct member {
	struct process process;		 /* texts are the member's own */
	const struct snapshot *snapshot; /* NULL: not taken yet, or dropped */
	bool dropped;
	struct names_map map;
	uint32_t *parts; /* [site - 1]: index in parts, 0 none */
	size_t part_count;
	size_t part_room;
	size_t marks_taken;
	uint64_t read; /* changes of the snapshot that were taken */
	struct share total;
};

struct merge {
	struct snapshot *whole;
	struct merge_names names;
	struct member *members;
	size_t count;
	size_t room;
	size_t in_sum;
	struct part *parts; /* [0] is unused */
	size_t part_count;
	size_t part_room;
	uint32_t free_parts; /* linked by next */
	struct table sites;  /* ids of the whole */
	uint32_t *first;     /* [site index]: its parts */
	uint64_t *bits;	     /* [site index] */
	uint64_t bits_changes;
	size_t site_room;     /* of both */
	uint64_t gone_cpu_ns; /* of members that were dropped: both only grow */
	uint64_t gone_work;
	bool changed; /* since merge_finish */
};

struct merge *
merge_new(struct snapshot *whole)
{
	struct merge *merge = mem_alloc(sizeof(*merge));

	merge->whole = whole;
	merge->names.to = whole->names;
	merge->parts =
	    mem_room(NULL, &merge->part_room, 0, sizeof(struct part));
	merge->part_count = 1;
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
	member->part_count = member->part_room = 0;
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
	free(merge->parts);
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

/* Sites */

static void
site_room(struct merge *merge, size_t count)
{
	size_t old = merge->site_room;

	snapshot_room(merge->whole, count);
	if (count <= old)
		return;
	merge->site_room = merge->whole->site_capacity;
	merge->first =
	    mem_grow(merge->first, merge->site_room, sizeof(*merge->first));
	merge->bits =
	    mem_grow(merge->bits, merge->site_room, sizeof(*merge->bits));
	memset(merge->first + old, 0,
	       (merge->site_room - old) * sizeof(*merge->first));
	memset(merge->bits + old, 0,
	       (merge->site_room - old) * sizeof(*merge->bits));
}

/* The site of the whole with this stack and domain. */
static uint32_t
site_find(struct merge *merge, uint32_t stack, uint16_t domain)
{
	struct snapshot *whole = merge->whole;
	uint64_t hash = hash_mix(stack, domain);
	size_t at = table_start(&merge->sites, hash);
	uint32_t id;

	while ((id = table_next(&merge->sites, hash, &at)))
		if (whole->sites[id - 1].stack == stack &&
		    whole->sites[id - 1].domain == domain)
			return id;
	site_room(merge, whole->site_count + 1);
	id = (uint32_t)whole->site_count;
	whole->sites[id - 1].stack = stack;
	whole->sites[id - 1].domain = domain;
	table_put(&merge->sites, hash, id);
	return id;
}

static uint32_t
part_new(struct merge *merge, uint32_t site, uint32_t member)
{
	uint32_t part = merge->free_parts;

	if (part) {
		merge->free_parts = merge->parts[part].next;
	} else {
		merge->parts =
		    mem_room(merge->parts, &merge->part_room, merge->part_count,
			     sizeof(*merge->parts));
		part = (uint32_t)merge->part_count++;
	}
	merge->parts[part] = (struct part){
	    .whole = site, .member = member, .next = merge->first[site - 1]};
	merge->first[site - 1] = part;
	return part;
}

/* The part of a member's site, made when it is new. */
static uint32_t
part_of(struct merge *merge, size_t index, const struct snapshot *from,
	size_t site)
{
	struct member *member = &merge->members[index];
	uint32_t stack;

	while (member->part_count <= site) {
		member->parts =
		    mem_room(member->parts, &member->part_room,
			     member->part_count, sizeof(*member->parts));
		member->parts[member->part_count++] = 0;
	}
	if (member->parts[site])
		return member->parts[site];
	stack = member->map.stacks.ids[from->sites[site].stack];
	member->parts[site] =
	    part_new(merge, site_find(merge, stack, from->sites[site].domain),
		     (uint32_t)index);
	return member->parts[site];
}

static void
site_add(struct merge *merge, uint32_t id, const struct site *part, int sign)
{
	struct snapshot *whole = merge->whole;
	struct site *site = &whole->sites[id - 1];
	uint64_t by = (uint64_t)(int64_t)sign;

	site->alloc_bytes += by * part->alloc_bytes;
	site->alloc_count += by * part->alloc_count;
	site->free_bytes += by * part->free_bytes;
	site->free_count += by * part->free_count;
	site->peak_bytes += by * part->peak_bytes;
	whole->live_bytes += by * site_live_bytes(part);
	whole->live_count += by * site_live_count(part);
	whole->alloc_bytes += by * part->alloc_bytes;
	whole->alloc_count += by * part->alloc_count;
}

static bool
site_is_live(const struct site *site)
{
	return site_live_bytes(site) || site_live_count(site);
}

/* Variances are summed anew: taking one off again would leave its rounding. */
static void
site_rest(struct merge *merge, uint32_t id)
{
	struct snapshot *whole = merge->whole;
	struct spread spread = {0};
	uint64_t bits = 0;

	for (uint32_t i = merge->first[id - 1]; i; i = merge->parts[i].next) {
		const struct part *part = &merge->parts[i];

		spread.alloc_bytes += part->spread.alloc_bytes;
		spread.free_bytes += part->spread.free_bytes;
		spread.alloc_count += part->spread.alloc_count;
		spread.free_count += part->spread.free_count;
		if (site_is_live(&part->held))
			bits |= UINT64_C(1) << part->member % 64;
	}
	merge->bits_changes += merge->bits[id - 1] != bits;
	merge->bits[id - 1] = bits;
	if (whole->spreads)
		whole->spreads[id - 1] = spread;
}

static void
site_take(struct merge *merge, size_t index, const struct snapshot *from,
	  size_t at)
{
	const struct site *site = &from->sites[at];
	struct part *part;
	uint32_t id;
	bool turned;

	if (!site->stack)
		return;
	id = part_of(merge, index, from, at); /* may move the parts */
	part = &merge->parts[id];
	if (!memcmp(&part->held, site, sizeof(*site)))
		return;
	snapshot_touch(merge->whole, part->whole,
		       &merge->whole->sites[part->whole - 1]);
	turned = site_is_live(site) != site_is_live(&part->held);
	site_add(merge, part->whole, &part->held, -1);
	site_add(merge, part->whole, site, 1);
	part->held = *site;
	if (from->spreads) {
		part->spread = from->spreads[at];
		snapshot_spread(merge->whole);
	}
	if (turned || from->spreads)
		site_rest(merge, part->whole);
	merge->changed = true;
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
	char *command = member->process.command;
	char *exe = member->process.exe;

	merge_names_take(&merge->names, &member->map, from->names);
	if (all)
		for (size_t i = 0; i < from->site_count; i++)
			site_take(merge, index, from, i);
	else
		for (size_t i = (size_t)(member->read - from->touched_first);
		     i < from->touched_count; i++)
			site_take(merge, index, from,
				  from->touched[i].site - 1);
	member->read = snapshot_touches(from);
	marks_take(merge, member, from);
	member->process = from->process;
	member->process.command = command;
	member->process.exe = exe;
	member->snapshot = from;
	member->total = (struct share){.member = index,
				       .size = from->live_bytes,
				       .count = from->live_count};
}

static void
part_drop(struct merge *merge, uint32_t id)
{
	struct part *part = &merge->parts[id];
	uint32_t *at = &merge->first[part->whole - 1];

	while (*at != id)
		at = &merge->parts[*at].next;
	*at = part->next;
	snapshot_touch(merge->whole, part->whole,
		       &merge->whole->sites[part->whole - 1]);
	site_add(merge, part->whole, &part->held, -1);
	site_rest(merge, part->whole);
	part->next = merge->free_parts;
	merge->free_parts = id;
}

void
merge_drop(struct merge *merge, size_t index)
{
	struct member *member = &merge->members[index];

	if (member->dropped)
		return;
	for (size_t i = 0; i < member->part_count; i++)
		if (member->parts[i])
			part_drop(merge, member->parts[i]);
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

static int
compare_shares(const void *left, const void *right)
{
	const struct share *a = left, *b = right;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->member < b->member ? -1 : a->member > b->member;
}

/* By index in parts, whose places are given to others in time. */
struct moment_parts {
	size_t count;
	struct moment_part {
		uint64_t size;
		uint32_t whole;
		uint32_t member;
	} part[];
};

struct moment_parts *
merge_moment(const struct merge *merge)
{
	struct moment_parts *moment = mem_alloc(
	    sizeof(*moment) + merge->part_count * sizeof(*moment->part));

	moment->count = merge->part_count;
	for (size_t i = 1; i < merge->part_count; i++) {
		const struct part *part = &merge->parts[i];

		moment->part[i] = (struct moment_part){
		    site_live_bytes(&part->held), part->whole, part->member};
	}
	return moment;
}

static uint64_t
size_then(const struct moment_parts *moment, uint32_t at,
	  const struct part *part)
{
	const struct moment_part *then = &moment->part[at];

	return at < moment->count && then->whole == part->whole &&
		       then->member == part->member
		   ? then->size
		   : 0;
}

size_t
merge_shares(const struct merge *merge, const struct moment_parts *since,
	     const uint32_t *sites, size_t count, struct share *out, size_t max,
	     struct share *sum)
{
	struct share *shares = mem_array(merge->count, sizeof(*shares));
	size_t used = 0;

	*sum = (struct share){0};
	for (size_t i = 0; i < count; i++) {
		uint32_t id = sites[i], at = 0;

		if (id && id <= merge->whole->site_count)
			at = merge->first[id - 1];
		for (; at; at = merge->parts[at].next) {
			const struct part *part = &merge->parts[at];
			struct share *share = &shares[part->member];

			share->size += site_live_bytes(&part->held);
			share->count += site_live_count(&part->held);
			if (since)
				share->size_diff +=
				    (int64_t)(site_live_bytes(&part->held) -
					      size_then(since, at, part));
		}
	}
	for (size_t i = 0; i < merge->count; i++) {
		struct share share = shares[i];

		share.member = i;
		sum->size += share.size;
		sum->count += share.count;
		sum->size_diff += share.size_diff;
		if (share.size || share.count || share.size_diff)
			shares[used++] = share;
	}
	qsort(shares, used, sizeof(*shares), compare_shares);
	if (max)
		memcpy(out, shares, (used < max ? used : max) * sizeof(*out));
	free(shares);
	return used;
}
