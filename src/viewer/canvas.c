/* canvas.c - text into cells. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/text.h"
#include "viewer/canvas.h"

/* One character to be drawn, or one byte written out as \xNN. */
struct shown {
	char text[8];
	int bytes;
	int width; /* 0: combines with the character before */
};

void
canvas_init(struct canvas *canvas, int height, int width, bool ascii)
{
	*canvas = (struct canvas){.ascii = ascii};
	canvas_resize(canvas, height, width);
}

void
canvas_fini(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){0};
}

void
canvas_resize(struct canvas *canvas, int height, int width)
{
	canvas->height = height > 0 ? height : 1;
	canvas->width = width > 0 ? width : 1;
	free(canvas->cells);
	canvas->cells =
	    mem_array((size_t)canvas->height * (size_t)canvas->width,
		      sizeof(*canvas->cells));
	canvas_clear(canvas);
}

static struct cell *
cell_at(const struct canvas *canvas, int y, int x)
{
	return &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
}

static void
cell_set(struct cell *cell, const char *text, int bytes, int width,
	 enum role role)
{
	memcpy(cell->text, text, (size_t)bytes);
	cell->text[bytes] = '\0';
	cell->width = (uint8_t)width;
	cell->role = (uint8_t)role;
}

void
canvas_clear(struct canvas *canvas)
{
	for (int i = 0; i < canvas->height * canvas->width; i++)
		cell_set(&canvas->cells[i], " ", 1, 1, ROLE_TEXT);
	canvas->cursor_y = -1;
	canvas->cursor_x = 0;
}

static int
shown_escape(struct shown *shown, unsigned char byte)
{
	shown->bytes =
	    snprintf(shown->text, sizeof(shown->text), "\\x%02x", byte);
	shown->width = shown->bytes;
	return 1;
}

/* A joiner before an emoji: where terminals know the joined one, it is one
 * character of a width that is theirs to choose; so each is drawn alone. */
static bool
is_joiner(uint32_t code, const char *next)
{
	uint32_t joined;

	return code == 0x200d && text_decode(next, strnlen(next, 4), &joined) &&
	       (joined >> 8 == 0x26 || joined >> 8 == 0x27 ||
		joined >> 12 == 0x1f);
}

/* The next character of text, which is not at its end. Returns its bytes. */
static int
shown_next(const struct canvas *canvas, struct shown *shown, const char *text)
{
	size_t size = strnlen(text, 4);
	uint32_t code;
	size_t bytes;

	if (*text >= ' ' && *text <= '~') {
		shown->text[0] = *text;
		shown->bytes = 1;
		shown->width = 1;
		return 1;
	}
	bytes = text_decode(text, size, &code);
	if (bytes && is_joiner(code, text + bytes)) {
		shown->width = shown->bytes = 0;
		return (int)bytes;
	}
	if (!bytes || text_is_hidden(code))
		return shown_escape(shown, (unsigned char)*text);
	shown->width = wcwidth((wchar_t)code);
	if (canvas->ascii) {
		shown->text[0] = '?';
		shown->bytes = shown->width != 0;
		shown->width = shown->bytes;
		return (int)bytes;
	}
	if (shown->width < 0)
		return shown_escape(shown, (unsigned char)*text);
	memcpy(shown->text, text, bytes);
	shown->bytes = (int)bytes;
	return (int)bytes;
}

/* Splits a wide character whose half is about to be overwritten. */
static void
cell_split(struct canvas *canvas, int y, int x)
{
	struct cell *cell = cell_at(canvas, y, x);

	if (cell->width == 0 && x > 0)
		cell_set(cell - 1, " ", 1, 1, cell[-1].role);
	else if (cell->width == 2 && x + 1 < canvas->width)
		cell_set(cell + 1, " ", 1, 1, cell[1].role);
}

static void
cell_combine(struct canvas *canvas, int y, int x, const struct shown *shown)
{
	struct cell *cell = cell_at(canvas, y, x);
	size_t used;

	if (cell->width == 0 && x > 0)
		cell--;
	used = strlen(cell->text);
	if (used + (size_t)shown->bytes < sizeof(cell->text)) {
		memcpy(cell->text + used, shown->text, (size_t)shown->bytes);
		cell->text[used + (size_t)shown->bytes] = '\0';
	}
}

static void
shown_draw(struct canvas *canvas, int y, int x, const struct shown *shown,
	   enum role role)
{
	if (shown->width > 2) {
		for (int i = 0; i < shown->bytes; i++) {
			cell_split(canvas, y, x + i);
			cell_set(cell_at(canvas, y, x + i), shown->text + i, 1,
				 1, role);
		}
		return;
	}
	cell_split(canvas, y, x);
	if (shown->width == 2) {
		cell_split(canvas, y, x + 1);
		cell_set(cell_at(canvas, y, x + 1), "", 0, 0, role);
	}
	cell_set(cell_at(canvas, y, x), shown->text, shown->bytes, shown->width,
		 role);
}

int
canvas_text(struct canvas *canvas, int y, int x, int max, enum role role,
	    const char *text)
{
	int begin = x;
	int end = max > canvas->width - x ? canvas->width : x + max;

	if (y < 0 || y >= canvas->height || x < 0)
		return 0;
	while (*text) {
		struct shown shown;
		int bytes = shown_next(canvas, &shown, text);

		if (x + shown.width > end)
			break;
		text += bytes;
		if (shown.width) {
			shown_draw(canvas, y, x, &shown, role);
			x += shown.width;
		} else if (x > begin && shown.bytes) {
			cell_combine(canvas, y, x - 1, &shown);
		}
	}
	return x - begin;
}

