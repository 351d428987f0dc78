/* json.c - reads JSON piece by piece. */
#include "config.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
json_init(struct json *json, ssize_t (*read)(void *, char *, size_t),
	  void *context)
{
	memset(json, 0, sizeof(*json));
	json->read = read;
	json->context = context;
	json->line = 1;
	json->text_room = 256;
	json->text = mem_alloc(json->text_room);
}

void
json_fini(struct json *json)
{
	free(json->text);
}

bool
json_fail(struct json *json, const char *problem)
{
	if (!json->problem)
		json->problem = problem;
	return false;
}

/* The next byte without taking it, or -1 at the end. */
static int
peek(struct json *json)
{
	if (json->at == json->size) {
		ssize_t got = json->read(json->context, json->buffer,
					 sizeof(json->buffer));

		if (got < 0)
			json_fail(json, "it cannot be read to its end");
		if (got <= 0)
			return -1;
		json->at = 0;
		json->size = (size_t)got;
	}
	return (unsigned char)json->buffer[json->at];
}

static int
take(struct json *json)
{
	int c = peek(json);

	json->at += c >= 0;
	return c;
}

static int
peek_token(struct json *json)
{
	int c;

	while ((c = peek(json)) == ' ' || c == '\n' || c == '\t' || c == '\r') {
		json->line += c == '\n';
		json->at++;
	}
	return c;
}

static bool
expect(struct json *json, char wanted)
{
	int c;

	if (json->problem)
		return false;
	c = peek_token(json);
	if (c < 0)
		return json_fail(json, "it ends too early");
	if (c != wanted)
		return json_fail(json, "it is not the JSON of a snapshot");
	json->at++;
	return true;
}

bool
json_enter(struct json *json, char open)
{
	if (!expect(json, open))
		return false;
	if (json->depth == JSON_DEPTH_MAX)
		return json_fail(json, "it is nested too deeply");
	json->closers[json->depth] = open == '{' ? '}' : ']';
	json->first[json->depth++] = true;
	return true;
}

bool
json_more(struct json *json)
{
	unsigned top = json->depth - 1;

	if (json->problem || !json->depth)
		return false;
	if (peek_token(json) == json->closers[top]) {
		json->at++;
		json->depth--;
		return false;
	}
	if (!json->first[top] && !expect(json, ','))
		return false;
	json->first[top] = false;
	return true;
}

bool
json_key(struct json *json)
{
	return json_more(json) && json_string(json) && expect(json, ':');
}

static void
put(struct json *json, char byte)
{
	if (json->text_size + 1 >= JSON_TEXT_MAX) {
		json_fail(json, "it has a string that is too long");
		return;
	}
	json->text =
	    mem_room(json->text, &json->text_room, json->text_size + 1, 1);
	json->text[json->text_size++] = byte;
}

static void
put_code(struct json *json, uint32_t code)
{
	if (code < 0x80) {
		put(json, (char)code);
		return;
	}
	if (code >= 0x10000) {
		put(json, (char)(0xf0 | code >> 18));
		put(json, (char)(0x80 | (code >> 12 & 0x3f)));
	} else if (code >= 0x800) {
		put(json, (char)(0xe0 | code >> 12));
	} else {
		put(json, (char)(0xc0 | code >> 6));
	}
	if (code >= 0x800)
		put(json, (char)(0x80 | (code >> 6 & 0x3f)));
	put(json, (char)(0x80 | (code & 0x3f)));
}

/* Four hexadecimal digits. */
static bool
take_hex(struct json *json, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++) {
		int c = take(json);
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (c < 0)
			return json_fail(json, "it ends too early");
		if (digit < 0)
			return json_fail(json, "it has a bad escape");
		*code = *code << 4 | (uint32_t)digit;
	}
	return true;
}

static bool
take_unicode(struct json *json)
{
	uint32_t code, low;

	if (!take_hex(json, &code))
		return false;
	if (code >= 0xd800 && code < 0xdc00) {
		if (take(json) != '\\' || take(json) != 'u' ||
		    !take_hex(json, &low) || low < 0xdc00 || low > 0xdfff)
			return json_fail(json, "it has a bad escape");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (!code || (code >= 0xdc00 && code <= 0xdfff)) {
		return json_fail(json, "it has a bad escape");
	}
	put_code(json, code);
	return true;
}

static bool
take_escape(struct json *json)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = take(json);
	const char *found = c > 0 ? strchr(from, c) : NULL;

	if (c == 'u')
		return take_unicode(json);
	if (!found)
		return json_fail(json, "it has a bad escape");
	put(json, to[found - from]);
	return true;
}

