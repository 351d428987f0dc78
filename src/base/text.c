/* text.c - text for people and for JSON out of strings nobody may trust. */
#include "config.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

/* Invisible, or changes how its neighbours are shown. Ascending. */
static const struct range {
	uint32_t first;
	uint32_t last;
} hidden[] = {
    {0x0000, 0x001f},	/* C0 */
    {0x007f, 0x009f},	/* DEL, C1 */
    {0x00ad, 0x00ad},	/* soft hyphen */
    {0x034f, 0x034f},	/* combining grapheme joiner */
    {0x061c, 0x061c},	/* Arabic letter mark */
    {0x115f, 0x1160},	/* Hangul fillers */
    {0x17b4, 0x17b5},	/* Khmer inherent vowels */
    {0x180b, 0x180f},	/* Mongolian selectors and separator */
    {0x200b, 0x200f},	/* zero width, left-to-right and back */
    {0x2028, 0x202e},	/* line, paragraph, bidi embedding */
    {0x2060, 0x206f},	/* invisible operators, bidi isolates */
    {0x3164, 0x3164},	/* Hangul filler */
    {0xfe00, 0xfe0f},	/* variation selectors */
    {0xfeff, 0xfeff},	/* byte order mark */
    {0xffa0, 0xffa0},	/* half-width Hangul filler */
    {0xfff0, 0xfffb},	/* interlinear annotation */
    {0xfffe, 0xffff},	/* not characters */
    {0x1d173, 0x1d17a}, /* musical format controls */
    {0xe0000, 0xe0fff}, /* tags, more variation selectors */
};

bool
text_is_hidden(uint32_t code)
{
	if (code >= 0x20 && code < 0x7f)
		return false;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (code < hidden[i].first)
			return false;
		if (code <= hidden[i].last)
			return true;
	}
	return false;
}

size_t
text_decode(const char *text, size_t size, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *byte = (const unsigned char *)text;
	size_t length;

	if (byte[0] < 0x80) {
		*code = byte[0];
		return 1;
	}
	length = byte[0] >= 0xf8   ? 0
		 : byte[0] >= 0xf0 ? 4
		 : byte[0] >= 0xe0 ? 3
		 : byte[0] >= 0xc0 ? 2
				   : 0;
	if (!length || length > size)
		return 0;
	*code = byte[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (byte[i] & 0x3f);
	}
	if (*code < least[length] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return length;
}

/*
 * Takes the next character of text and writes its clean form, at most 16
 * bytes. Returns how many bytes of text it took; *used those of out.
 */
static size_t
clean_next(const char *text, size_t size, char out[16], size_t *used)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t code;
	size_t length = text_decode(text, size, &code);

	if (length && !text_is_hidden(code)) {
		memcpy(out, text, length);
		*used = length;
		return length;
	}
	if (!length)
		length = 1;
	*used = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		out[(*used)++] = '\\';
		out[(*used)++] = 'x';
		out[(*used)++] = digits[byte >> 4];
		out[(*used)++] = digits[byte & 15];
	}
	return length;
}

size_t
text_clean(char *out, size_t room, const char *text, size_t size)
{
	size_t total = 0, kept = 0;
	bool full = false;

	for (size_t i = 0, used; i < size; total += used) {
		char piece[16];

		i += clean_next(text + i, size - i, piece, &used);
		full = full || kept + used >= room;
		if (full)
			continue;
		memcpy(out + kept, piece, used);
		kept += used;
	}
	if (room)
		out[kept] = '\0';
	return total;
}

char *
text_clean_copy(const char *text)
{
	size_t size = text ? strlen(text) : 0;
	size_t room = text_clean(NULL, 0, text, size) + 1;
	char *out = mem_alloc(room);

	text_clean(out, room, text, size);
	return out;
}

void
text_clean_write(FILE *file, const char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0, used; i < size;) {
		char piece[16];

		i += clean_next(text + i, size - i, piece, &used);
		fwrite(piece, 1, used, file);
	}
}

void
text_json_write(FILE *file, const char *text)
{
	size_t size;

	if (!text) {
		fputs("null", file);
		return;
	}
	size = strlen(text);
	putc('"', file);
	for (size_t i = 0, used; i < size;) {
		char piece[16];

		i += clean_next(text + i, size - i, piece, &used);
		for (size_t j = 0; j < used; j++) {
			if (piece[j] == '"' || piece[j] == '\\')
				putc('\\', file);
			putc(piece[j], file);
		}
	}
	putc('"', file);
}

static enum text_units chosen_units;

void
text_units_set(enum text_units units)
{
	chosen_units = units;
}

enum text_units
text_units(void)
{
	return chosen_units;
}

/* "%.1f" below 100 of a unit, "%.0f" up to ten of the next one. */
static const char *
format_size(char out[TEXT_SIZE_MAX], double size, const char *sign)
{
	static const char *const names[][5] = {
	    [TEXT_IEC] = {"B", "KiB", "MiB", "GiB", "TiB"},
	    [TEXT_SI] = {"B", "kB", "MB", "GB", "TB"},
	    [TEXT_BYTES] = {"B"},
	};
	const double step = chosen_units == TEXT_SI ? 1000 : 1024;
	size_t unit = 0;

	while (unit < 4 && names[chosen_units][unit + 1] &&
	       fabs(size) >= 10 * step) {
		size /= step;
		unit++;
		if (fabs(size) < 100)
			break;
	}
	snprintf(out, TEXT_SIZE_MAX, "%s%.*f %s", sign,
		 unit && fabs(size) < 100, size, names[chosen_units][unit]);
	return out;
}

const char *
text_size(char out[TEXT_SIZE_MAX], uint64_t bytes)
{
	return format_size(out, (double)bytes, "");
}

const char *
text_count(char out[TEXT_COUNT_MAX], uint64_t count)
{
	char digits[TEXT_COUNT_MAX];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = out;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

const char *
text_size_diff(char out[TEXT_SIZE_MAX], int64_t bytes)
{
	return format_size(out, (double)bytes, bytes < 0 ? "" : "+");
}

const char *
text_size_error(char out[TEXT_SIZE_MAX], double bytes)
{
	return format_size(out, bytes, "");
}

const char *
text_time(char out[TEXT_TIME_MAX], uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm time;

	if (!localtime_r(&seconds, &time) ||
	    !strftime(out, TEXT_TIME_MAX, "%F %T", &time))
		strcpy(out, "?");
	return out;
}
