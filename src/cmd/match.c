/*
 * match.c - the sites of one snapshot found again in another.
 *
 * Nouns.
 *   key    what a frame is, as words: kind, then the string ids and lines of
 *          its locations, or its module and offset where no file is known. All
 *          string ids are those of `after`.
 *   same   for each frame or stack, the first one of `after` with that key
 */
#include "config.h"

#include "cmd/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"

struct key {
	size_t first; /* in words */
	size_t count;
};

struct pair {
	uint32_t first;	 /* parent, or stack */
	uint32_t second; /* frame, or domain */
};

struct match {
	struct names *to;
	uint32_t *words; /* of all keys */
	size_t word_count;
	size_t word_room;
	struct key *keys; /* by frame of `to` */
	size_t key_room;
	struct table frames; /* of keys; ids are frames of `to` */
	struct table stacks; /* of pairs; ids are stacks of `to` */
	struct pair *stack_pairs;
	size_t stack_room;
	struct table sites; /* of pairs; ids are indices of sites + 1 */
	struct pair *site_pairs;
	size_t site_room;
};

static void
word_add(struct match *match, uint32_t word)
{
	match->words = mem_room(match->words, &match->word_room,
				match->word_count, sizeof(*match->words));
	match->words[match->word_count++] = word;
}

static uint32_t
string_here(struct match *match, const struct names *from, uint32_t string)
{
	const char *text;

	if (from == match->to || !string)
		return string;
	text = names_text(from, string);
	return names_string(match->to, text, strlen(text));
}

static void
key_of_module(struct match *match, const struct names *from,
	      const struct frame *frame)
{
	const struct module *module;
	uint32_t part;
	size_t i;

	if (frame->module) {
		module = names_module(from, frame->module);
		if (module->build_id_size == 0)
			word_add(match, string_here(match, from, module->path));
		for (i = 0; i < module->build_id_size; i += sizeof(part)) {
			memcpy(&part, module->build_id + i, sizeof(part));
			word_add(match, part);
		}
	}
	word_add(match, (uint32_t)frame->offset);
	word_add(match, (uint32_t)(frame->offset >> 32));
}

/* Appends the key of a frame to the words. */
static struct key
key_make(struct match *match, struct names *from, uint32_t id)
{
	struct key key = {.first = match->word_count};
	const struct location *found;
	struct location *locations;
	struct frame frame;
	size_t count, i;

	/* A copy: interning may move what names owns. */
	found = names_locations(from, id, &count);
	locations = mem_array(count, sizeof(*locations));
	memcpy(locations, found, count * sizeof(*locations));
	frame = *names_frame(from, id);
	word_add(match, frame.kind);
	if (frame.kind == FRAME_NATIVE && !locations[0].file) {
		key_of_module(match, from, &frame);
	} else {
		for (i = 0; i < count; i++) {
			const struct location *at = &locations[i];

			word_add(match, string_here(match, from, at->function));
			word_add(match, string_here(match, from, at->file));
			word_add(match, at->line);
		}
	}
	free(locations);
	key.count = match->word_count - key.first;
	return key;
}

static uint64_t
key_hash(const struct match *match, struct key key)
{
	return hash_bytes(match->words + key.first,
			  key.count * sizeof(*match->words));
}

/* The frame of `to` that has this key, or 0. */
static uint32_t
frame_find(const struct match *match, struct key key)
{
	uint64_t hash = key_hash(match, key);
	size_t at = table_start(&match->frames, hash);
	uint32_t id;

	while ((id = table_next(&match->frames, hash, &at)))
		if (match->keys[id].count == key.count &&
		    memcmp(match->words + match->keys[id].first,
			   match->words + key.first,
			   key.count * sizeof(*match->words)) == 0)
			break;
	return id;
}

static void
frame_put(struct match *match, uint32_t id, struct key key)
{
	while (id >= match->key_room)
		match->keys = mem_room(match->keys, &match->key_room,
				       match->key_room, sizeof(struct key));
	match->keys[id] = key;
	table_put(&match->frames, key_hash(match, key), id);
}

/* A frame of another snapshot becomes one of `to`. */
static uint32_t
frame_import(struct match *match, struct names *from, uint32_t id)
{
	const struct frame *frame = names_frame(from, id);
	const struct location *found;
	struct location *locations;
	uint32_t module_id = 0;
	uint32_t result;
	size_t count, i;

	if (frame->module) {
		struct module module = *names_module(from, frame->module);

		module.path = string_here(match, from, module.path);
		module_id = names_add_module(match->to, &module);
	}
	found = names_locations(from, id, &count);
	locations = mem_array(count, sizeof(*locations));
	memcpy(locations, found, count * sizeof(*locations));
	for (i = 0; i < count; i++) {
		locations[i].function =
		    string_here(match, from, locations[i].function);
		locations[i].file = string_here(match, from, locations[i].file);
	}
	result = names_add_frame(match->to, frame->kind, module_id,
				 frame->offset, locations, count);
	free(locations);
	return result;
}

