/* place.c - names that fit. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "viewer/place.h"

static const char *
place_path(const struct place *place)
{
	return *place->file ? place->file : place->module;
}

static const char *
line_text(char out[16], const struct place *place)
{
	if (place->line && *place->file)
		snprintf(out, 16, ":%u", place->line);
	else
		out[0] = '\0';
	return out;
}

/* The longest tail of path that begins at a folder and fits; else its last
 * name. *cut: something was left out. */
static const char *
path_tail(const struct canvas *canvas, const char *path, int width, bool *cut)
{
	const char *name = strrchr(path, '/');
	int mark =
	    canvas_width(canvas, glyph_text(GLYPH_ELLIPSIS, canvas->ascii));

	*cut = false;
	if (canvas_width(canvas, path) <= width)
		return path;
	*cut = true;
	for (const char *tail = strchr(path + 1, '/'); tail && tail < name;
	     tail = strchr(tail + 1, '/'))
		if (mark + canvas_width(canvas, tail) <= width)
			return tail;
	*cut = false;
	return name ? name + 1 : path;
}

int
place_draw_name(struct canvas *canvas, int y, int x, int width, enum role role,
		const char *text)
{
	const char *dots = glyph_text(GLYPH_ELLIPSIS, canvas->ascii);
	int mark = canvas_width(canvas, dots);
	int head;
	int used;

	if (canvas_width(canvas, text) <= width)
		return canvas_text(canvas, y, x, width, role, text);
	if (width <= mark + 1)
		return canvas_text(canvas, y, x, width, role, text);
	head = (width - mark) / 3;
	used = canvas_text(canvas, y, x, head, role, text);
	used += canvas_text(canvas, y, x + used, mark, role, dots);
	while (*text && canvas_width(canvas, text) > width - used)
		do
			text++;
		while ((*text & 0xc0) == 0x80);
	return used +
	       canvas_text(canvas, y, x + used, width - used, role, text);
}

int
place_draw_file(struct canvas *canvas, int y, int x, int width, enum role role,
		const struct place *place)
{
	const char *path = place_path(place);
	char line[16];
	int tail;
	int used = 0;
	bool cut;

	if (width <= 0)
		return 0;
	line_text(line, place);
	tail = (int)strlen(line);
	if (tail > width - 1)
		tail = 0;
	path = path_tail(canvas, path, width - tail, &cut);
	if (cut)
		used += canvas_glyph(canvas, y, x, ROLE_DIM, GLYPH_ELLIPSIS);
	used += place_draw_name(canvas, y, x + used, width - tail - used, role,
				path);
	if (tail)
		used += canvas_text(canvas, y, x + used, tail, role, line);
	return used;
}

/* Draws " (function)", or as much of it as makes sense. */
static int
draw_function(struct canvas *canvas, int y, int x, int width,
	      const char *function)
{
	int need = canvas_width(canvas, function) + 3;
	int used;

	if (!*function || width < 6)
		return 0;
	used = canvas_text(canvas, y, x, width, ROLE_DIM, " (");
	if (need <= width) {
		used += canvas_text(canvas, y, x + used, width - used,
				    ROLE_FUNCTION, function);
	} else {
		const char *dots = glyph_text(GLYPH_ELLIPSIS, canvas->ascii);
		int room = width - 3 - canvas_width(canvas, dots);

		used += canvas_text(canvas, y, x + used, room, ROLE_FUNCTION,
				    function);
		used += canvas_text(canvas, y, x + used, width - used, ROLE_DIM,
				    dots);
	}
	return used +
	       canvas_text(canvas, y, x + used, width - used, ROLE_DIM, ")");
}

/* The function first, then where it lives: native code without a line, rows
 * that are functions. */
static int
draw_function_first(struct canvas *canvas, int y, int x, int width,
		    enum role role, const struct place *place)
{
	const char *path = place_path(place);
	const char *name = strrchr(path, '/');
	int used = place_draw_name(canvas, y, x, width, role, place->function);

	name = name ? name + 1 : path;
	if (*name && width - used >= canvas_width(canvas, name) + 3) {
		used += canvas_text(canvas, y, x + used, width - used, ROLE_DIM,
				    " (");
		if (*place->file)
			used +=
			    place_draw_file(canvas, y, x + used,
					    width - used - 1, ROLE_TEXT, place);
		else
			used += canvas_text(canvas, y, x + used, width - used,
					    ROLE_NATIVE, name);
		used += canvas_text(canvas, y, x + used, width - used, ROLE_DIM,
				    ")");
	}
	return used;
}

int
place_draw(struct canvas *canvas, int y, int x, int width, enum role role,
	   const struct place *place)
{
	const char *name = strrchr(place_path(place), '/');
	char line[16];
	int function;
	int shortest;
	int room;
	int used;

	if (*place->function && (place->function_first || !*place->file))
		return draw_function_first(canvas, y, x, width, role, place);
	if (!*place_path(place))
		return canvas_text(canvas, y, x, width, ROLE_DIM, "(unknown)");
	name = name ? name + 1 : place_path(place);
	function =
	    *place->function ? canvas_width(canvas, place->function) + 3 : 0;
	shortest =
	    canvas_width(canvas, name) + (int)strlen(line_text(line, place));
	room = width - function;
	if (room < shortest)
		room = shortest < width ? shortest : width;
	used = place_draw_file(canvas, y, x, room, role, place);
	return used + draw_function(canvas, y, x + used, width - used,
				    place->function);
}

const char *
place_text(char *out, size_t size, const struct place *place)
{
	char line[16];

	snprintf(out, size, "%s%s %s", place_path(place),
		 line_text(line, place), place->function);
	return out;
}
