/*
 * pytext.c - reads Python's strings and bytes by offset.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/py/pytext.h"

#include <string.h>

#include "agent/py/pyruntime.h"

#define REPLACEMENT 0xfffd
#define BYTES_MAX   (1u << 24) /* no line table is that long */

/* The characters of a str: 1, 2 or 4 bytes each. */
struct text {
	const char *data;
	uint64_t length;
	unsigned width;
	bool is_ascii;
};

static bool
is_of(const char *object, const void *type)
{
	if (!object || (uintptr_t)object & 7)
		return false;
	return *(const void *const *)(object + py_runtime.layout->ob_type) ==
	       type;
}

static bool
text_of(const char *object, struct text *text)
{
	const struct py_layout *layout = py_runtime.layout;
	uint32_t state;

	if (!is_of(object, py_runtime.str_type))
		return false;
	state = *(const uint32_t *)(object + layout->str_state);
	text->length = *(const uint64_t *)(object + layout->str_length);
	text->width = (state & layout->str_kind_mask) >> layout->str_kind_shift;
	text->is_ascii = (state & layout->str_ascii_bit) != 0;
	if (!(state & layout->str_compact_bit))
		text->data =
		    *(const char *const *)(object + layout->str_pointer);
	else if (state & layout->str_ascii_bit)
		text->data = object + layout->str_ascii;
	else
		text->data = object + layout->str_compact;
	return text->data &&
	       (text->width == 1 || text->width == 2 || text->width == 4);
}

static uint32_t
text_at(const struct text *text, uint64_t i)
{
	uint32_t c;

	if (text->width == 1)
		c = ((const uint8_t *)text->data)[i];
	else if (text->width == 2)
		c = ((const uint16_t *)text->data)[i];
	else
		c = ((const uint32_t *)text->data)[i];
	if (!c || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return REPLACEMENT;
	return c;
}

static unsigned
utf8_write(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t
py_text_utf8(const char *object, char *buffer, size_t size)
{
	struct text text;
	size_t used = 0;

	if (!text_of(object, &text)) {
		buffer[0] = '?';
		buffer[1] = '\0';
		return 1;
	}
	for (uint64_t i = 0; i < text.length; i++) {
		char bytes[4];
		unsigned count = utf8_write(bytes, text_at(&text, i));

		if (used + count >= size)
			break;
		memcpy(buffer + used, bytes, count);
		used += count;
	}
	buffer[used] = '\0';
	return used;
}

bool
py_text_is(const char *object, const char *text)
{
	struct text other;
	char bytes[4];

	if (!text_of(object, &other))
		return strcmp(text, "?") == 0;
	if (other.is_ascii)
		return strncmp(text, other.data, other.length) == 0 &&
		       text[other.length] == '\0';
	for (uint64_t i = 0; i < other.length; i++) {
		unsigned count = utf8_write(bytes, text_at(&other, i));

		if (strncmp(text, bytes, count) != 0)
			return false;
		text += count;
	}
	return *text == '\0';
}

bool
py_text_bytes(const char *object, const uint8_t **data, size_t *size)
{
	const struct py_layout *layout = py_runtime.layout;
	uint64_t length;

	if (!is_of(object, py_runtime.bytes_type))
		return false;
	length = *(const uint64_t *)(object + layout->ob_size);
	if (length > BYTES_MAX)
		return false;
	*data = (const uint8_t *)object + layout->bytes_data;
	*size = length;
	return true;
}
