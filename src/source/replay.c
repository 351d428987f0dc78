/*
 * replay.c - a saved snapshot as a source (export/snapshot.c writes it).
 *
 * Read in one pass: strings, modules, frames, stacks and sites refer only to
 * what stands before them, and a file that does not is refused. Keys that are
 * not known are skipped.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "source/replay.h"

/* Unpacked, at most: a small file that grows without end is no snapshot, of
 * which one byte stands for ten or so. */
#define BYTES_MAX(packed_) ((UINT64_C(16) << 20) + 100 * (uint64_t)(packed_))

static ssize_t
read_zip(void *context, char *out, size_t size)
{
	struct replay *replay = context;
	int got = gzread(replay->zip, out, (unsigned)size);
	int code = Z_OK;

	if (got == 0) {
		/* A compressed file that was cut ends without complaint. */
		gzerror(replay->zip, &code);
		return code == Z_OK ? 0 : -1;
	}
	replay->bytes += got > 0 ? (uint64_t)got : 0;
	if (replay->bytes <= replay->bytes_max)
		return got;
	json_fail(&replay->json, "it is beyond measure when it is unpacked");
	return -1;
}

static bool
next_string(struct replay *replay, uint32_t *id)
{
	uint32_t wire;

	if (!replay_next_id(&replay->json, replay->string_count, &wire))
		return false;
	*id = wire ? replay->strings[wire - 1] : 0;
	return true;
}

static void
read_strings(struct replay *replay)
{
	struct json *json = &replay->json;

	json_enter(json, '[');
	while (json_more(json) && json_string(json)) {
		if (replay->string_count == REPLAY_IDS_MAX) {
			json_fail(json, "it has too many strings");
			return;
		}
		replay->strings =
		    mem_room(replay->strings, &replay->string_room,
			     replay->string_count, sizeof(uint32_t));
		replay->strings[replay->string_count++] = names_string(
		    replay->source->names, json->text, json->text_size);
	}
}

static void
read_build_id(struct json *json, struct module *module)
{
	const char *text;

	if (!json_more(json) || !json_string(json))
		return;
	text = json->text;
	for (; isxdigit((unsigned char)text[0]) &&
	       isxdigit((unsigned char)text[1]) &&
	       module->build_id_size < sizeof(module->build_id);
	     text += 2) {
		char digits[3] = {text[0], text[1], '\0'};

		module->build_id[module->build_id_size++] =
		    (uint8_t)strtoul(digits, NULL, 16);
	}
	if (*text)
		json_fail(json, "it has a build id that is none");
}

static void
read_modules(struct replay *replay)
{
	struct json *json = &replay->json;

	json_enter(json, '[');
	while (json_more(json)) {
		struct module module = {0};

		json_enter(json, '[');
		next_string(replay, &module.path);
		replay_next_u64(json, &module.start);
		replay_next_u64(json, &module.end);
		replay_next_u64(json, &module.bias);
		read_build_id(json, &module);
		replay_leave(json);
		if (!json->problem)
			names_add_module(replay->source->names, &module);
	}
}

static void
read_location(struct replay *replay, struct location *location)
{
	struct json *json = &replay->json;
	uint32_t inlined = 0;

	*location = (struct location){0};
	json_enter(json, '[');
	next_string(replay, &location->function);
	next_string(replay, &location->file);
	replay_next_id(json, UINT32_MAX, &location->line);
	replay_next_id(json, 1, &inlined);
	location->flags = inlined ? LOCATION_INLINED : 0;
	replay_leave(json);
}

static void
read_frames(struct replay *replay)
{
	struct json *json = &replay->json;
	struct names *names = replay->source->names;

	json_enter(json, '[');
	while (json_more(json)) {
		struct location locations[NAMES_LOCATIONS_MAX];
		uint32_t python = 0, module = 0;
		uint64_t offset = 0;
		size_t count = 0;

		json_enter(json, '[');
		replay_next_id(json, 1, &python);
		replay_next_id(json, names_modules(names), &module);
		replay_next_u64(json, &offset);
		while (json_more(json)) {
			if (count == NAMES_LOCATIONS_MAX) {
				json_skip(json);
				continue;
			}
			read_location(replay, &locations[count]);
			count++;
		}
		if (!count)
			json_fail(json, "it has a frame without a location");
		if (!json->problem)
			names_add_frame(names,
					python ? FRAME_PYTHON : FRAME_NATIVE,
					module, offset, locations, count);
	}
}

static void
read_stacks(struct replay *replay)
{
	struct json *json = &replay->json;
	struct names *names = replay->source->names;

	json_enter(json, '[');
	while (json_more(json)) {
		uint32_t parent, frame;

		json_enter(json, '[');
		replay_next_id(json, names_stacks(names), &parent);
		replay_next_id(json, names_frames(names), &frame);
		replay_leave(json);
		if (!json->problem && !frame)
			json_fail(json, REPLAY_BAD_ID);
		if (!json->problem)
			names_add_stack(names, parent, frame);
	}
}

