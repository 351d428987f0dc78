/* replay_sites.c - the sites of a saved snapshot, and their numbers. */
#include "config.h"

#include <string.h>

#include "source/replay.h"

bool
replay_u32(struct json *json, uint32_t *value)
{
	uint64_t wide;

	if (!json_u64(json, &wide))
		return false;
	if (wide > UINT32_MAX)
		return json_fail(json, "it has a number that is too large");
	*value = (uint32_t)wide;
	return true;
}

/* An id of 0 to count. */
static bool
read_id(struct json *json, size_t count, uint32_t *id)
{
	if (!replay_u32(json, id))
		return false;
	return *id <= count || json_fail(json, REPLAY_BAD_ID);
}

bool
replay_next_u64(struct json *json, uint64_t *value)
{
	if (json_more(json))
		return json_u64(json, value);
	return json_fail(json, "it has an entry that is too short");
}

bool
replay_next_id(struct json *json, size_t count, uint32_t *id)
{
	if (json_more(json))
		return read_id(json, count, id);
	return json_fail(json, "it has an entry that is too short");
}

void
replay_leave(struct json *json)
{
	while (json_more(json))
		json_skip(json);
}

void
replay_domains(struct replay *replay)
{
	struct json *json = &replay->json;

	json_enter(json, '[');
	while (json_more(json) && json_string(json)) {
		uint32_t domain = 0;

		while (domain < DOMAIN_COUNT &&
		       strcmp(domain_names[domain], json->text) != 0)
			domain++;
		if (domain == DOMAIN_COUNT ||
		    replay->domain_count == DOMAIN_COUNT) {
			json_fail(json, "it has an allocator that this "
					"heaptop does not know");
			return;
		}
		replay->domains[replay->domain_count++] = domain;
	}
}

static bool
read_site(struct replay *replay, struct site *site)
{
	struct json *json = &replay->json;
	uint32_t domain = 0;

	json_enter(json, '[');
	replay_next_id(json, names_stacks(replay->source->names), &site->stack);
	replay_next_id(json, UINT16_MAX, &domain);
	replay_next_u64(json, &site->alloc_bytes);
	replay_next_u64(json, &site->alloc_count);
	replay_next_u64(json, &site->free_bytes);
	replay_next_u64(json, &site->free_count);
	replay_next_u64(json, &site->peak_bytes);
	replay_leave(json);
	if (json->problem)
		return false;
	if (domain >= replay->domain_count)
		return json_fail(json, REPLAY_BAD_ID);
	site->domain = (uint16_t)replay->domains[domain];
	return (site->free_bytes <= site->alloc_bytes &&
		site->free_count <= site->alloc_count) ||
	       json_fail(json, "more was freed than allocated in it");
}

void
replay_sites(struct replay *replay)
{
	struct json *json = &replay->json;
	struct snapshot *snapshot = &replay->source->snapshot;

	json_enter(json, '[');
	while (json_more(json)) {
		struct site site = {0};

		if (!read_site(replay, &site))
			return;
		if (snapshot->site_count == REPLAY_IDS_MAX) {
			json_fail(json, "it has too many sites");
			return;
		}
		snapshot_room(snapshot, snapshot->site_count + 1);
		snapshot->sites[snapshot->site_count - 1] = site;
	}
}

static bool
next_variance(struct json *json, double *variance)
{
	if (json_more(json))
		return json_double(json, variance);
	return json_fail(json, "it has an entry that is too short");
}

/* Of the sites that stand before. */
void
replay_spreads(struct replay *replay)
{
	struct json *json = &replay->json;
	struct snapshot *snapshot = &replay->source->snapshot;

	json_enter(json, '[');
	while (json_more(json)) {
		double numbers[4] = {0};
		uint32_t site = 0;

		json_enter(json, '[');
		replay_next_id(json, snapshot->site_count, &site);
		for (int i = 0; i < 4; i++)
			next_variance(json, &numbers[i]);
		replay_leave(json);
		if (!json->problem && !site)
			json_fail(json, REPLAY_BAD_ID);
		if (json->problem)
			return;
		snapshot_spread(snapshot);
		snapshot->spreads[site - 1] =
		    spread_make(numbers[0], numbers[1], numbers[2], numbers[3]);
	}
}
