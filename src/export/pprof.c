/*
 * pprof.c - profile.proto, uncompressed, with the values that Go users know:
 * allocated and live, blocks and bytes.
 *
 * String table: "", then the strings of names by id, then extra_strings.
 * Locations are frames, by id; mappings are modules, by id.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "export/formats.h"
#include "export/label.h"
#include "model/rate.h"

/* Field numbers of profile.proto (github.com/google/pprof, proto/). */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE,
	PROFILE_MAPPING,
	PROFILE_LOCATION,
	PROFILE_FUNCTION,
	PROFILE_STRING,
	PROFILE_TIME_NS = 9,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD,
	PROFILE_COMMENT,
};

enum extra {
	EXTRA_ALLOC_OBJECTS,
	EXTRA_COUNT,
	EXTRA_ALLOC_SPACE,
	EXTRA_BYTES,
	EXTRA_INUSE_OBJECTS,
	EXTRA_INUSE_SPACE,
	EXTRA_SPACE,
	EXTRA_COMMENT, /* made in put_strings, of a sampled process only */
};
static const char *const extra_strings[] = {
    "alloc_objects", "count",	    "alloc_space", "bytes",
    "inuse_objects", "inuse_space", "space",
};

/* A message being put together. */
struct message {
	uint8_t *bytes;
	size_t size;
	size_t room;
};

struct function {
	uint32_t name;
	uint32_t file;
};

struct pprof {
	FILE *file;
	const struct snapshot *snapshot;
	struct names *names;
	struct message outer;
	struct message inner;
	struct function *functions; /* [id - 1] */
	size_t function_count;
	size_t function_room;
	struct table function_table;
};

static void
put_byte(struct message *to, uint8_t byte)
{
	to->bytes = mem_room(to->bytes, &to->room, to->size, 1);
	to->bytes[to->size++] = byte;
}

static void
put_varint(struct message *to, uint64_t value)
{
	for (; value >= 128; value >>= 7)
		put_byte(to, (uint8_t)(value | 128));
	put_byte(to, (uint8_t)value);
}

static void
put_number(struct message *to, unsigned field, uint64_t value)
{
	if (!value)
		return;
	put_varint(to, field << 3);
	put_varint(to, value);
}

static void
put_bytes(struct message *to, unsigned field, const void *data, size_t size)
{
	const uint8_t *byte = data;

	put_varint(to, field << 3 | 2);
	put_varint(to, size);
	while (size--)
		put_byte(to, *byte++);
}

/* Writes what is in outer as a field of the profile. */
static void
flush(struct pprof *pprof, unsigned field)
{
	struct message head = {0};

	put_varint(&head, field << 3 | 2);
	put_varint(&head, pprof->outer.size);
	fwrite(head.bytes, 1, head.size, pprof->file);
	fwrite(pprof->outer.bytes, 1, pprof->outer.size, pprof->file);
	pprof->outer.size = 0;
	free(head.bytes);
}

static void
flush_number(struct pprof *pprof, unsigned field, uint64_t value)
{
	struct message *outer = &pprof->outer;

	put_number(outer, field, value);
	fwrite(outer->bytes, 1, outer->size, pprof->file);
	outer->size = 0;
}

static uint64_t
extra(const struct pprof *pprof, enum extra which)
{
	return names_strings(pprof->names) + 1 + which;
}

static void
put_type(struct pprof *pprof, unsigned field, enum extra type, enum extra unit)
{
	put_number(&pprof->outer, 1, extra(pprof, type));
	put_number(&pprof->outer, 2, extra(pprof, unit));
	flush(pprof, field);
}

static uint64_t
function_id(struct pprof *pprof, const struct location *location)
{
	uint64_t hash = hash_mix(location->function, location->file);
	size_t at = table_start(&pprof->function_table, hash);
	uint32_t id;

	while ((id = table_next(&pprof->function_table, hash, &at)))
		if (pprof->functions[id - 1].name == location->function &&
		    pprof->functions[id - 1].file == location->file)
			return id;
	pprof->functions =
	    mem_room(pprof->functions, &pprof->function_room,
		     pprof->function_count, sizeof(*pprof->functions));
	pprof->functions[pprof->function_count] =
	    (struct function){location->function, location->file};
	id = (uint32_t)++pprof->function_count;
	table_put(&pprof->function_table, hash, id);
	return id;
}

static void
put_samples(struct pprof *pprof)
{
	const struct snapshot *snapshot = pprof->snapshot;

	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct site *site = &snapshot->sites[i];
		struct message *inner = &pprof->inner;

		if (!site->stack)
			continue;
		inner->size = 0;
		for (uint32_t at = site->stack; at;
		     at = names_stack(pprof->names, at)->parent)
			put_varint(inner, names_stack(pprof->names, at)->frame);
		put_bytes(&pprof->outer, 1, inner->bytes, inner->size);
		inner->size = 0;
		put_varint(inner, site->alloc_count);
		put_varint(inner, site->alloc_bytes);
		put_varint(inner, site_live_count(site));
		put_varint(inner, site_live_bytes(site));
		put_bytes(&pprof->outer, 2, inner->bytes, inner->size);
		flush(pprof, PROFILE_SAMPLE);
	}
}