/* Keeps the string just read for the life of the source. */
static char *
keep_text(struct replay *replay)
{
	struct json *json = &replay->json;
	char *text;

	if (replay->text_count ==
	    sizeof(replay->texts) / sizeof(replay->texts[0])) {
		json_fail(json, REPLAY_TWICE);
		return NULL;
	}
	text = mem_string(json->text);
	replay->texts[replay->text_count++] = text;
	return text;
}

static void
read_losses(struct replay *replay)
{
	struct json *json = &replay->json;
	struct snapshot *snapshot = &replay->source->snapshot;

	json_enter(json, '[');
	while (json_more(json)) {
		struct loss loss = {"", "", 0};

		json_enter(json, '{');
		while (json_key(json)) {
			if (!strcmp(json->text, "count"))
				json_u64(json, &loss.count);
			else if (!strcmp(json->text, "name") &&
				 json_string(json))
				loss.name = keep_text(replay);
			else if (!strcmp(json->text, "text") &&
				 json_string(json))
				loss.text = keep_text(replay);
			else
				json_skip(json);
		}
		if (json->problem)
			return;
		if (snapshot->loss_count == LOSS_MAX) {
			json_fail(json, "it has too many losses");
			return;
		}
		snapshot->losses[snapshot->loss_count++] = loss;
	}
}

/* The keys of "process", by type. */
static bool
read_process_number(struct replay *replay, const char *key)
{
	struct process *process = &replay->source->snapshot.process;
	const struct {
		const char *key;
		uint64_t *wide;
		uint32_t *narrow;
	} numbers[] = {
	    {"pid", NULL, &process->pid},
	    {"parent_pid", NULL, &process->parent_pid},
	    {"python", NULL, &process->python},
	    {"budget_ppm", NULL, &process->budget_ppm},
	    {"cost_ppm", NULL, &process->cost_ppm},
	    {"start_ns", &process->start_ns, NULL},
	    {"run_id", &process->run_id, NULL},
	    {"sample_bytes", &process->sample_bytes, NULL},
	    {"rss_bytes", &process->rss_bytes, NULL},
	    {"peak_rss_bytes", &process->peak_rss_bytes, NULL},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].key, key) != 0)
			continue;
		if (numbers[i].wide)
			json_u64(&replay->json, numbers[i].wide);
		else
			replay_u32(&replay->json, numbers[i].narrow);
		return true;
	}
	return false;
}

static bool
read_process_text(struct replay *replay, const char *key)
{
	struct process *process = &replay->source->snapshot.process;
	const struct {
		const char *key;
		const char **text;
	} texts[] = {
	    {"state", &process->state},	      {"mode", &process->mode},
	    {"unwinder", &process->unwinder}, {"native", &process->native},
	    {"live_map", &process->live_map},
	};

	if (!strcmp(key, "command") || !strcmp(key, "exe")) {
		char **text = key[0] == 'c' ? &process->command : &process->exe;

		if (json_string(&replay->json)) {
			free(*text);
			*text = mem_string(replay->json.text);
		}
		return true;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].key, key) != 0)
			continue;
		if (json_string(&replay->json))
			*texts[i].text = keep_text(replay);
		return true;
	}
	return false;
}

static void
read_process(struct replay *replay)
{
	struct json *json = &replay->json;

	json_enter(json, '{');
	while (json_key(json)) {
		if (!strcmp(json->text, "alive")) {
			json_bool(json,
				  &replay->source->snapshot.process.alive);
			continue;
		}
		if (read_process_number(replay, json->text) ||
		    read_process_text(replay, json->text))
			continue;
		json_skip(json);
	}
}

static void
read_marks(struct replay *replay)
{
	struct json *json = &replay->json;

	json_enter(json, '[');
	while (json_more(json)) {
		struct program_mark mark = {0};

		json_enter(json, '[');
		next_string(replay, &mark.text);
		replay_next_u64(json, &mark.tick);
		replay_next_u64(json, &mark.time_ns);
		replay_next_u64(json, &mark.live_bytes);
		replay_next_u64(json, &mark.live_count);
		replay_next_u64(json, &mark.work_units);
		replay_leave(json);
		if (json->problem)
			return;
		snapshot_add_mark(&replay->source->snapshot, &mark);
	}
}

static void
read_memory(struct replay *replay)
{
	struct json *json = &replay->json;
	struct memory *memory = &replay->source->snapshot.memory;

	json_enter(json, '{');
	while (json_key(json)) {
		uint64_t *value = NULL;

		if (!strcmp(json->text, "part")) {
			json_bool(json, &memory->part);
			continue;
		}
		if (!strcmp(json->text, "time_ns"))
			value = &memory->time_ns;
		for (int i = 0; i < MEMORY_COUNT && !value; i++)
			if (!strcmp(json->text, memory_names[i]))
				value = &memory->resident[i];
		if (value)
			json_u64(json, value);
		else
			json_skip(json);
	}
}

