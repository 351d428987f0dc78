/*
 * fuzz_text.c - any bytes as a name: what is shown of it is clean, and the same
 * as JSON and as text.
 */
#include "config.h"

#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"

struct reading {
	const char *text;
	size_t left;
};

static ssize_t
read_text(void *context, char *out, size_t size)
{
	struct reading *reading = context;

	if (size > reading->left)
		size = reading->left;
	memcpy(out, reading->text, size);
	reading->text += size;
	reading->left -= size;
	return (ssize_t)size;
}

static void
check_clean(const char *text, size_t size)
{
	while (size) {
		uint32_t code;
		size_t length = text_decode(text, size, &code);

		FUZZ_REQUIRE(length && length <= size && !text_is_hidden(code));
		text += length;
		size -= length;
	}
}

/* JSON's string is read back as the clean text. */
static void
check_json(const char *name, const char *clean)
{
	static struct json json;
	struct reading reading;
	char *text;
	FILE *file = open_memstream(&text, &reading.left);

	text_json_write(file, name);
	fclose(file);
	check_clean(text, reading.left);
	reading.text = text;
	json_init(&json, read_text, &reading);
	FUZZ_REQUIRE(json_string(&json) && json_end(&json));
	FUZZ_REQUIRE(!strcmp(json.text, clean));
	json_fini(&json);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1);
	size_t room = size ? data[0] : 0;
	char part[256];
	char *clean;
	size_t all;

	if (size)
		memcpy(name, data, size);
	name[size] = '\0';
	clean = text_clean_copy(name);
	check_clean(clean, strlen(clean));
	all = text_clean(part, room, name, strlen(name));
	FUZZ_REQUIRE(all == strlen(clean));
	if (room) {
		FUZZ_REQUIRE(strlen(part) < room);
		FUZZ_REQUIRE(!strncmp(part, clean, strlen(part)));
		check_clean(part, strlen(part));
	}
	check_json(name, clean);
	free(clean);
	free(name);
	return 0;
}