int
canvas_width(const struct canvas *canvas, const char *text)
{
	int width = 0;

	while (*text) {
		struct shown shown;

		text += shown_next(canvas, &shown, text);
		width += shown.width;
	}
	return width;
}

int
canvas_sentence(struct canvas *canvas, int y, int x, int max, enum role role,
		const char *text)
{
	const char *dots = glyph_text(GLYPH_ELLIPSIS, canvas->ascii);
	char part[1024];
	size_t size;
	int room;

	if (max > canvas->width - x)
		max = canvas->width - x;
	if (canvas_width(canvas, text) <= max)
		return canvas_text(canvas, y, x, max, role, text);
	room = max - canvas_width(canvas, dots);
	if (room < 0)
		return 0;
	snprintf(part, sizeof(part), "%s", text);
	for (size = strlen(part); size && canvas_width(canvas, part) > room;) {
		while (size && part[size - 1] != ' ')
			size--;
		while (size && strchr(" ;,:(", part[size - 1]))
			size--;
		part[size] = '\0';
	}
	if (!size)
		return 0;
	room = canvas_text(canvas, y, x, room, role, part);
	return room + canvas_text(canvas, y, x + room, max - room, role, dots);
}

int
canvas_right(struct canvas *canvas, int y, int x, int width, enum role role,
	     const char *text)
{
	int used = canvas_width(canvas, text);

	if (used > width)
		used = width;
	return canvas_text(canvas, y, x + width - used, used, role, text);
}

int
canvas_format(struct canvas *canvas, int y, int x, int max, enum role role,
	      const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return canvas_text(canvas, y, x, max, role, text);
}

int
canvas_glyph(struct canvas *canvas, int y, int x, enum role role,
	     enum glyph glyph)
{
	return canvas_text(canvas, y, x, canvas->width, role,
			   glyph_text(glyph, canvas->ascii));
}

void
canvas_fill(struct canvas *canvas, int y, int x, int width, enum role role,
	    const char *glyph)
{
	for (int i = 0; i < width; i++)
		canvas_text(canvas, y, x + i, 1, role, glyph);
}

void
canvas_paint(struct canvas *canvas, int y, int x, int width, enum role role)
{
	if (y < 0 || y >= canvas->height)
		return;
	for (int i = x < 0 ? 0 : x; i < x + width && i < canvas->width; i++)
		cell_at(canvas, y, i)->role = (uint8_t)role;
}

void
canvas_paint_match(struct canvas *canvas, int y, int x, int width,
		   enum role role, const char *text)
{
	size_t size = strlen(text);

	if (!size || y < 0 || y >= canvas->height)
		return;
	if (width > canvas->width - x)
		width = canvas->width - x;
	for (int i = 0; i < width; i++) {
		char line[256];
		size_t used = 0;
		int cells = 0;

		while (i + cells < width && used < size &&
		       used + sizeof(((struct cell *)0)->text) < sizeof(line)) {
			const char *part =
			    cell_at(canvas, y, x + i + cells++)->text;

			used += (size_t)snprintf(
			    line + used, sizeof(line) - used, "%s", part);
		}
		if (used >= size && !strncasecmp(line, text, size))
			canvas_paint(canvas, y, x + i, cells, role);
	}
}

char *
canvas_row(const struct canvas *canvas, int y, char *out, size_t size)
{
	size_t used = 0;

	for (int x = 0; x < canvas->width; x++) {
		const char *text = cell_at(canvas, y, x)->text;
		size_t bytes = strlen(text);

		if (used + bytes >= size)
			break;
		memcpy(out + used, text, bytes);
		used += bytes;
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
	return out;
}

static void
row_dump_color(const struct canvas *canvas, int y, FILE *file,
	       const struct theme *theme)
{
	int role = -1;
	char sgr[64];

	for (int x = 0; x < canvas->width; x++) {
		const struct cell *cell = cell_at(canvas, y, x);

		if (cell->role != role) {
			role = cell->role;
			look_sgr(&theme->looks[role], sgr, sizeof(sgr));
			fputs(sgr, file);
		}
		fputs(cell->text, file);
	}
	fputs("\033[0m\n", file);
}

void
canvas_dump(const struct canvas *canvas, FILE *file, const struct theme *theme)
{
	size_t size = (size_t)canvas->width * sizeof(canvas->cells->text) + 1;
	char *row = mem_alloc(size);

	for (int y = 0; y < canvas->height; y++) {
		if (theme)
			row_dump_color(canvas, y, file, theme);
		else
			fprintf(file, "%s\n", canvas_row(canvas, y, row, size));
	}
	free(row);
}

bool
canvas_shows(const struct canvas *canvas, const char *text)
{
	size_t size = (size_t)canvas->width * sizeof(canvas->cells->text) + 1;
	char *row = mem_alloc(size);
	bool found = false;

	for (int y = 0; y < canvas->height && !found; y++)
		found = strstr(canvas_row(canvas, y, row, size), text);
	free(row);
	return found;
}