/* same[id] for every frame of `from`. */
static uint32_t *
frames_match(struct match *match, struct names *from)
{
	size_t count = names_frames(from);
	uint32_t *same = mem_array(count + 1, sizeof(*same));
	uint32_t id;

	for (id = 1; id <= count; id++) {
		struct key key = key_make(match, from, id);

		same[id] = frame_find(match, key);
		if (same[id]) {
			match->word_count = key.first;
			continue;
		}
		same[id] =
		    from == match->to ? id : frame_import(match, from, id);
		frame_put(match, same[id], key);
	}
	return same;
}

static uint32_t
pair_find(const struct table *table, const struct pair *pairs,
	  struct pair wanted)
{
	uint64_t hash = hash_mix(wanted.first, wanted.second);
	size_t at = table_start(table, hash);
	uint32_t id;

	while ((id = table_next(table, hash, &at)))
		if (pairs[id].first == wanted.first &&
		    pairs[id].second == wanted.second)
			break;
	return id;
}

static void
pair_put(struct table *table, struct pair **pairs, size_t *room, uint32_t id,
	 struct pair pair)
{
	while (id >= *room)
		*pairs = mem_room(*pairs, room, *room, sizeof(**pairs));
	(*pairs)[id] = pair;
	table_put(table, hash_mix(pair.first, pair.second), id);
}

/* same[id] for every stack of `from`, whose parents come first. */
static uint32_t *
stacks_match(struct match *match, struct names *from,
	     const uint32_t *same_frame)
{
	size_t count = names_stacks(from);
	uint32_t *same = mem_array(count + 1, sizeof(*same));
	uint32_t id;

	for (id = 1; id <= count; id++) {
		const struct stack *stack = names_stack(from, id);
		struct pair pair = {same[stack->parent],
				    same_frame[stack->frame]};

		same[id] = pair_find(&match->stacks, match->stack_pairs, pair);
		if (same[id])
			continue;
		same[id] =
		    from == match->to
			? id
			: names_add_stack(match->to, pair.first, pair.second);
		pair_put(&match->stacks, &match->stack_pairs,
			 &match->stack_room, same[id], pair);
	}
	return same;
}

/* All stacks of names, by the first one of `to` that is the same. */
static uint32_t *
names_match(struct match *match, struct names *from)
{
	uint32_t *frames = frames_match(match, from);
	uint32_t *stacks = stacks_match(match, from, frames);

	free(frames);
	return stacks;
}

/* Index of the first site of `after` with this stack and domain; made when
 * there is none. */
static size_t
site_index(struct match *match, struct snapshot *after, struct pair pair)
{
	uint32_t id = pair_find(&match->sites, match->site_pairs, pair);

	if (id)
		return id - 1;
	snapshot_room(after, after->site_count + 1);
	after->sites[after->site_count - 1].stack = pair.first;
	after->sites[after->site_count - 1].domain = (uint16_t)pair.second;
	pair_put(&match->sites, &match->site_pairs, &match->site_room,
		 (uint32_t)after->site_count, pair);
	return after->site_count - 1;
}

static void
sites_put(struct match *match, const struct snapshot *after,
	  const uint32_t *same)
{
	size_t i;

	for (i = 0; i < after->site_count; i++) {
		const struct site *site = &after->sites[i];
		struct pair pair = {same[site->stack], site->domain};

		if (site->stack &&
		    !pair_find(&match->sites, match->site_pairs, pair))
			pair_put(&match->sites, &match->site_pairs,
				 &match->site_room, (uint32_t)i + 1, pair);
	}
}

static bool
is_same_process(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start_ns == b->start_ns &&
	       a->run_id == b->run_id;
}

static void
sites_mark(struct match *match, struct snapshot *after,
	   const struct snapshot *before, const uint32_t *same,
	   struct mark *mark)
{
	size_t room = mark->count;
	size_t i;

	if (before->spreads)
		mark->spreads = mem_array(room, sizeof(*mark->spreads));
	for (i = 0; i < before->site_count; i++) {
		const struct site *site = &before->sites[i];
		struct pair pair = {same[site->stack], site->domain};
		size_t at;

		if (!site->stack)
			continue;
		at = site_index(match, after, pair);
		mark_set(mark, at, mark_bytes(mark, at) + site_live_bytes(site),
			 mark_blocks(mark, at) + site_live_count(site));
		if (before->spreads)
			spread_add(&mark->spreads[at], &before->spreads[i]);
	}
	mark->count = after->site_count;
}

static void
match_fini(struct match *match)
{
	free(match->words);
	free(match->keys);
	free(match->stack_pairs);
	free(match->site_pairs);
	table_fini(&match->frames);
	table_fini(&match->stacks);
	table_fini(&match->sites);
}

void
match_sites(struct snapshot *after, const struct snapshot *before,
	    struct mark *mark)
{
	struct match match = {.to = after->names};
	uint32_t *same;

	/* Sites of both may be others. */
	mark_init(mark, "", after->site_count + before->site_count);
	mark->time_ns = before->time_ns;
	mark->mono_ns = before->mono_ns;
	mark->tick = before->tick;
	mark->work_units = before->work_units;
	mark->apart = !is_same_process(&after->process, &before->process);
	same = names_match(&match, after->names);
	sites_put(&match, after, same);
	if (before->names != after->names) {
		free(same);
		same = names_match(&match, before->names);
	}
	sites_mark(&match, after, before, same, mark);
	free(same);
	match_fini(&match);
}