static void
put_mappings(struct pprof *pprof)
{
	for (size_t id = 1; id <= names_modules(pprof->names); id++) {
		const struct module *module =
		    names_module(pprof->names, (uint32_t)id);

		put_number(&pprof->outer, 1, id);
		put_number(&pprof->outer, 2, module->start);
		put_number(&pprof->outer, 3, module->end);
		put_number(&pprof->outer, 5, module->path);
		for (unsigned field = 7; field <= 10; field++)
			put_number(&pprof->outer, field, 1);
		flush(pprof, PROFILE_MAPPING);
	}
}

static void
put_locations(struct pprof *pprof)
{
	for (size_t id = 1; id <= names_frames(pprof->names); id++) {
		size_t count;
		const struct location *location =
		    names_locations(pprof->names, (uint32_t)id, &count);
		const struct frame *frame =
		    names_frame(pprof->names, (uint32_t)id);
		uint64_t bias =
		    frame->module
			? names_module(pprof->names, frame->module)->bias
			: 0;

		put_number(&pprof->outer, 1, id);
		put_number(&pprof->outer, 2, frame->module);
		put_number(&pprof->outer, 3, frame->offset + bias);
		for (; count; count--, location++) {
			pprof->inner.size = 0;
			put_number(&pprof->inner, 1,
				   function_id(pprof, location));
			put_number(&pprof->inner, 2, location->line);
			put_bytes(&pprof->outer, 4, pprof->inner.bytes,
				  pprof->inner.size);
		}
		flush(pprof, PROFILE_LOCATION);
	}
	for (size_t i = 0; i < pprof->function_count; i++) {
		put_number(&pprof->outer, 1, i + 1);
		put_number(&pprof->outer, 2, pprof->functions[i].name);
		put_number(&pprof->outer, 4, pprof->functions[i].file);
		flush(pprof, PROFILE_FUNCTION);
	}
}

static void
put_string(struct pprof *pprof, const char *text)
{
	char *clean = text_clean_copy(text);

	put_bytes(&pprof->outer, PROFILE_STRING, clean, strlen(clean));
	fwrite(pprof->outer.bytes, 1, pprof->outer.size, pprof->file);
	pprof->outer.size = 0;
	free(clean);
}

static void
put_comment(struct pprof *pprof)
{
	char rate[RATE_TEXT_MAX], text[128];

	snprintf(text, sizeof(text), "heaptop: estimates, %s",
		 rate_text(rate, &pprof->snapshot->process));
	put_string(pprof, text);
	put_number(&pprof->outer, PROFILE_COMMENT, extra(pprof, EXTRA_COMMENT));
	fwrite(pprof->outer.bytes, 1, pprof->outer.size, pprof->file);
	pprof->outer.size = 0;
}

static void
put_strings(struct pprof *pprof)
{
	for (size_t i = 0; i <= names_strings(pprof->names); i++)
		put_string(pprof, names_text(pprof->names, (uint32_t)i));
	for (size_t i = 0; i < sizeof(extra_strings) / sizeof(char *); i++)
		put_string(pprof, extra_strings[i]);
	if (snapshot_is_sampled(pprof->snapshot))
		put_comment(pprof);
}

bool
pprof_write(FILE *file, const struct snapshot *snapshot, struct err *err)
{
	struct pprof pprof = {
	    .file = file, .snapshot = snapshot, .names = snapshot->names};

	/* Answers of the resolver bring strings; the extra ones stand behind
	 * them all, so locations come first. */
	for (size_t id = 1; id <= names_frames(pprof.names); id++) {
		size_t count;

		names_locations(pprof.names, (uint32_t)id, &count);
	}
	put_type(&pprof, PROFILE_SAMPLE_TYPE, EXTRA_ALLOC_OBJECTS, EXTRA_COUNT);
	put_type(&pprof, PROFILE_SAMPLE_TYPE, EXTRA_ALLOC_SPACE, EXTRA_BYTES);
	put_type(&pprof, PROFILE_SAMPLE_TYPE, EXTRA_INUSE_OBJECTS, EXTRA_COUNT);
	put_type(&pprof, PROFILE_SAMPLE_TYPE, EXTRA_INUSE_SPACE, EXTRA_BYTES);
	put_samples(&pprof);
	put_mappings(&pprof);
	put_locations(&pprof);
	put_strings(&pprof);
	flush_number(&pprof, PROFILE_TIME_NS, snapshot->time_ns);
	put_type(&pprof, PROFILE_PERIOD_TYPE, EXTRA_SPACE, EXTRA_BYTES);
	flush_number(&pprof, PROFILE_PERIOD, snapshot->process.sample_bytes);
	free(pprof.outer.bytes);
	free(pprof.inner.bytes);
	free(pprof.functions);
	table_fini(&pprof.function_table);
	return label_finish(file, err);
}