static void
read_format(struct replay *replay)
{
	if (json_string(&replay->json))
		replay->format = !strcmp(replay->json.text, "heaptop-snapshot");
	if (!replay->format)
		json_fail(&replay->json, "it is the JSON of something else");
}

static void
read_version(struct replay *replay)
{
	if (json_u64(&replay->json, &replay->version) && replay->version != 1)
		json_fail(&replay->json, "it was written by a newer heaptop");
}

static const struct {
	const char *key;
	void (*read)(struct replay *);
} parts[] = {
    {"version", read_version},
    {"process", read_process},
    {"losses", read_losses},
    {"domains", replay_domains},
    {"strings", read_strings},
    {"modules", read_modules},
    {"frames", read_frames},
    {"stacks", read_stacks},
    {"sites", replay_sites},
    {"spreads", replay_spreads},
    {"marks", read_marks},
    {"history", replay_history},
    {"user_marks", replay_user_marks},
    {"memory", read_memory},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* Each member stands once. */
static bool
is_first(struct replay *replay, size_t member)
{
	if (replay->seen & UINT64_C(1) << member)
		return json_fail(&replay->json, REPLAY_TWICE);
	replay->seen |= UINT64_C(1) << member;
	return true;
}

static void
read_part(struct replay *replay)
{
	struct json *json = &replay->json;
	struct snapshot *snapshot = &replay->source->snapshot;
	const struct {
		const char *key;
		uint64_t *value;
	} numbers[] = {
	    {"tick", &snapshot->tick},
	    {"time_ns", &snapshot->time_ns},
	    {"mono_ns", &snapshot->mono_ns},
	    {"agent_cpu_ns", &snapshot->agent_cpu_ns},
	    {"agent_bytes", &snapshot->agent_bytes},
	    {"work_units", &snapshot->work_units},
	    {"user_mark", &replay->user_mark},
	    {"pool_bytes", &snapshot->pool_bytes},
	};

	for (size_t i = 0; i < PARTS; i++) {
		if (!strcmp(parts[i].key, json->text)) {
			if (is_first(replay, i))
				parts[i].read(replay);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!strcmp(numbers[i].key, json->text)) {
			if (is_first(replay, PARTS + i))
				json_u64(json, numbers[i].value);
			return;
		}
	}
	json_skip(json);
}

static bool
read_all(struct replay *replay)
{
	struct json *json = &replay->json;

	json_enter(json, '{');
	if (!json_key(json) || strcmp(json->text, "format") != 0)
		return json_fail(json, "it is the JSON of something else");
	read_format(replay);
	while (json_key(json))
		read_part(replay);
	if (!json->problem && !replay->version)
		json_fail(json, "it does not say its version");
	if (replay->user_mark && replay->user_mark <= replay->saved.mark_count)
		replay->saved.baseline = (size_t)replay->user_mark - 1;
	return json_end(json);
}

static void
replay_close(struct source *source)
{
	struct replay *replay = source->state;

	for (size_t i = 0; i < replay->text_count; i++)
		free(replay->texts[i]);
	free(replay->strings);
	saved_fini(&replay->saved);
	json_fini(&replay->json);
	free(replay);
}

static struct saved *
replay_saved(struct source *source)
{
	struct replay *replay = source->state;

	return &replay->saved;
}

static const struct source_kind replay_kind = {.close = replay_close,
					       .saved = replay_saved};

struct source *
replay_open(int fd, const char *path, struct err *err)
{
	struct source *source = source_make(&replay_kind, path);
	struct replay *replay = mem_alloc(sizeof(*replay));
	struct process *process = &source->snapshot.process;
	struct stat found;

	source->state = replay;
	replay->source = source;
	json_init(&replay->json, read_zip, replay);
	process->command = mem_string("");
	process->exe = mem_string("");
	process->state = process->mode = process->unwinder = "unknown";
	process->native = "leaf"; /* old snapshots do not say */
	process->sample_bytes = 1;
	replay->zip = gzdopen(fd, "r");
	if (!replay->zip) {
		close(fd);
		source_fail(err, path, "%s; try again", strerror(errno));
		goto close_source;
	}
	gzbuffer(replay->zip, 65536);
	replay->bytes_max = BYTES_MAX(fstat(fd, &found) ? 0 : found.st_size);
	if (!read_all(replay)) {
		gzclose_r(replay->zip);
		source_fail(err, path,
			    "%s (line %" PRIu64 "); save the snapshot again",
			    replay->json.problem, replay->json.line);
		goto close_source;
	}
	gzclose_r(replay->zip);
	replay->zip = NULL;
	snapshot_sum(&source->snapshot);
	source->snapshot.touches = true; /* there will be none */
	return source;
close_source:
	source_close(source);
	return NULL;
}