bool
json_string(struct json *json)
{
	if (!expect(json, '"'))
		return false;
	json->text_size = 0;
	while (!json->problem) {
		int c = take(json);

		if (c == '"')
			break;
		if (c < 0)
			return json_fail(json, "it ends too early");
		if (c < 0x20)
			return json_fail(json, "it has a control character in "
					       "a string");
		if (c != '\\')
			put(json, (char)c);
		else
			take_escape(json);
	}
	json->text[json->text_size] = '\0';
	return !json->problem;
}

bool
json_u64(struct json *json, uint64_t *value)
{
	int c;

	if (json->problem)
		return false;
	c = peek_token(json);
	if (c < '0' || c > '9')
		return json_fail(json, "it has something else where a number "
				       "belongs");
	for (*value = 0; (c = peek(json)) >= '0' && c <= '9'; json->at++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(c - '0'), value))
			return json_fail(json, "it has a number that is too "
					       "large");
	if (c == '.' || c == 'e' || c == 'E')
		return json_fail(json, "it has a fraction where a count "
				       "belongs");
	return true;
}

bool
json_i64(struct json *json, int64_t *value)
{
	bool negative;
	uint64_t size;

	if (json->problem)
		return false;
	negative = peek_token(json) == '-';
	json->at += negative;
	if (negative && (peek(json) < '0' || peek(json) > '9'))
		return json_fail(json, "it has something else where a number "
				       "belongs");
	if (!json_u64(json, &size))
		return false;
	if (size > (uint64_t)INT64_MAX + negative)
		return json_fail(json, "it has a number that is too large");
	*value = (int64_t)(negative ? 0 - size : size);
	return true;
}

bool
json_double(struct json *json, double *value)
{
	char text[64], *end;
	size_t used = 0;
	int c;

	if (json->problem)
		return false;
	peek_token(json);
	while ((c = peek(json)) >= 0 && used + 1 < sizeof(text) &&
	       ((c >= '0' && c <= '9') || (c > 0 && strchr("+-.eE", c)))) {
		text[used++] = (char)c;
		json->at++;
	}
	text[used] = '\0';
	*value = strtod(text, &end);
	if (!used || *end || !isfinite(*value))
		return json_fail(json, "it has something else where a number "
				       "belongs");
	return true;
}

static bool
take_word(struct json *json, const char *word)
{
	for (; *word; word++)
		if (take(json) != *word)
			return json_fail(json,
					 "it is not the JSON of a snapshot");
	return true;
}

bool
json_bool(struct json *json, bool *value)
{
	if (json->problem)
		return false;
	*value = peek_token(json) == 't';
	return take_word(json, *value ? "true" : "false");
}

static bool
skip_number(struct json *json)
{
	size_t taken = 0;
	int c;

	while ((c = peek(json)) >= 0 &&
	       ((c >= '0' && c <= '9') || strchr("+-.eE", c))) {
		json->at++;
		if (++taken > 64)
			break;
	}
	return (taken && taken <= 64) ||
	       json_fail(json, "it is not the JSON of a snapshot");
}

bool
json_skip(struct json *json)
{
	if (json->problem)
		return false;
	switch (peek_token(json)) {
	case '{':
		json_enter(json, '{');
		while (json_key(json))
			json_skip(json);
		break;
	case '[':
		json_enter(json, '[');
		while (json_more(json))
			json_skip(json);
		break;
	case '"':
		json_string(json);
		break;
	case 't':
		take_word(json, "true");
		break;
	case 'f':
		take_word(json, "false");
		break;
	case 'n':
		take_word(json, "null");
		break;
	default:
		skip_number(json);
	}
	return !json->problem;
}

bool
json_end(struct json *json)
{
	if (json->problem)
		return false;
	/* peek has said so when what follows cannot be read. */
	if (peek_token(json) >= 0)
		json_fail(json, "something stands behind its end");
	return !json->problem;
}
